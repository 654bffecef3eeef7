"""What W&B says of a version of an artifact, and what may be changed of it."""

from __future__ import annotations

import enum
import json
import warnings
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.artifacts.manifest import MD5
from wbexport.api.artifacts.names import (
    checked_aliases,
    checked_metadata,
    checked_tags,
    is_version,
)
from wbexport.api.organizations import find_organization
from wbexport.errors import ConflictError, InputError, ResponseError
from wbexport.graphql.models import parse_json_object
from wbexport.paths import REGISTRY_PREFIX, ArtifactPath

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wbexport.api.service import Service
    from wbexport.paths import ProjectPath

__all__ = ["ArtifactFields", "ArtifactTTL", "place_of"]


class ArtifactTTL(enum.Enum):
    """What the `ttl` of an artifact may be besides a duration."""

    INHERIT = -1


_TTL_OFF = -2


def place_of(collection: Mapping[str, Any] | None) -> ArtifactPath | None:
    """Return where a collection is; None when this key may not see its project."""
    project = (collection or {}).get("project")
    if collection is None or not project:
        return None
    return ArtifactPath(project["entity"]["name"], project["name"], collection["name"])


class ArtifactFields:
    """The fields of an artifact. Those of one that is not logged yet are what the user gave.

    Args:
        name: Name of the collection.
        type: Its type.
        description: What it is.
        metadata: Anything to know of it.
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._client: Service | None = None
        self._path: ArtifactPath | None = None
        self._source: ArtifactPath | None = None
        self._collection_name = name
        self._type = type
        self._description = description
        self._metadata = checked_metadata(metadata)
        self._node: dict[str, Any] = {"state": "PENDING"}
        self._version: str | None = None
        self._aliases: list[str] = []
        self._saved_aliases: list[str] = []
        self._tags: list[str] = []
        self._saved_tags: list[str] = []
        self._ttl: timedelta | ArtifactTTL | None = ArtifactTTL.INHERIT
        self._ttl_changed = False
        self._linked_at: str | None = None
        self._final = False
        #: The version that a draft was made from, and the project it goes to again.
        self._base_id: str | None = None
        self._draft_of: ProjectPath | None = None

    def adopt(
        self,
        client: Service,
        node: Mapping[str, Any],
        path: ArtifactPath | None = None,
        membership: Mapping[str, Any] | None = None,
    ) -> None:
        """Take over what the server says of a version.

        Args:
            client: Executes queries.
            node: The version.
            path: How it was asked for; by default as the version of its own sequence.
            membership: What the version is in the collection it was asked for in.

        Raises:
            ResponseError: The server does not say where the version is.
        """
        sequence = node.get("artifactSequence") or {}
        index = node.get("versionIndex")
        source = place_of(sequence) or ArtifactPath("", "", str(sequence.get("name")))
        self._client = client
        self._node = dict(node)
        self._source = replace(source, alias=f"v{index}")
        path = path or self._source
        aliases = self._aliases_in(path, node, membership)
        in_collection = (membership or {}).get("versionIndex")
        # A listing of a collection names each version as it is called there.
        numbers = [alias for alias in (*aliases, path.alias or "") if is_version(alias)]
        if not path.entity:
            raise ResponseError(f"The server does not say where artifact {path.name!r} is.")
        self._version = (
            numbers[0] if numbers else f"v{index if in_collection is None else in_collection}"
        )
        self._path = path if path.alias else replace(path, alias=self._version)
        self._collection_name = path.collection
        self._type = node["artifactType"]["name"]
        self._description = node.get("description")
        self._metadata = parse_json_object(node.get("metadata"))
        self._aliases = [alias for alias in aliases if not is_version(alias)]
        self._saved_aliases = list(self._aliases)
        self._tags = [tag["name"] for tag in node.get("tags") or ()]
        self._saved_tags = list(self._tags)
        seconds = int(node.get("ttlDurationSeconds") or 0)
        self._ttl = timedelta(seconds=seconds) if seconds > 0 else None
        self._ttl_changed = False
        self._linked_at = (membership or {}).get("createdAt") if self.is_link else None
        self._final = True

    @staticmethod
    def _aliases_in(
        path: ArtifactPath, node: Mapping[str, Any], membership: Mapping[str, Any] | None
    ) -> list[str]:
        if membership is not None:
            return [each["alias"] for each in membership.get("aliases") or ()]
        here = replace(path, alias=None)
        return [
            each["alias"]
            for each in node.get("aliases") or ()
            if place_of(each.get("artifactCollection")) == here
        ]

    @property
    def client(self) -> Service:
        """Executes queries.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        self._require_logged()
        assert self._client is not None
        return self._client

    @property
    def path(self) -> ArtifactPath:
        """Entity, project, collection and the alias it was asked for by.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        self._require_logged()
        assert self._path is not None
        return self._path

    @property
    def source_path(self) -> ArtifactPath:
        """The same of the sequence it was logged to, with its version there.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        self._require_logged()
        assert self._source is not None
        return self._source

    def _require_logged(self) -> None:
        if self.is_draft():
            raise ConflictError(
                f"Artifact {self._collection_name!r} has not been logged; log it with "
                "run.log_artifact(artifact), or call artifact.save()."
            )

    def is_draft(self) -> bool:
        """Tell whether the artifact is still to be logged.

        Returns:
            False for what came from the server.
        """
        return self._path is None

    @property
    def id(self) -> str | None:
        """Its id on the server; None before it is logged."""
        return None if self.is_draft() else self.logged_id

    @property
    def logged_id(self) -> str:
        """Its id on the server.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        self._require_logged()
        return str(self._node["id"])

    @property
    def state(self) -> str:
        """`PENDING`, `COMMITTED` or `DELETED`."""
        return str(self._node["state"])

    @property
    def type(self) -> str:
        """Its type, such as `dataset` or `model`."""
        return self._type

    @property
    def name(self) -> str:
        """Collection and alias or version, as it was asked for; before logging the name alone."""
        return self._path.name if self._path else self._collection_name

    @property
    def entity(self) -> str:
        """Entity of the collection it was asked for in."""
        return self.path.entity

    @property
    def project(self) -> str:
        """Project of the collection it was asked for in."""
        return self.path.project

    @property
    def qualified_name(self) -> str:
        """Entity, project and name."""
        return str(self.path)

    @property
    def version(self) -> str:
        """Its version in the collection it was asked for in, such as `v3`."""
        self._require_logged()
        return str(self._version)

    @property
    def source_entity(self) -> str:
        """Entity of the sequence it was logged to."""
        return self.source_path.entity

    @property
    def source_project(self) -> str:
        """Project of the sequence it was logged to."""
        return self.source_path.project

    @property
    def source_name(self) -> str:
        """Sequence it was logged to, and its version there; before logging the name alone."""
        return self.source_path.name if self._path else self._collection_name

    @property
    def source_qualified_name(self) -> str:
        """Entity, project and name of where it was logged."""
        return str(self.source_path)

    @property
    def source_version(self) -> str:
        """Its version in the sequence it was logged to."""
        return str(self.source_path.alias)

    @property
    def is_link(self) -> bool:
        """Whether it was asked for in another collection than the one it was logged to."""
        if self._path is None or self._source is None:
            return False
        return replace(self._path, alias=None) != replace(self._source, alias=None)

    @property
    def url(self) -> str:
        """Address of its page."""
        path = self.path
        place = [quote(part, safe="") for part in (path.entity, path.project, path.collection)]
        chosen = quote("/".join((path.entity, path.project, path.collection)), safe="")
        query = f"selectionPath={chosen}&view=membership&version={self.version}"
        if self.is_link and path.is_registry:
            organization = quote(find_organization(self.client, path.entity).name, safe="")
            registry = place[1].removeprefix(REGISTRY_PREFIX)
            return f"{self.client.app_url}/orgs/{organization}/registry/{registry}?{query}"
        if self.is_link and "model" in (self.type, path.project.removesuffix("-registry")):
            return f"{self.client.app_url}/{place[0]}/registry/model?{query}"
        kind = quote(self.type, safe="")
        entity, project, name = place
        return f"{self.client.app_url}/{entity}/{project}/artifacts/{kind}/{name}/{self.version}"

    @property
    def description(self) -> str | None:
        """What it is. A link shares it with its source."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = description

    @property
    def metadata(self) -> dict[str, Any]:
        """What is noted of it. A link shares it with its source."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self._metadata = checked_metadata(metadata)

    @property
    def aliases(self) -> list[str]:
        """Its aliases in the collection it was asked for in; versions are none."""
        self._require_logged()
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: Iterable[str]) -> None:
        self._require_logged()
        self._aliases = checked_aliases(aliases)

    @property
    def tags(self) -> list[str]:
        """Its tags. A link shares them with its source."""
        self._require_logged()
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._require_logged()
        self._tags = checked_tags(tags)

    @property
    def ttl(self) -> timedelta | None:
        """How long it is kept; None for always. `ArtifactTTL.INHERIT` leaves it to the team.

        Raises:
            ConflictError: It is left to the team, and the artifact has not been saved since.
        """
        if isinstance(self._ttl, ArtifactTTL):
            raise ConflictError("The TTL is the team's; save the artifact to see which one it is.")
        return self._ttl

    @ttl.setter
    def ttl(self, ttl: timedelta | ArtifactTTL | None) -> None:
        if self.is_link:
            raise InputError(f"{self.name!r} is a link; set the TTL of its source artifact.")
        if isinstance(ttl, timedelta) and ttl.total_seconds() < 1:
            raise InputError(f"A TTL must be at least a second, not {ttl}.")
        if not isinstance(ttl, timedelta | ArtifactTTL | None):
            raise InputError(f"A TTL is a timedelta, ArtifactTTL.INHERIT or None, not {ttl!r}.")
        self._ttl, self._ttl_changed = ttl, True

    def _ttl_seconds(self) -> int | None:
        """Return the TTL as the server is told of it; None when it did not change."""
        if not self._ttl_changed:
            return None
        if isinstance(self._ttl, ArtifactTTL):
            return self._ttl.value
        return _TTL_OFF if self._ttl is None else int(self._ttl.total_seconds())

    @property
    def commit_hash(self) -> str | None:
        """What the server called the commit; None when it does not tell."""
        found: str | None = self._logged("commitHash")
        return found

    @property
    def file_count(self) -> int:
        """How many files and references it has."""
        return int(self._logged("fileCount"))

    @property
    def created_at(self) -> str:
        """When it was created."""
        return str(self._logged("createdAt"))

    @property
    def updated_at(self) -> str:
        """When it was changed last."""
        return str(self._logged("updatedAt") or self.created_at)

    @property
    def linked_at(self) -> str | None:
        """When it was linked to the collection it was asked for in; None when it is no link."""
        self._require_logged()
        return self._linked_at

    @property
    def history_step(self) -> int | None:
        """The step of its run that was logged last before it."""
        step = self._logged("historyStep")
        return None if step is None else max(0, int(step) - 1)

    @property
    def digest_algorithm(self) -> str:
        """The hash of its digest: `MANIFEST_MD5` or `MANIFEST_XXH128`."""
        return str(self._node.get("digestAlgorithm") or MD5)

    def _logged(self, field: str) -> Any:
        self._require_logged()
        return self._node.get(field)

    @property
    def incremental(self) -> bool:
        """Always False: a changed artifact is logged with all that it contains."""
        return False

    @property
    def use_as(self) -> None:
        """Deprecated, and always None."""
        warnings.warn("Artifact.use_as is deprecated.", FutureWarning, stacklevel=2)

    def json_encode(self) -> dict[str, Any]:
        """Return how W&B writes the artifact into a run's config or history.

        Returns:
            A JSON object.
        """
        return {
            "_type": "artifactVersion",
            "_version": "v0",
            "id": self.logged_id,
            "version": self.source_version,
            "sequenceName": self.source_path.collection,
            "usedAs": None,
        }

    def _metadata_json(self) -> str:
        return json.dumps(checked_metadata(self._metadata))

    def __repr__(self) -> str:
        return f"<Artifact {self._path or self.name}>"
