"""`Api`: opens W&B's objects; holds no logic of theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.api.artifacts import Artifact
from wbexport.api.collection import QueryText
from wbexport.api.openers.accounts import OpensAccounts
from wbexport.api.openers.artifacts import OpensArtifacts
from wbexport.api.openers.automations import OpensAutomations
from wbexport.api.openers.launch import OpensLaunch
from wbexport.api.openers.paths import OpensPaths
from wbexport.api.openers.registries import OpensRegistries
from wbexport.api.openers.reports import OpensReports
from wbexport.errors import InputError
from wbexport.settings import Settings

if TYPE_CHECKING:
    from wbexport.transport import Transport

__all__ = ["Api"]


class Api(
    OpensPaths,
    OpensReports,
    OpensArtifacts,
    OpensRegistries,
    OpensAccounts,
    OpensAutomations,
    OpensLaunch,
):
    """Queries a W&B server. Nothing is sent before something is asked for.

    Its `client` executes queries; the classes of the API take it as their first argument.

    Args:
        overrides: `base_url`, and defaults for `entity`, `project` and `run`.
        timeout: Seconds to wait for the server to say something.
        api_key: The key; by default that of the environment or of netrc.
        read_only: Refuse everything that would change the server, before a request is sent.
        settings: Settings to take as they are; then `overrides`, `timeout` and `api_key` may not
            be given.
        transport: Takes the place of the network, for a server in this process.

    Raises:
        SettingsError: There is no key, or a key, URL or number is malformed.

    Example:
        >>> import wbexport
        >>> api = wbexport.Api()
        >>> runs = api.runs("team/vision", filters={"state": "finished"})
        >>> runs[0].summary["loss"]
        0.25
    """

    CREATE_PROJECT = QueryText("CreateProject")
    DEFAULT_ENTITY_QUERY = QueryText("DefaultEntity")
    USERS_QUERY = QueryText("Users")
    VIEWER_QUERY = QueryText("Viewer")

    def __init__(
        self,
        overrides: dict[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        *,
        read_only: bool = False,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if settings is None:
            settings = Settings.load(api_key=api_key, overrides=overrides, timeout=timeout)
        elif not (overrides is None and timeout is None and api_key is None):
            raise InputError("Give settings, or overrides, timeout and api_key; not both.")
        if read_only:
            settings = replace(settings, read_only=True)
        super().__init__(settings, transport)


# An artifact that is made by hand has no connection yet, and cannot import what is built on it.
Artifact.open_api = Api
