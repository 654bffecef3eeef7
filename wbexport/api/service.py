"""What every API object holds on to: GraphQL, and the session that carries files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.graphql.client import GraphQL

if TYPE_CHECKING:
    from wbexport.transport import Session

__all__ = ["Service"]


class Service(GraphQL):
    """GraphQL of a server whose session also downloads files.

    Args:
        session: Carries the bytes.

    Example:
        >>> Service(session).execute("Viewer", {})["viewer"]["username"]
        'ada'
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.session = session

    @property
    def app_url(self) -> str:
        """Address of the web pages that belong to the server, without a trailing slash."""
        return self.session.settings.app_url
