"""What every part of `Api` stands on: the settings, the connection, and what was opened before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from wbexport.api.accounts import User
from wbexport.api.service import Service
from wbexport.errors import AuthError, InputError
from wbexport.paths import parse_project_path
from wbexport.transport import Session, user_agent

if TYPE_CHECKING:
    from typing import Self

    from wbexport.api.client import Api
    from wbexport.paths import ProjectPath
    from wbexport.settings import Settings
    from wbexport.transport import Transport

__all__ = ["Door"]


class Door:
    """A connection to a server for one key, and the memory of what was opened through it.

    Args:
        settings: Host, key and limits.
        transport: Takes the place of the network, for a server in this process.

    Raises:
        SettingsError: There is no key for the server.
    """

    def __init__(self, settings: Settings, transport: Transport | None = None) -> None:
        settings.require_credential()
        self.settings = settings
        self._transport = transport
        self.client = Service(Session(settings, transport=transport), cast("Api", self))
        self._viewer: User | None = None
        self._default_entity: str | None = None
        self._opened: dict[object, Any] = {}

    @property
    def user_agent(self) -> str:
        """How the client names itself to the server."""
        return user_agent()

    @property
    def default_entity(self) -> str | None:
        """The entity that the server takes for this key when none is named."""
        if self._default_entity is None:
            viewer = self.client.execute("DefaultEntity", {}).get("viewer") or {}
            self._default_entity = viewer.get("entity")
        return self._default_entity

    @property
    def viewer(self) -> User:
        """The user to whom the key belongs.

        Raises:
            AuthError: The server does not know the key.
        """
        if self._viewer is None:
            viewer = self.client.execute("Viewer", {}).get("viewer")
            if viewer is None:
                raise AuthError(
                    f"{self.settings.origin} does not know this API key; "
                    f"take one from {self.settings.app_url}/authorize."
                )
            self._viewer = User(self.client, viewer)
            self._default_entity = self._viewer.entity
        return self._viewer

    def with_key(self, api_key: str) -> Self:
        """Return an `Api` of the same server for another key.

        Args:
            api_key: The key.

        Returns:
            The `Api`.

        Raises:
            SettingsError: The key is malformed.
        """
        return type(self)(settings=self.settings.with_key(api_key), transport=self._transport)

    def flush(self) -> None:
        """Forget the runs and listings opened so far, so that they are fetched anew."""
        self._opened.clear()

    def _entity(self) -> str | None:
        return self.settings.entity or self.default_entity

    def _require_entity(self, entity: str | None) -> str:
        """Return the entity given, or that of the settings or of the key."""
        entity = entity or self._entity()
        if entity is None:
            raise InputError("Give an entity, or set WANDB_ENTITY: the key has no default entity.")
        return entity

    def _project_path(self, path: str | None) -> ProjectPath:
        return parse_project_path(path, self._entity, self.settings.project)

    def __repr__(self) -> str:
        return f"<Api {self.settings.origin}>"
