"""The files of an artifact as the server lists them, with the addresses of their bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from wbexport.api.collection import QueryText, SizedCollection
from wbexport.api.files import File
from wbexport.errors import NotFoundError
from wbexport.graphql.connection import iter_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wbexport.api.artifacts.fields import ArtifactFields
    from wbexport.api.service import Service

__all__ = ["ArtifactFiles", "iter_urls"]

_URLS_PER_PAGE = 5000


def _place(artifact: ArtifactFields) -> dict[str, Any]:
    return {
        "entity": artifact.entity,
        "project": artifact.project,
        "collection": artifact.path.collection,
        "alias": artifact.version,
    }


def _files_of(data: Mapping[str, Any], artifact: ArtifactFields) -> Mapping[str, Any]:
    collection = (data.get("project") or {}).get("artifactCollection") or {}
    membership = collection.get("artifactMembership")
    if membership is None:
        raise NotFoundError(
            f"Could not find artifact {artifact.qualified_name}: it was deleted, "
            "or this key may not see it."
        )
    return cast("Mapping[str, Any]", membership.get("files"))


def iter_urls(
    artifact: ArtifactFields, names: Sequence[str] | None = None
) -> Iterator[dict[str, str]]:
    """Yield where the bytes of an artifact's files are, page by page.

    Args:
        artifact: A logged artifact.
        names: Only these files; None for all.

    Yields:
        Path → signed address.
    """
    variables = {**_place(artifact), "names": names, "perPage": _URLS_PER_PAGE}

    def fetch(cursor: str | None) -> Mapping[str, Any]:
        data = artifact.client.execute("ArtifactFileUrls", {**variables, "cursor": cursor})
        return _files_of(data, artifact)

    for page in iter_pages(fetch):
        nodes = [edge["node"] for edge in page["edges"]]
        yield {node["name"]: node["directUrl"] for node in nodes}


class ArtifactFiles(SizedCollection[File]):
    """A lazy listing of an artifact's files.

    Args:
        client: Executes queries.
        artifact: A logged artifact.
        names: Only files of exactly these paths; empty for all.
        per_page: Files per request.
        start: The `cursor` of another listing, to go on from there.

    Example:
        >>> [file.name for file in api.artifact("team/vision/photos:v0").files()]
        ['cat.png', 'dog.png']
    """

    QUERY = QueryText("ArtifactFiles")

    def __init__(
        self,
        client: Service,
        artifact: ArtifactFields,
        names: Sequence[str] | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        variables = {**_place(artifact), "names": list(names) if names else None}
        super().__init__(client, variables, per_page, start=start)
        self.artifact = artifact

    @property
    def path(self) -> list[str]:
        """Entity, project and name of the artifact."""
        return [self.artifact.entity, self.artifact.project, self.artifact.name]

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        files = _files_of(data, self.artifact)
        self._count = files.get("totalCount")
        return files

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[File]:
        return [
            File(self.client, node, find_again=partial(self._find, node["name"])) for node in nodes
        ]

    def _find(self, name: str) -> File:
        for file in ArtifactFiles(self.client, self.artifact, [name]):
            return file
        raise NotFoundError(f"{self.artifact.qualified_name} has no file {name!r} any more.")

    def __repr__(self) -> str:
        return f"<ArtifactFiles {'/'.join(self.path)}>"
