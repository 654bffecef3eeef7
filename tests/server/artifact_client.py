"""Logs artifacts by the raw protocol, step by step, so that a test can do a step wrong."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import TestResponse

    from tests.server.client import Raw

__all__ = ["Logger", "md5"]


def md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _manifest_digest(entries: Mapping[str, Mapping[str, Any]]) -> str:
    lines = "".join(f"{path}:{entry['digest']}\n" for path, entry in sorted(entries.items()))
    text = f"wandb-artifact-manifest-v1\n{lines}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Logger:
    """One artifact on its way to a server.

    Args:
        raw: A client of the server.
        name: The collection.
        files: Name to content, or to the entry of a reference.
        entity: Who owns the collection.
    """

    def __init__(
        self,
        raw: Raw,
        name: str,
        files: Mapping[str, bytes | dict[str, Any]],
        *,
        entity: str = "team",
    ) -> None:
        self.raw = raw
        self.entity = entity
        self.name = name
        self.contents = {path: each for path, each in files.items() if isinstance(each, bytes)}
        self.entries = {
            path: {"digest": md5(each), "size": len(each)} if isinstance(each, bytes) else each
            for path, each in files.items()
        }
        self.id = ""

    def create(self, **given: Any) -> dict[str, Any]:
        """Start the version; return the answer with errors."""
        names = [given.pop("alias")] if "alias" in given else []
        aliases = [{"artifactCollectionName": self.name, "alias": alias} for alias in names]
        given = {"aliases": aliases, "artifactCollectionName": self.name} | given
        answer = self.raw.graphql(
            """mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) {
                artifact { id state artifactSequence { latestArtifact { id } } } } }""",
            input={
                "entityName": self.entity,
                "projectName": self.raw.project,
                "artifactTypeName": "dataset",
                "digest": _manifest_digest(self.entries),
                "digestAlgorithm": "MANIFEST_MD5",
                "enableDigestDeduplication": True,
            }
            | given,
        )
        if (answer.get("data") or {}).get("createArtifact"):
            self.id = answer["data"]["createArtifact"]["artifact"]["id"]
        return answer

    def declare(self, algorithm: str = "MANIFEST_MD5", **spec: Any) -> list[dict[str, Any]]:
        """Say which files come; return where each may be sent."""
        files = [
            {"artifactID": self.id, "name": path, "md5": md5(content)} | spec
            for path, content in self.contents.items()
        ]
        data = self.raw.data(
            """mutation ($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) {
                files { edges { node { storagePath uploadUrl uploadHeaders artifact { id }
                    uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } } }
                } } } }""",
            input={"artifactFiles": files, "storageLayout": "V2", "digestAlgorithm": algorithm},
        )
        return [edge["node"] for edge in data["createArtifactFiles"]["files"]["edges"]]

    def upload(self, nodes: list[dict[str, Any]]) -> list[int]:
        """Send the files for which there is an URL; return the status of each."""
        pairs = zip(nodes, self.contents.values(), strict=True)
        return [
            self.raw.follow("PUT", node["uploadUrl"], data=content).status_code
            for node, content in pairs
            if node["uploadUrl"]
        ]

    def manifest(self) -> bytes:
        manifest = {
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": self.entries,
        }
        return json.dumps(manifest).encode()

    def send_manifest(self, content: bytes | None = None, **given: Any) -> TestResponse:
        """Announce a manifest and send it."""
        content = self.manifest() if content is None else content
        file = self.raw.data(
            """mutation ($input: CreateArtifactManifestInput!) {
                createArtifactManifest(input: $input) {
                    artifactManifest { id file { id uploadUrl uploadHeaders } } } }""",
            input={
                "artifactID": self.id,
                "name": "wandb_manifest.json",
                "digest": md5(content),
                "entityName": self.entity,
                "projectName": self.raw.project,
                "runName": "",
            }
            | given,
        )["createArtifactManifest"]["artifactManifest"]["file"]
        return self.raw.follow("PUT", file["uploadUrl"], data=content)

    def commit(self) -> dict[str, Any]:
        """Commit the version; return the answer with errors."""
        return self.raw.graphql(
            """mutation ($id: ID!) { commitArtifact(input: {artifactID: $id}) {
                artifact { id digest versionIndex } } }""",
            id=self.id,
        )

    def log(self, **given: Any) -> str:
        """Do all steps; return the id of the version."""
        answer = self.create(**given)
        if answer["data"]["createArtifact"]["artifact"]["state"] != "COMMITTED":
            self.upload(self.declare())
            self.send_manifest()
            answer = self.commit()
            assert "errors" not in answer, answer
        return self.id
