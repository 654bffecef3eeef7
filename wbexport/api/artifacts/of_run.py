"""What a run has to do with artifacts: those it logged and used, and logging and using more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.api.artifacts.artifact import Artifact
from wbexport.api.artifacts.versions import RunArtifacts
from wbexport.api.run_fields import RunFields
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["RunWithArtifacts"]

_WITH_PLACE = "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION"


class RunWithArtifacts(RunFields):
    """A run with the artifacts that it logged and used."""

    def logged_artifacts(self, per_page: int = 100) -> RunArtifacts:
        """Return the artifacts that the run logged.

        Args:
            per_page: Artifacts per request.

        Returns:
            A lazy listing.
        """
        return RunArtifacts(self.client, self, "logged", per_page)

    def used_artifacts(self, per_page: int = 100) -> RunArtifacts:
        """Return the artifacts that the run said it used.

        Args:
            per_page: Artifacts per request.

        Returns:
            A lazy listing.
        """
        return RunArtifacts(self.client, self, "used", per_page)

    def use_artifact(self, artifact: Artifact, use_as: str | None = None) -> Artifact:
        """Say that the run used an artifact.

        Args:
            artifact: An artifact of the server, such as `api.artifact(name)` returns.
            use_as: What for; by default the artifact's name.

        Returns:
            The artifact.

        Raises:
            InputError: It is not an artifact, or has not been logged.
        """
        if not isinstance(artifact, Artifact) or artifact.is_draft():
            raise InputError(f"use_artifact takes api.artifact(name), not {artifact!r}.")
        fields = {
            "entityName": self.entity,
            "projectName": self.project,
            "runName": self.id,
            "artifactID": artifact.id,
            "usedAs": use_as or artifact.name,
        }
        if _WITH_PLACE in self.client.features:
            fields["artifactEntityName"] = artifact.entity
            fields["artifactProjectName"] = artifact.project
        self.client.execute("UseArtifact", {"input": fields})
        return artifact

    def log_artifact(
        self,
        artifact: Artifact,
        aliases: Collection[str] | None = None,
        tags: Collection[str] | None = None,
    ) -> Artifact:
        """Log an artifact as an output of the run: a new one is uploaded, completely.

        Args:
            artifact: A new `Artifact`, or one of the server that this project logged before.
            aliases: Its aliases; a new one is `latest` besides.
            tags: Its tags.

        Returns:
            The artifact.

        Raises:
            InputError: It is not an artifact, or one of another project.
            ConflictError: Its collection is of another type, or a file changed meanwhile.
            RequestError: The server did not take it.

        Example:
            >>> artifact = wbexport.Artifact("photos", type="dataset")
            >>> artifact.add_file("cat.png")
            >>> run.log_artifact(artifact, aliases=["reviewed"]).version
            'v0'
        """
        if not isinstance(artifact, Artifact):
            raise InputError(f"log_artifact takes an Artifact, not {artifact!r}.")
        artifact.log_to(self.client, self.run_path, aliases, tags)
        return artifact
