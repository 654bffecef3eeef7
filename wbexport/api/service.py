"""What every API object holds on to: GraphQL, and the session that carries files beside it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wbexport.errors import GraphQLError, UnsupportedError
from wbexport.graphql.client import GraphQL

if TYPE_CHECKING:
    from wbexport.api.client import Api
    from wbexport.transport import Session

__all__ = ["Service"]


class Service(GraphQL):
    """GraphQL of a server whose session also downloads files.

    Args:
        session: Carries the bytes.
        api: Opens what an object names, such as the sweep of a run.

    Example:
        >>> Service(session, api).execute("Viewer", {})["viewer"]["username"]
        'ada'
    """

    def __init__(self, session: Session, api: Api) -> None:
        super().__init__(session)
        self.session = session
        self.api = api

    @property
    def app_url(self) -> str:
        """Address of the web pages that belong to the server, without a trailing slash."""
        return self.session.settings.app_url

    @cached_property
    def features(self) -> frozenset[str]:
        """Names of what the server says it can do; empty for servers too old to be asked."""
        try:
            info = self.execute("ServerFeatures", {}).get("serverInfo") or {}
        except GraphQLError:
            return frozenset()
        features = info.get("features") or ()
        return frozenset(each["name"] for each in features if each and each["isEnabled"])

    def require_feature(self, name: str, what: str) -> None:
        """Refuse what the server cannot do.

        Args:
            name: The feature, in the server's spelling.
            what: What needs it, as the beginning of a sentence.

        Raises:
            UnsupportedError: The server does not have it.
        """
        if name not in self.features:
            raise UnsupportedError(
                f"{what} needs a newer W&B server: {self.session.settings.origin} lacks {name}."
            )
