"""The types of artifacts of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.api.answers import project_in
from wbexport.api.artifacts.collections import ArtifactCollection, ArtifactCollections
from wbexport.api.collection import Collection, QueryText
from wbexport.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service

__all__ = ["ArtifactType", "ArtifactTypes"]


class ArtifactType:
    """A type of artifacts of a project, such as `dataset` or `model`.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        type_name: Name of the type.
        attrs: Its fields; None to fetch them now.

    Raises:
        NotFoundError: The project has no artifacts of this type, or this key may not see it.

    Example:
        >>> [each.name for each in api.artifact_type("dataset", "team/vision").collections()]
        ['photos', 'labels']
    """

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        type_name: str,
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = client
        self.entity = entity
        self.project = project
        self.type = type_name
        self._attrs = attrs or self.load()

    def load(self) -> Mapping[str, Any]:
        """Fetch the fields of the type.

        Returns:
            The fields under the server's names.

        Raises:
            NotFoundError: There is no such type, or this key may not see it.
        """
        variables = {"entity": self.entity, "project": self.project, "type": self.type}
        project = self.client.execute("ArtifactType", variables).get("project") or {}
        found: Mapping[str, Any] | None = project.get("artifactType")
        if found is None:
            raise NotFoundError(
                f"Could not find artifact type {self.type!r} in {self.entity}/{self.project}."
            )
        self._attrs = found
        return found

    @property
    def id(self) -> str:
        """Its id on the server."""
        return str(self._attrs["id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._attrs["name"])

    @property
    def description(self) -> str | None:
        """What it is for."""
        description: str | None = self._attrs.get("description")
        return description

    @property
    def created_at(self) -> str:
        """When the project got its first artifact of this type."""
        return str(self._attrs["createdAt"])

    def collections(
        self,
        per_page: int = 50,
        *,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        start: str | None = None,
    ) -> ArtifactCollections:
        """Return the collections of this type.

        Args:
            per_page: Collections per request.
            filters: W&B's filter for collections.
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.
        """
        return ArtifactCollections(
            self.client,
            self.entity,
            self.project,
            self.name,
            per_page,
            filters=filters,
            order=order,
            start=start,
        )

    def collection(self, name: str) -> ArtifactCollection:
        """Return one collection of this type.

        Args:
            name: Its name.

        Returns:
            The collection.

        Raises:
            NotFoundError: There is none of this name and type, or this key may not see it.
        """
        return ArtifactCollection(self.client, self.entity, self.project, name, self.name)

    def __repr__(self) -> str:
        return f"<ArtifactType {self.type}>"


class ArtifactTypes(Collection[ArtifactType]):
    """A lazy listing of the types of artifacts of a project.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        per_page: Types per request.
        start: The `cursor` of another listing, to go on from there.
    """

    QUERY = QueryText("ArtifactTypes")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        super().__init__(client, {"entity": entity, "project": project}, per_page, start=start)
        self.entity = entity
        self.project = project

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        project = project_in(data, f"{self.entity}/{self.project}")
        types: Mapping[str, Any] | None = project.get("artifactTypes")
        return types

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[ArtifactType]:
        return [
            ArtifactType(self.client, self.entity, self.project, node["name"], node)
            for node in nodes
        ]

    def __repr__(self) -> str:
        return f"<ArtifactTypes {self.entity}/{self.project}>"
