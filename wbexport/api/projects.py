"""Projects of an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.accounts import User
from wbexport.api.answers import project_in
from wbexport.api.artifacts.collections import ProjectArtifactCollections
from wbexport.api.artifacts.types import ArtifactTypes
from wbexport.api.attributes import Attributes, iframe, link
from wbexport.api.collection import Collection, QueryText
from wbexport.api.sweeps import Sweeps
from wbexport.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service

__all__ = ["Project", "Projects"]


class Project(Attributes):
    """A project is a namespace for runs. Its fields are fetched when they are first looked at.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: Its name.
        attrs: Its fields; empty to fetch them later.

    Example:
        >>> project = api.project("vision", entity="team")
        >>> project.url
        'https://wandb.ai/team/vision/workspace'
    """

    def __init__(
        self, client: Service, entity: str, project: str, attrs: Mapping[str, Any]
    ) -> None:
        super().__init__(attrs)
        self.client = client
        self.entity = entity
        self.name = project
        self._is_loaded = bool(attrs)

    @property
    def id(self) -> str:
        """The project's storage id.

        Raises:
            NotFoundError: There is no such project, or this key may not see it.
        """
        self._load()
        return str(self._attrs["id"])

    @property
    def path(self) -> list[str]:
        """Entity and project name."""
        return [self.entity, self.name]

    @property
    def url(self) -> str:
        """Address of the project's page."""
        return "/".join([self.client.app_url, *(quote(p, safe="") for p in self.path), "workspace"])

    @property
    def owner(self) -> User:
        """The user who owns the project.

        Raises:
            NotFoundError: The server names none.
        """
        self._load()
        if not self._attrs.get("user"):
            raise NotFoundError(f"The server names no owner of {'/'.join(self.path)}.")
        return User(self.client, self._attrs["user"])

    def sweeps(self, per_page: int = 50, filters: dict[str, Any] | None = None) -> Sweeps:
        """Return the project's sweeps.

        Args:
            per_page: Sweeps per request.
            filters: W&B's filter, in MongoDB's form.

        Returns:
            A lazy listing.

        Raises:
            UnsupportedError: There is a filter, and the server lists all sweeps or none.
        """
        return Sweeps(self.client, self.entity, self.name, per_page, filters)

    def artifacts_types(self, per_page: int = 50) -> ArtifactTypes:
        """Return the types of the project's artifacts.

        Args:
            per_page: Types per request.

        Returns:
            A lazy listing.
        """
        return ArtifactTypes(self.client, self.entity, self.name, per_page)

    def collections(
        self,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> ProjectArtifactCollections:
        """Return the project's collections of artifacts, of all types.

        Args:
            filters: W&B's filter for collections.
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            per_page: Collections per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            UnsupportedError: The server cannot filter or order collections.
        """
        return ProjectArtifactCollections(
            self.client, self.entity, self.name, filters, order, per_page, start
        )

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Write HTML with a frame that shows the project's page.

        Args:
            height: Pixels.
            hidden: Show only the project's name until it is opened.

        Returns:
            The HTML.
        """
        return iframe(self.url, "/".join(self.path), height, hidden)

    def _load(self) -> None:
        if self._is_loaded:
            return
        variables = {"entity": self.entity, "name": self.name}
        answer = self.client.execute("Project", variables)
        self._attrs = dict(project_in(answer, "/".join(self.path)))
        self._is_loaded = True

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            self._load()
        return super().__getattr__(name)

    def _repr_html_(self) -> str:
        return link(self.url, "/".join(self.path))

    def __repr__(self) -> str:
        return f"<Project {'/'.join(self.path)}>"


class Projects(Collection[Project]):
    """A lazy listing of an entity's projects.

    Args:
        client: Executes queries.
        entity: The entity.
        per_page: Projects per request.

    Example:
        >>> [project.name for project in api.projects("team")]
        ['vision', 'speech']
    """

    QUERY = QueryText("Projects")

    def __init__(self, client: Service, entity: str, per_page: int = 50) -> None:
        super().__init__(client, {"entity": entity}, per_page)
        self.entity = entity

    @property
    def length(self) -> None:
        """Always None: the server does not count projects."""
        return None

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        models: Mapping[str, Any] | None = data.get("models")
        return models

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Project]:
        return [Project(self.client, self.entity, node["name"], node) for node in nodes]

    def __repr__(self) -> str:
        return f"<Projects {self.entity}>"
