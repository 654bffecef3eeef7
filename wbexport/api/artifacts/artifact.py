"""`Artifact`: a version of a collection of files, or one that is still to be logged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.artifacts.downloads import ArtifactDownloads
from wbexport.api.artifacts.fields import place_of
from wbexport.api.artifacts.manifest import ArtifactManifest
from wbexport.api.artifacts.names import checked_aliases, checked_name, checked_tags, checked_type
from wbexport.api.artifacts.uploads import NewVersion, create_version, upload_version
from wbexport.api.filestream import FileStream
from wbexport.api.organizations import find_organization
from wbexport.api.run_writes import new_run_id
from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.paths import DEFAULT_PROJECT, ArtifactPath, RunPath, parse_artifact_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from wbexport.api.artifacts.collections import ArtifactCollection
    from wbexport.api.run import Run
    from wbexport.api.service import Service
    from wbexport.settings import Settings

__all__ = ["Artifact", "resolve_registry"]

_PORTFOLIO = "ArtifactPortfolio"


class Artifact(ArtifactDownloads):
    """A version of a collection of files, or one that is still to be logged.

    Args:
        name: Name of the collection: letters, digits, dashes, underscores and dots.
        type: Its type, such as `dataset` or `model`.
        description: What it is.
        metadata: Anything to know of it.
        incremental: Accepted as in W&B; take `new_draft` of a logged artifact to change it.
        use_as: Deprecated, and without effect.
        storage_region: Where W&B shall keep the bytes.
        digest_algorithm: Accepted as in W&B; new files are hashed with MD5, which all servers take.

    Raises:
        InputError: The name, the type or the metadata cannot be.

    Example:
        >>> artifact = wbexport.Artifact("photos", type="dataset")
        >>> artifact.add_dir("photos/")
        >>> api.run("team/vision/1mb3xqzp").log_artifact(artifact)
        >>> api.artifact("team/vision/photos:latest").download()
        './artifacts/photos:v0'
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        storage_region: str | None = None,
        digest_algorithm: Literal["MD5", "XXH128"] = "MD5",
    ) -> None:
        super().__init__(checked_name(name), checked_type(type, name), description, metadata)
        if storage_region is not None:
            self.manifest.storage["storageRegion"] = storage_region

    @classmethod
    def from_path(cls, client: Service, path: ArtifactPath) -> Self:
        """Fetch an artifact by its path.

        Args:
            client: Executes queries.
            path: Entity, project, collection and alias; without an alias the server decides.

        Returns:
            The artifact.

        Raises:
            NotFoundError: There is no such artifact, or this key may not see it.
        """
        variables = {"entity": path.entity, "project": path.project, "name": path.name}
        project = client.execute("ArtifactMembership", variables).get("project")
        membership = (project or {}).get("artifactCollectionMembership")
        if membership is None or membership.get("artifact") is None:
            what = "artifact" if project else "project of artifact"
            raise NotFoundError(
                f"Could not find {what} {path}: check its name, or this key may not see it."
            )
        return cls.from_membership(client, path, membership)

    @classmethod
    def from_membership(
        cls, client: Service, path: ArtifactPath, membership: Mapping[str, Any]
    ) -> Self:
        """Make an artifact of what the server says of it in a collection.

        Args:
            client: Executes queries.
            path: How it was asked for.
            membership: What the server says.

        Returns:
            The artifact.
        """
        # The server may call entity and project otherwise: by other letters, or by a new name.
        place = (membership.get("artifactCollection") or {}).get("project")
        if place:
            path = replace(path, entity=place["entity"]["name"], project=place["name"])
        return cls.from_node(client, membership["artifact"], path, membership)

    @property
    def collection(self) -> ArtifactCollection:
        """The collection it was asked for in."""
        return self._collection_at(self.path)

    @property
    def source_collection(self) -> ArtifactCollection:
        """The sequence it was logged to."""
        return self._collection_at(self.source_path)

    def _collection_at(self, path: ArtifactPath) -> ArtifactCollection:
        place = f"{path.parent}/{path.collection}"
        return self.client.api.artifact_collection(self.type, place)

    @property
    def source_artifact(self) -> Artifact:
        """The version that was logged: the artifact itself, unless it is a link."""
        return self.from_path(self.client, self.source_path) if self.is_link else self

    @property
    def linked_artifacts(self) -> list[Artifact]:
        """The links to this version in other collections; none for a link itself."""
        if self.is_link:
            return []
        found = self.client.execute("ArtifactLinks", {"id": self.logged_id}).get("artifact") or {}
        edges = (found.get("artifactMemberships") or {}).get("edges") or ()
        memberships = [edge["node"] for edge in edges if edge and edge.get("node")]
        links = [
            self._link_in(membership)
            for membership in memberships
            if (membership.get("artifactCollection") or {}).get("__typename") == _PORTFOLIO
        ]
        return [link for link in links if link is not None]

    def _link_in(self, membership: Mapping[str, Any]) -> Artifact | None:
        place = place_of(membership["artifactCollection"])
        if place is None:
            return None
        path = replace(place, alias=f"v{membership['versionIndex']}")
        return self.from_node(self.client, self._node, path, membership)

    def logged_by(self) -> Run | None:
        """Return the run that logged the artifact.

        Returns:
            The run; None when it was not logged by a run, or this key may not see it.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        found = self.client.execute("ArtifactCreator", {"id": self.logged_id}).get("artifact")
        runs = self._runs([(found or {}).get("createdBy")])
        return runs[0] if runs else None

    def used_by(self) -> list[Run]:
        """Return the runs that used the artifact, or a link to it.

        Returns:
            The runs that this key may see.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        found = self.client.execute("ArtifactUsedBy", {"id": self.logged_id}).get("artifact")
        edges = ((found or {}).get("usedBy") or {}).get("edges") or ()
        return self._runs([edge["node"] for edge in edges if edge])

    def _runs(self, nodes: Iterable[Mapping[str, Any] | None]) -> list[Run]:
        return [
            self.client.api.run(f"{entity['name']}/{project['name']}/{run}")
            for node in nodes
            if node and (project := node.get("project")) and (run := node.get("name"))
            if (entity := project.get("entity"))
        ]

    def new_draft(self) -> Artifact:
        """Return a new artifact with the contents of this one, to be changed and logged.

        Returns:
            The draft. Files that stay as they are will not be uploaded again.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        source = self.source_path
        draft = Artifact.__new__(Artifact)
        ArtifactDownloads.__init__(draft, source.collection, self.type, self.description)
        draft.metadata = self.metadata
        draft._client = self.client
        draft._draft_of = source.parent
        draft._base_id = self.logged_id
        draft._manifest = ArtifactManifest(
            {entry.path: replace(entry, artifact=None) for entry in self.manifest},
            storage=dict(self.manifest.storage),
        )
        return draft

    def log_to(
        self,
        client: Service,
        run: RunPath,
        aliases: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> None:
        """Log the artifact as an output of a run: upload it, or only say so when it is logged.

        Args:
            client: Executes queries and uploads.
            run: The run.
            aliases: Its aliases; `latest` is added to those of a new artifact.
            tags: Its tags.

        Raises:
            InputError: A run of another project logged it.
            ConflictError: Its collection is of another type, or a file changed meanwhile.
            RequestError: The server did not take it.
        """
        names = checked_aliases(aliases)
        if self.is_draft():
            names = checked_aliases([*names, "latest"])
        elif self.source_path.parent != run.parent:
            raise InputError(
                f"{self.name} was logged to {self.source_path.parent}; a run of {run.parent} "
                "cannot log it. Link it, or log a new artifact."
            )
        version = NewVersion(
            collection=self.source_name.partition(":")[0],
            type=self.type,
            digest=self.digest,
            digest_algorithm=self.digest_algorithm,
            aliases=names,
            tags=checked_tags(tags),
            description=self.description if self.is_draft() else None,
            metadata=self._metadata_json() if self.is_draft() and self.metadata else None,
            ttl_seconds=self._ttl_seconds() if self.is_draft() else None,
        )
        created = create_version(client, run, version)
        if self.is_draft():
            if created["state"] != "COMMITTED":
                latest = (created.get("artifactSequence") or {}).get("latestArtifact") or {}
                base = self._base_id or latest.get("id")
                upload_version(client, run, created["id"], self.manifest, base)
            self._reload(client, created["id"])

    def _reload(self, client: Service, artifact_id: str) -> None:
        node = client.execute("ArtifactById", {"id": artifact_id}).get("artifact")
        if node is None:
            raise NotFoundError(f"Artifact {self.name!r} is gone again; log it once more.")
        self.adopt(client, node)
        self._manifest = None

    def save(self, project: str | None = None, settings: Settings | None = None) -> None:
        """Send what was changed; a new artifact is logged by a run made for it.

        Args:
            project: The project of a new artifact; by default that of the settings.
            settings: Host and key for a new artifact; by default those of the environment.

        Raises:
            InputError: The artifact is logged, and its project cannot be changed.
            RequestError: The server did not take it.
        """
        if not self.is_draft():
            self._update()
            return
        client = self._connection(settings)
        known = client.session.settings
        place = self._draft_of
        names = {
            "entity": place.entity if place else known.entity,
            "project": project or (place.project if place else known.project) or DEFAULT_PROJECT,
            "name": new_run_id(),
            "state": "running",
        }
        run = client.execute("CreateRun", names)["upsertBucket"]["bucket"]
        client.execute("UpdateRun", {"id": run["id"], "jobType": "auto"})
        path = RunPath(run["project"]["entity"]["name"], run["project"]["name"], run["name"])
        stream = FileStream(client, path)
        try:
            self.log_to(client, path)
        except BaseException:
            stream.finish({}, exit_code=1)
            raise
        stream.finish({})

    def wait(self, timeout: int | None = None) -> Artifact:
        """Return the artifact: logging ends only when all is uploaded, so there is no waiting.

        Args:
            timeout: Accepted as in W&B.

        Returns:
            The artifact itself.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        self._require_logged()
        return self

    def _update(self) -> None:
        place = {
            "entityName": self.entity,
            "projectName": self.project,
            "artifactCollectionName": self.path.collection,
        }
        aliases, linked_at = checked_aliases(self._aliases), self._linked_at
        new, old = set(aliases), set(self._saved_aliases)
        for operation, changed in (
            ("AddArtifactAliases", new - old),
            ("DeleteArtifactAliases", old - new),
        ):
            if changed:
                named = [{**place, "alias": alias} for alias in sorted(changed)]
                self._mutate(operation, {"artifactID": self.logged_id, "aliases": named})
        self._saved_aliases = list(aliases)
        new, old = set(checked_tags(self._tags)), set(self._saved_tags)
        answer = self._mutate(
            "UpdateArtifact",
            {
                "artifactID": self.logged_id,
                "description": self._description,
                "metadata": self._metadata_json(),
                "ttlDurationSeconds": self._ttl_seconds(),
                "tagsToAdd": [{"tagName": tag} for tag in sorted(new - old)],
                "tagsToDelete": [{"tagName": tag} for tag in sorted(old - new)],
            },
        )
        self.adopt(self.client, answer["updateArtifact"]["artifact"], self.path)
        self._aliases, self._saved_aliases, self._linked_at = aliases, list(aliases), linked_at

    def delete(self, delete_aliases: bool = False) -> None:
        """Delete the version and its files. Of a link, only the link is deleted.

        Args:
            delete_aliases: Delete it even if it has aliases.

        Raises:
            ConflictError: The artifact has not been logged.
            GraphQLError: The server refuses, as when it has aliases.
        """
        if self.is_link:
            self.unlink()
            return
        self._mutate(
            "DeleteArtifact", {"artifactID": self.logged_id, "deleteAliases": delete_aliases}
        )

    def link(self, target_path: str, aliases: Iterable[str] | None = None) -> Artifact:
        """Link the version to another collection, made when it is not there.

        Args:
            target_path: `[entity/]project/collection`, or for a registry
                `[organization/]wandb-registry-NAME/collection`.
            aliases: The link's aliases.

        Returns:
            The link.

        Raises:
            InputError: The path or an alias cannot be.
            GraphQLError: The server refuses.
        """
        names = checked_aliases(aliases)
        if self.is_draft():
            self.save()
        settings = self.client.session.settings
        target = parse_artifact_path(target_path, self.source_entity, settings.project)
        target = replace(resolve_registry(self.client, target, self.source_entity), alias=None)
        answer = self._mutate(
            "LinkArtifact",
            {
                "artifactID": self.logged_id,
                "artifactPortfolioName": target.collection,
                "entityName": target.entity,
                "projectName": target.project,
                "aliases": [
                    {"artifactCollectionName": target.collection, "alias": alias} for alias in names
                ],
            },
        )["linkArtifact"]
        path = replace(target, alias=f"v{answer['versionIndex']}")
        membership = answer.get("artifactMembership")
        if membership is None:
            return self.from_path(self.client, path)
        return self.from_membership(self.client, path, membership)

    def unlink(self) -> None:
        """Take the version out of the collection it is linked to.

        Raises:
            ConflictError: It is no link, or has not been logged.
            GraphQLError: The server refuses.
        """
        if not self.is_link:
            raise ConflictError(f"{self.qualified_name} is no link; delete() deletes a version.")
        collection = self.collection.id
        self._mutate(
            "UnlinkArtifact", {"artifactID": self.logged_id, "artifactPortfolioID": collection}
        )

    def _mutate(self, operation: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self.client.execute(operation, {"input": fields})


def resolve_registry(client: Service, path: ArtifactPath, entity: str | None) -> ArtifactPath:
    """Put the entity of its organization into the path of a registry.

    Args:
        client: Executes queries.
        path: Any path; those of other projects stay as they are.
        entity: A member of the organization.

    Returns:
        The path as the server knows it.

    Raises:
        NotFoundError: There is no such organization.
        InputError: There are several, and none was named.
    """
    if not path.is_registry or entity is None:
        return path
    wanted = path.entity if path.entity != entity else client.session.settings.organization
    return replace(path, entity=find_organization(client, entity, wanted).org_entity.name)
