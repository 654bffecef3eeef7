"""Collections of artifacts: what they are, what may be changed of them, and listings of them."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from wbexport.api.artifacts.names import checked_tags, checked_type
from wbexport.api.artifacts.versions import Artifacts
from wbexport.api.collection import QueryText, SizedCollection
from wbexport.errors import InputError, NotFoundError
from wbexport.graphql.connection import iter_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wbexport.api.service import Service

__all__ = ["ArtifactCollection", "ArtifactCollections", "ProjectArtifactCollections"]

_FILTERING = "ARTIFACT_COLLECTIONS_FILTERING_SORTING"
_ALIASES_PER_PAGE = 1000


class ArtifactCollection:
    """A collection of artifacts: a sequence of versions, or a portfolio of links to versions.

    Set `name`, `description`, `tags` and `type`, then `save`.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        name: Name of the collection.
        type: Its type, such as `dataset` or `model`.
        organization: The organization, for a collection of a registry.
        attrs: Its fields; None to fetch them now.

    Raises:
        NotFoundError: There is none of this name and type, or this key may not see it.

    Example:
        >>> collection = api.artifact_collection("dataset", "team/vision/photos")
        >>> collection.tags = ["reviewed"]
        >>> collection.save()
    """

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        name: str,
        type: str,
        organization: str | None = None,
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = client
        self.organization = organization
        self._aliases: list[str] | None = None
        self._adopt(attrs or self.load(entity, project, type, name))

    def load(self, entity: str, project: str, type_: str, name: str) -> Mapping[str, Any]:
        """Fetch the fields of a collection.

        Args:
            entity: The entity that owns the project.
            project: The project.
            type_: Its type.
            name: Its name.

        Returns:
            The fields under the server's names.

        Raises:
            NotFoundError: There is none of this name and type, or this key may not see it.
        """
        variables = {"entity": entity, "project": project, "type": type_, "name": name}
        place = self.client.execute("ArtifactCollection", variables).get("project") or {}
        found: Mapping[str, Any] | None = (place.get("artifactType") or {}).get(
            "artifactCollection"
        )
        if found is None:
            raise NotFoundError(
                f"Could not find artifact collection {entity}/{project}/{name} of type {type_!r}."
            )
        return found

    def _adopt(self, attrs: Mapping[str, Any]) -> None:
        self._attrs = attrs
        self._place = attrs["project"]
        self._saved_tags = [edge["node"]["name"] for edge in attrs["tags"]["edges"]]
        self._tags = list(self._saved_tags)
        self._name = str(attrs["name"])
        self._type = str(attrs["defaultArtifactType"]["name"])
        self._description: str | None = attrs.get("description")

    @property
    def id(self) -> str:
        """Its id on the server."""
        return str(self._attrs["id"])

    @property
    def entity(self) -> str:
        """The entity that owns the project."""
        return str(self._place["entity"]["name"])

    @property
    def project(self) -> str:
        """The project."""
        return str(self._place["name"])

    @property
    def project_id(self) -> str:
        """Id of the project on the server."""
        return str(self._place["id"])

    @property
    def project_internal_id(self) -> str | None:
        """Number of the project, as the server writes it."""
        number: str | None = self._place.get("internalId")
        return number

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def type(self) -> str:
        """Its type. Only that of a sequence may be changed."""
        return self._type

    @type.setter
    def type(self, type: str) -> None:
        if not self.is_sequence():
            raise InputError(f"{self.name!r} collects links, so its type cannot be changed.")
        self._type = type

    @property
    def description(self) -> str | None:
        """What it is."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = description

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._tags = checked_tags(tags)

    @property
    def aliases(self) -> list[str]:
        """The aliases of all its versions, as they were when they were first looked at."""
        if self._aliases is None:
            pages = iter_pages(self._fetch_aliases)
            self._aliases = [edge["node"]["alias"] for page in pages for edge in page["edges"]]
        return list(self._aliases)

    def _fetch_aliases(self, cursor: str | None) -> Mapping[str, Any] | None:
        variables = {"id": self.id, "cursor": cursor, "perPage": _ALIASES_PER_PAGE}
        found = self.client.execute("ArtifactCollectionAliases", variables).get(
            "artifactCollection"
        )
        if found is None:
            raise NotFoundError(f"{self!r} was deleted, or this key may not see it any more.")
        aliases: Mapping[str, Any] | None = found.get("aliases")
        return aliases

    @property
    def created_at(self) -> str:
        """When it was created."""
        return str(self._attrs["createdAt"])

    @property
    def updated_at(self) -> str | None:
        """When it was changed last."""
        moment: str | None = self._attrs.get("updatedAt")
        return moment

    def is_sequence(self) -> bool:
        """Tell whether versions are logged to the collection.

        Returns:
            False when it collects links to versions of other collections.
        """
        return str(self._attrs["__typename"]) == "ArtifactSequence"

    def artifacts(self, per_page: int = 50, *, start: str | None = None) -> Artifacts:
        """Return the versions in the collection.

        Args:
            per_page: Versions per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.
        """
        return Artifacts(
            self.client,
            self.entity,
            self.project,
            str(self._attrs["name"]),
            str(self._attrs["defaultArtifactType"]["name"]),
            per_page=per_page,
            start=start,
        )

    def change_type(self, new_type: str) -> None:
        """Change the type. Deprecated: set `type`, then `save`.

        Args:
            new_type: The new type.

        Raises:
            InputError: It is not a type, is reserved by W&B, or the collection is no sequence.
        """
        warnings.warn(
            "ArtifactCollection.change_type is deprecated; set type, then save.", FutureWarning, 2
        )
        self.type = new_type
        self._save_type()

    def save(self) -> None:
        """Send what was changed to the server.

        Raises:
            InputError: The type is reserved by W&B.
            GraphQLError: The server refuses, as when there is a collection of that name.
        """
        if self._type != self._attrs["defaultArtifactType"]["name"]:
            self._check_types()
        if (self._name, self._description) != (self._attrs["name"], self._attrs["description"]):
            kind = "Sequence" if self.is_sequence() else "Portfolio"
            self._mutate(
                f"UpdateArtifact{kind}",
                {
                    f"artifact{kind}ID": self.id,
                    "name": self._name,
                    "description": self._description,
                },
            )
            self._attrs = {**self._attrs, "name": self._name, "description": self._description}
        self._save_type()
        new, old = set(self._tags), set(self._saved_tags)
        self._assign_tags("AddCollectionTags", new - old)
        self._assign_tags("DeleteCollectionTags", old - new)
        self._saved_tags = list(self._tags)

    def _check_types(self) -> None:
        checked_type(str(self._attrs["defaultArtifactType"]["name"]), self.name)
        checked_type(self._type, self.name)

    def _save_type(self) -> None:
        if self._type == self._attrs["defaultArtifactType"]["name"]:
            return
        self._check_types()
        self._mutate(
            "MoveArtifactSequence",
            {"artifactSequenceID": self.id, "destinationArtifactTypeName": self._type},
        )
        self._attrs = {**self._attrs, "defaultArtifactType": {"name": self._type}}

    def _assign_tags(self, operation: str, tags: set[str]) -> None:
        if not tags:
            return
        self._mutate(
            operation,
            {
                "entityName": self.entity,
                "projectName": self.project,
                "artifactCollectionName": self.name,
                "tags": [{"tagName": tag} for tag in sorted(tags)],
            },
        )

    def delete(self) -> None:
        """Delete the collection with all its versions.

        Raises:
            GraphQLError: The server refuses.
        """
        kind = "Sequence" if self.is_sequence() else "Portfolio"
        self._mutate(f"DeleteArtifact{kind}", {f"artifact{kind}ID": self.id})

    def _mutate(self, operation: str, fields: Mapping[str, Any]) -> None:
        self.client.execute(operation, {"input": fields})

    def __repr__(self) -> str:
        return f"<ArtifactCollection {self.name} ({self.type})>"


