"""Listings of artifact versions: those of a collection, and those of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.answers import run_in
from wbexport.api.artifacts.artifact import Artifact
from wbexport.api.artifacts.fields import place_of
from wbexport.api.artifacts.names import checked_tags
from wbexport.api.collection import QueryText, SizedCollection
from wbexport.errors import InputError, NotFoundError
from wbexport.graphql.documents import load
from wbexport.paths import ArtifactPath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.run_fields import RunFields
    from wbexport.api.service import Service

__all__ = ["Artifacts", "RunArtifacts"]

_COMMITTED = {"state": "COMMITTED"}
_OPERATIONS = {"logged": "RunLoggedArtifacts", "used": "RunUsedArtifacts"}


class Artifacts(SizedCollection[Artifact]):
    """A lazy listing of the versions in a collection, the latest first.

    Args:
        client: Executes queries.
        entity: The entity that owns the project.
        project: The project.
        collection_name: The collection.
        type: Its type.
        filters: W&B's filter for versions; by default those that were not deleted.
        order: A key to sort by, after `+` (ascending) or `-` (descending).
        per_page: Versions per request.
        tags: Only versions that have all of these tags. The server does not know of it: `length`
            counts the others too.
        start: The `cursor` of another listing, to go on from there.

    Example:
        >>> [version.name for version in api.artifacts("dataset", "team/vision/photos")]
        ['photos:v1', 'photos:v0']
    """

    QUERY = QueryText("Artifacts")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        collection_name: str,
        type: str,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
        tags: str | list[str] | None = None,
        start: str | None = None,
    ) -> None:
        self.entity = entity
        self.project = project
        self.collection_name = collection_name
        self.type = type
        self.filters = dict(_COMMITTED if filters is None else filters)
        self.order = order
        self.tags = checked_tags(tags)
        variables = {
            "entity": entity,
            "project": project,
            "collection": collection_name,
            "type": type,
            "filters": json.dumps(self.filters),
            "order": order,
        }
        super().__init__(client, variables, per_page, start=start)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found = (data.get("project") or {}).get("artifactType") or {}
        collection = found.get("artifactCollection")
        if collection is None:
            raise NotFoundError(
                f"Could not find collection {self.entity}/{self.project}/{self.collection_name} "
                f"of type {self.type!r}."
            )
        versions: Mapping[str, Any] = collection.get("artifacts") or {}
        self._count = versions.get("totalCount")
        # The version in the collection stands beside its node, which only knows the one it has
        # in its own sequence.
        edges = [
            {**edge, "node": {**edge["node"], "version": edge["version"]}}
            for edge in versions.get("edges") or ()
            if edge and edge.get("node")
        ]
        return {**versions, "edges": edges}

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Artifact]:
        place = self.entity, self.project, self.collection_name
        found = [
            Artifact.from_node(self.client, node, ArtifactPath(*place, node["version"]))
            for node in nodes
        ]
        return [artifact for artifact in found if set(self.tags) <= set(artifact.tags)]

    def __repr__(self) -> str:
        return f"<Artifacts {self.entity}/{self.project}/{self.collection_name}>"


class RunArtifacts(SizedCollection[Artifact]):
    """A lazy listing of the versions that a run logged or used.

    Args:
        client: Executes queries.
        run: The run.
        mode: `logged` or `used`.
        per_page: Versions per request.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        InputError: The mode is another one.

    Example:
        >>> [version.name for version in run.logged_artifacts()]
        ['photos:v1', 'model:v4']
    """

    def __init__(
        self,
        client: Service,
        run: RunFields,
        mode: Literal["logged", "used"] = "logged",
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        if mode not in _OPERATIONS:
            raise InputError(f"mode must be 'logged' or 'used', not {mode!r}.")
        place = {"entity": run.entity, "project": run.project, "run": run.id}
        super().__init__(client, place, per_page, start=start)
        self.run = run
        self._mode = mode

    def _query(self) -> str:
        return load(_OPERATIONS[self._mode]).text

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        run = run_in(data, self.run.run_path)
        versions: Mapping[str, Any] = run.get("artifacts") or {}
        self._count = versions.get("totalCount")
        return versions

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Artifact]:
        # A version of a project that this key may not see has no place to be told of.
        visible = [node for node in nodes if place_of(node.get("artifactSequence"))]
        return [Artifact.from_node(self.client, node) for node in visible]

    def __repr__(self) -> str:
        return f"<RunArtifacts {self.run.run_path}>"
