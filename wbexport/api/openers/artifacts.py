"""Opens artifacts."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from wbexport.api.artifacts import (
    Artifact,
    ArtifactCollection,
    ArtifactCollections,
    Artifacts,
    ArtifactType,
    ArtifactTypes,
)
from wbexport.api.artifacts.artifact import resolve_registry
from wbexport.api.door import Door
from wbexport.errors import GraphQLError, InputError, NotFoundError
from wbexport.paths import parse_artifact_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.paths import ArtifactPath

__all__ = ["OpensArtifacts"]

_TIMEOUTS = (408, 504)


class OpensArtifacts(Door):
    """Artifacts, their collections and types."""

    def artifact(self, name: str, type: str | None = None) -> Artifact:
        """Return a version of an artifact.

        Args:
            name: `[entity/][project/]name:alias`, where the alias may be a version such as `v3`.
                In a registry, `[organization/]wandb-registry-NAME/name:alias`.
            type: The type it must have.

        Returns:
            The artifact.

        Raises:
            PathError: There is no name, or it has another form.
            NotFoundError: There is no such artifact, or this key may not see it.
            InputError: It is of another type.

        Example:
            >>> api.artifact("team/vision/photos:latest").download()
            './artifacts/photos:v3'
        """
        artifact = Artifact.from_path(self.client, self._artifact_path(name))
        if type not in (None, artifact.type):
            raise InputError(f"Artifact {name!r} is of type {artifact.type!r}, not {type!r}.")
        return artifact

    def artifacts(
        self,
        type_name: str,
        name: str,
        per_page: int = 50,
        tags: list[str] | None = None,
        *,
        order: str | None = None,
        start: str | None = None,
    ) -> Artifacts:
        """Return the versions in a collection, the latest first.

        Args:
            type_name: Its type.
            name: `[entity/][project/]name`.
            per_page: Versions per request.
            tags: Only versions that have all of these.
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            PathError: The name has another form.
        """
        path = self._artifact_path(name)
        return Artifacts(
            self.client,
            path.entity,
            path.project,
            path.collection,
            type_name,
            order=order,
            per_page=per_page,
            tags=tags,
            start=start,
        )

    def artifact_versions(self, type_name: str, name: str, per_page: int = 50) -> Artifacts:
        """Return the versions in a collection. Deprecated: use `artifacts`.

        Args:
            type_name: Its type.
            name: `[entity/][project/]name`.
            per_page: Versions per request.

        Returns:
            A lazy listing.
        """
        warnings.warn(
            "Api.artifact_versions is deprecated; use Api.artifacts.", FutureWarning, stacklevel=2
        )
        return self.artifacts(type_name, name, per_page)

    def artifact_types(
        self, project: str | None = None, *, start: str | None = None
    ) -> ArtifactTypes:
        """Return the types of artifacts of a project.

        Args:
            project: `entity/project`, or less when the settings say the rest.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            PathError: The path has another form.
        """
        path = self._project_path(project)
        return ArtifactTypes(self.client, path.entity, path.project, start=start)

    def artifact_type(self, type_name: str, project: str | None = None) -> ArtifactType:
        """Return a type of artifacts of a project.

        Args:
            type_name: Its name.
            project: `entity/project`, or less when the settings say the rest.

        Returns:
            The type.

        Raises:
            PathError: The path has another form.
            NotFoundError: The project has no artifacts of this type, or this key may not see it.
        """
        path = self._project_path(project)
        return ArtifactType(self.client, path.entity, path.project, type_name)

    def artifact_collections(
        self,
        project_name: str,
        type_name: str,
        per_page: int = 50,
        *,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        start: str | None = None,
    ) -> ArtifactCollections:
        """Return the collections of one type in a project.

        Args:
            project_name: `entity/project`, or less when the settings say the rest.
            type_name: The type.
            per_page: Collections per request.
            filters: W&B's filter for collections.
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            PathError: The path has another form.
            UnsupportedError: The server cannot filter or order collections.
        """
        path = self._project_path(project_name)
        return ArtifactCollections(
            self.client,
            path.entity,
            path.project,
            type_name,
            per_page,
            filters=filters,
            order=order,
            start=start,
        )

    def artifact_collection(self, type_name: str, name: str) -> ArtifactCollection:
        """Return a collection of artifacts.

        Args:
            type_name: Its type.
            name: `[entity/][project/]name`.

        Returns:
            The collection.

        Raises:
            PathError: The name has another form.
            NotFoundError: There is none of this name and type, or this key may not see it.
        """
        path = self._artifact_path(name)
        return ArtifactCollection(
            self.client, path.entity, path.project, path.collection, type_name
        )

    def artifact_exists(self, name: str, type: str | None = None) -> bool:
        """Tell whether there is a version of an artifact.

        Args:
            name: `[entity/][project/]name:alias`.
            type: The type it must have.

        Returns:
            False also when the server refuses to tell, or when it is of another type.

        Raises:
            PathError: The name has another form.
            RequestError: The server did not answer, or not in time.
        """
        try:
            artifact = Artifact.from_path(self.client, self._artifact_path(name))
        except (NotFoundError, GraphQLError) as error:
            return _is_missing(error)
        return type in (None, artifact.type)

    def artifact_collection_exists(self, name: str, type: str) -> bool:
        """Tell whether there is a collection of artifacts.

        Args:
            name: `[entity/][project/]name`.
            type: Its type.

        Returns:
            False also when the server refuses to tell.

        Raises:
            PathError: The name has another form.
            RequestError: The server did not answer, or not in time.
        """
        try:
            self.artifact_collection(type, name)
        except (NotFoundError, GraphQLError) as error:
            return _is_missing(error)
        return True

    def _artifact_path(self, name: str) -> ArtifactPath:
        if not name:
            raise InputError("Give the name of an artifact: entity/project/name:alias.")
        path = parse_artifact_path(name, self._entity, self.settings.project)
        # Only registries are looked for by the key's entity, and asking for it costs a request.
        return resolve_registry(self.client, path, self._entity()) if path.is_registry else path


def _is_missing(error: Exception) -> bool:
    """Answer for something that the server did not give; a timeout is no answer."""
    if getattr(error, "status", None) in _TIMEOUTS:
        raise error
    return False