class _CollectionListing(SizedCollection[ArtifactCollection]):
    """A listing of collections."""

    def __init__(
        self,
        client: Service,
        place: Mapping[str, str],
        per_page: int,
        filters: Mapping[str, Any] | None,
        order: str | None,
        start: str | None,
    ) -> None:
        if filters is not None or order is not None:
            client.require_feature(_FILTERING, "Filtering or ordering artifact collections")
        self.entity = place["entity"]
        self.project = place["project"]
        self.filters = filters
        self.order = order
        text = None if filters is None else json.dumps(dict(filters))
        super().__init__(client, {**place, "filters": text, "order": order}, per_page, start=start)

    def _counted(self, listed: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
        if listed is None:
            raise NotFoundError(f"Could not find {what}: check it, or this key may not see it.")
        found: Mapping[str, Any] = listed.get("artifactCollections") or {}
        self._count = found.get("totalCount")
        return found

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[ArtifactCollection]:
        return [
            ArtifactCollection(self.client, self.entity, self.project, "", "", attrs=node)
            for node in nodes
            if node.get("project")
        ]


class ArtifactCollections(_CollectionListing):
    """A lazy listing of the collections of one type in a project.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        type_name: The type.
        per_page: Collections per request.
        filters: W&B's filter for collections.
        order: A key to sort by, after `+` (ascending) or `-` (descending).
        start: The `cursor` of another listing, to go on from there.

    Raises:
        UnsupportedError: The server cannot filter or order collections.

    Example:
        >>> [each.name for each in api.artifact_collections("team/vision", "dataset")]
        ['photos', 'labels']
    """

    QUERY = QueryText("ArtifactTypeCollections")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        type_name: str,
        per_page: int = 50,
        *,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        start: str | None = None,
    ) -> None:
        place = {"entity": entity, "project": project, "type": type_name}
        super().__init__(client, place, per_page, filters, order, start)
        self.type_name = type_name

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found = (data.get("project") or {}).get("artifactType")
        return self._counted(found, f"type {self.type_name!r} in {self.entity}/{self.project}")

    def __repr__(self) -> str:
        return f"<ArtifactCollections {self.entity}/{self.project} {self.type_name}>"


class ProjectArtifactCollections(_CollectionListing):
    """A lazy listing of all collections in a project.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        filters: W&B's filter for collections.
        order: A key to sort by, after `+` (ascending) or `-` (descending).
        per_page: Collections per request.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        UnsupportedError: The server cannot filter or order collections.
    """

    QUERY = QueryText("ProjectArtifactCollections")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        place = {"entity": entity, "project": project}
        super().__init__(client, place, per_page, filters, order, start)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self._counted(data.get("project"), f"project {self.entity}/{self.project}")

    def __repr__(self) -> str:
        return f"<ProjectArtifactCollections {self.entity}/{self.project}>"
