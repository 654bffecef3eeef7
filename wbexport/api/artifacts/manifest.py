"""What an artifact contains: paths with digests, sizes and references."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import xxhash

from wbexport.arrow.manifests import (
    MD5,
    XXH128,
    manifest_digest,
    manifest_json,
    read_manifest,
)
from wbexport.errors import ConflictError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wbexport.api.artifacts.artifact import Artifact

__all__ = [
    "MD5",
    "XXH128",
    "ArtifactManifest",
    "ArtifactManifestEntry",
    "base64_to_hex",
    "file_digest",
    "hex_to_base64",
]

_PIECE = 1 << 20


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


def _new_hash(algorithm: str) -> _Hash:
    if algorithm == XXH128:
        return xxhash.xxh128()
    return hashlib.md5(usedforsecurity=False)


def file_digest(path: Path, algorithm: str = MD5) -> str:
    """Return the digest of a file as W&B writes it: the hash in base64."""
    found = _new_hash(algorithm)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return base64.b64encode(found.digest()).decode()


def base64_to_hex(text: str) -> str:
    """Write a base64 digest or id in hexadecimal."""
    return base64.b64decode(text).hex()


def hex_to_base64(text: str) -> str:
    """Write a hexadecimal digest or id in base64."""
    return base64.b64encode(bytes.fromhex(text)).decode()


@dataclass
class ArtifactManifestEntry:
    """One file or reference of an artifact.

    Args:
        path: Its path in the artifact, with forward slashes.
        digest: The hash of its bytes in base64; of a reference its ETag, or its address.
        size: Its size in bytes; None when a reference does not tell.
        ref: The address it refers to; None for a file.
        birth_artifact_id: The version that brought its bytes to the server.
        extra: What else W&B notes of it, such as `etag`.
        local_path: Where its bytes are on this machine, before they are uploaded.
        artifact: The logged artifact it was found in.
    """

    path: str
    digest: str
    size: int | None = None
    ref: str | None = None
    birth_artifact_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    local_path: str | None = None
    artifact: Artifact | None = field(default=None, repr=False, compare=False)

    def digest_algorithm(self) -> str:
        """Return the hash its digest was made with.

        Returns:
            `MANIFEST_MD5` or `MANIFEST_XXH128`.
        """
        return XXH128 if self.extra.get("alg") == "XXH128" else MD5

    def parent_artifact(self) -> Artifact:
        """Return the artifact it was found in.

        Returns:
            The artifact.

        Raises:
            ConflictError: It is the entry of an artifact that has not been logged.
        """
        if self.artifact is None:
            raise ConflictError(f"{self.path!r} belongs to an artifact that has not been logged.")
        return self.artifact

    def download(
        self, root: str | None = None, skip_cache: bool | None = None, executor: object = None
    ) -> str:
        """Save the file below a folder, unless it is there already.

        Args:
            root: The folder; by default the artifact's own below `./artifacts`.
            skip_cache: Accepted as in W&B; nothing is cached but what is below the folder.
            executor: Accepted as in W&B.

        Returns:
            Where it is.

        Raises:
            UnsafeNameError: Its path would lead out of the folder, or over a link.
            IntegrityError: What came is not what the manifest says. Nothing was saved.
            NotFoundError: The server has the file no more.
        """
        return self.parent_artifact().download_entries([self], root)[0]

    def ref_target(self) -> str:
        """Return the address that a reference leads to.

        Returns:
            The address.

        Raises:
            InputError: It is a file, not a reference.
        """
        if self.ref is None:
            raise InputError(f"{self.path!r} is a file of its artifact, not a reference.")
        return self.ref

    def ref_url(self) -> str:
        """Return an address under which other artifacts may refer to it.

        Returns:
            A `wandb-artifact://` address.

        Raises:
            ConflictError: Its artifact has not been logged.
        """
        return f"wandb-artifact://{base64_to_hex(self.parent_artifact().logged_id)}/{self.path}"

    def matches(self, path: Path) -> bool:
        """Tell whether a file on this machine has the size and the digest of this entry.

        Args:
            path: The file.

        Returns:
            False also when there is no such file.
        """
        if path.is_symlink() or not path.is_file():
            return False
        if self.size is not None and path.stat().st_size != self.size:
            return False
        return file_digest(path, self.digest_algorithm()) == self.digest

    def to_json(self) -> dict[str, Any]:
        """Return the entry as the manifest file has it.

        Returns:
            Its fields; those that are empty are left out.
        """
        fields = {
            "digest": self.digest,
            "ref": self.ref,
            "birthArtifactID": self.birth_artifact_id,
            # W&B's own writer knows no missing size.
            "size": self.size or 0,
            "extra": self.extra,
        }
        return {name: value for name, value in fields.items() if value not in (None, {})}


@dataclass
class ArtifactManifest:
    """All entries of an artifact.

    Args:
        entries: Path → entry.
        digest_algorithm: The hash of the artifact's digest.
        storage: Where W&B keeps the bytes, as it says itself.
    """

    entries: dict[str, ArtifactManifestEntry] = field(default_factory=dict)
    digest_algorithm: str = MD5
    storage: dict[str, Any] = field(default_factory=lambda: {"storageLayout": "V2"})

    @classmethod
    def from_json(cls, content: bytes, digest_algorithm: str = MD5) -> ArtifactManifest:
        """Read a manifest file.

        Args:
            content: The file.
            digest_algorithm: The hash of the artifact's digest.

        Returns:
            The manifest.

        Raises:
            ResponseError: It is not a manifest, or of a version that is not known.
        """
        manifest = read_manifest(content)
        entries = {path: _entry(path, each) for path, each in manifest["contents"].items()}
        return cls(entries, digest_algorithm, dict(manifest.get("storagePolicyConfig") or {}))

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest file holds.

        Returns:
            A JSON object.
        """
        return manifest_json({entry.path: entry.to_json() for entry in self}, self.storage)

    def digest(self) -> str:
        """Return the digest of the whole artifact.

        Returns:
            A hash in hexadecimal: equal for equal paths and digests, whatever their order.
        """
        entries = ((entry.path, entry.digest) for entry in self)
        return manifest_digest(entries, self.digest_algorithm)

    def size(self) -> int:
        """Return the size of all entries together.

        Returns:
            Bytes, references included.
        """
        return sum(entry.size or 0 for entry in self)

    def add(self, entry: ArtifactManifestEntry, *, overwrite: bool = False) -> None:
        """Take in an entry.

        Args:
            entry: The entry.
            overwrite: Replace another one of its path.

        Raises:
            InputError: There is one of its path with other content.
        """
        present = self.entries.get(entry.path)
        if present is not None and present.digest != entry.digest and not overwrite:
            raise InputError(
                f"The artifact has another {entry.path!r} already; pass overwrite=True to "
                "replace it, or remove it first."
            )
        self.entries[entry.path] = entry

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ArtifactManifestEntry]:
        return (self.entries[path] for path in sorted(self.entries))


def _entry(path: str, fields: Mapping[str, Any]) -> ArtifactManifestEntry:
    size = fields.get("size")
    return ArtifactManifestEntry(
        path=path,
        digest=str(fields["digest"]),
        size=None if size is None else int(size),
        ref=fields.get("ref"),
        birth_artifact_id=fields.get("birthArtifactID"),
        extra=dict(fields.get("extra") or {}),
    )
