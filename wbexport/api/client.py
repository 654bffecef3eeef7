"""`Api`: opens W&B's objects; holds no logic of theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from wbexport.api.accounts import User
from wbexport.api.collection import QueryText
from wbexport.api.projects import Project, Projects
from wbexport.api.run import Run
from wbexport.api.runs import Runs
from wbexport.api.service import Service
from wbexport.errors import AuthError, InputError, PathError
from wbexport.paths import parse_project_path, parse_run_path
from wbexport.settings import Settings
from wbexport.transport import Session, user_agent

if TYPE_CHECKING:
    from wbexport.paths import ProjectPath
    from wbexport.transport import Transport

__all__ = ["Api"]


class Api:
    """Queries a W&B server. Nothing is sent before something is asked for.

    Args:
        overrides: `base_url`, and defaults for `entity`, `project` and `run`.
        timeout: Seconds to wait for the server to say something.
        api_key: The key; by default that of the environment or of netrc.
        settings: Settings to take as they are; then none of the above may be given.
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
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if settings is None:
            settings = Settings.load(api_key=api_key, overrides=overrides, timeout=timeout)
        elif not (overrides is None and timeout is None and api_key is None):
            raise InputError("Give settings, or overrides, timeout and api_key; not both.")
        settings.require_credential()
        self.settings = settings
        self.client = Service(Session(settings, transport=transport))
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
            self._viewer = User(viewer)
            self._default_entity = self._viewer.entity
        return self._viewer

    def flush(self) -> None:
        """Forget the runs and listings opened so far, so that they are fetched anew."""
        self._opened.clear()

    def from_path(self, path: str) -> Project | Run:
        """Return a project or a run from its path.

        Args:
            path: `project`, `entity/project`, `entity/project/run_id` or
                `entity/project/runs/run_id`.

        Returns:
            The object.

        Raises:
            PathError: The path has another form.
            NotFoundError: There is no such run.
        """
        parts = path.strip("/ ").split("/")
        if len(parts) == 1:
            return self.project(parts[0])
        if len(parts) == 2:
            return self.project(parts[1], parts[0])
        if len(parts) == 3 or (len(parts) == 4 and parts[2].startswith("run")):
            return self.run("/".join([*parts[:2], parts[-1]]))
        raise PathError(f"{path!r} is not a path; write entity/project or entity/project/runs/ID.")

    def project(self, name: str, entity: str | None = None) -> Project:
        """Return a project. It is fetched when one of its fields is looked at.

        Args:
            name: Its name.
            entity: Its entity; by default that of the settings or of the key.

        Returns:
            The project.

        Raises:
            PathError: No entity is given or known.
        """
        path = self._project_path(f"{entity}/{name}" if entity else name)
        return Project(self.client, path.entity, path.project, {})

    def projects(self, entity: str | None = None, per_page: int = 200) -> Projects:
        """Return the projects of an entity.

        Args:
            entity: The entity; by default that of the settings or of the key.
            per_page: Projects per request.

        Returns:
            A lazy listing.

        Raises:
            InputError: No entity is given or known.
        """
        entity = entity or self._entity()
        if entity is None:
            raise InputError("Give an entity, or set WANDB_ENTITY: the key has no default entity.")
        key = (Projects, entity)
        if key not in self._opened:
            self._opened[key] = Projects(self.client, entity, per_page)
        return cast("Projects", self._opened[key])

    def run(self, path: str = "") -> Run:
        """Return a run.

        Args:
            path: `entity/project/run_id`, or less when the settings say the rest.

        Returns:
            The run, with all its fields. The same object for the same path, until `flush`.

        Raises:
            PathError: The path has another form.
            NotFoundError: There is no such run, or this key may not see it.
        """
        place = parse_run_path(path or self.settings.run or "", self._entity, self.settings.project)
        if place not in self._opened:
            self._opened[place] = Run(
                self.client, place.entity, place.project, place.run_id, lazy=False
            )
        return cast("Run", self._opened[place])

    def runs(
        self,
        path: str | None = None,
        filters: dict[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = True,
        lazy: bool = True,
    ) -> Runs:
        """Return the runs of a project that match a filter.

        Args:
            path: `entity/project`, or less when the settings say the rest.
            filters: W&B's filter in MongoDB's form: `state`, `display_name`, `created_at`, `tags`,
                `config.KEY`, `summary_metrics.KEY` … with `$and`, `$or`, `$gt`, `$in`, `$regex` …
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            per_page: Runs per request.
            include_sweeps: Whether runs belong to their sweeps.
            lazy: List runs without `config`, `summary` and `system_metrics`; those come when one
                is looked at, for the whole page at once.

        Returns:
            A lazy listing. The same object for the same path, filter and order, until `flush`.

        Raises:
            PathError: The path has another form.
            QueryError: The filter or the order is not understood.
        """
        place = self._project_path(path)
        runs = Runs(
            self.client,
            place.entity,
            place.project,
            filters,
            order,
            per_page,
            include_sweeps,
            lazy,
        )
        key = (place, json.dumps(runs.filters), runs.order)
        opened = cast("Runs", self._opened.setdefault(key, runs))
        if not lazy:
            opened.upgrade_to_full()
        return opened

    def user(self, username_or_email: str) -> User | None:
        """Return a user. Only administrators of a server may ask.

        Args:
            username_or_email: Their name or address.

        Returns:
            The first user found; None when there is none.
        """
        return next(iter(self.users(username_or_email)), None)

    def users(self, username_or_email: str) -> list[User]:
        """Return the users whose name or address fits. Only administrators of a server may ask.

        Args:
            username_or_email: The start or the end of their name or address.

        Returns:
            The users.
        """
        found = self.client.execute("Users", {"query": username_or_email}).get("users") or {}
        return [User(edge["node"]) for edge in found.get("edges") or ()]

    def _entity(self) -> str | None:
        return self.settings.entity or self.default_entity

    def _project_path(self, path: str | None) -> ProjectPath:
        return parse_project_path(path, self._entity, self.settings.project)

    def __repr__(self) -> str:
        return f"<Api {self.settings.origin}>"
