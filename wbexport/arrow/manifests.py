"""Manifests of artifact versions: `wandb_manifest.json` to one row per file, and back."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import xxhash

from wbexport.arrow.literals import parse_json, write_json
from wbexport.errors import IntegrityError, ResponseError, UnsafeNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "MANIFEST",
    "MD5",
    "XXH128",
    "check_entry_name",
    "manifest_digest",
    "manifest_json",
    "parse_manifest",
    "read_manifest",
    "write_manifest",
]

#: How the digests of a version and its files were made: as GraphQL spells it.
MD5, XXH128 = "MANIFEST_MD5", "MANIFEST_XXH128"

#: One row per file, in the order of paths. `digest` is the base64 MD5 of the bytes, or their XXH128
#: where `alg` in `extra`, a JSON object, says so; or what a reference is known by. `ref` is the
#: address of a reference.
MANIFEST = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("ref", pa.string()),
        pa.field("birth_artifact", pa.string()),
        pa.field("extra", pa.string()),
    ]
)

_VERSION = 1
_POLICY = "wandb-storage-policy-v1"
_LAYOUT = {"storageLayout": "V2"}


def read_manifest(text: bytes) -> dict[str, Any]:
    """Read the JSON of a manifest.

    Args:
        text: The bytes of a `wandb_manifest.json`.

    Returns:
        The object; its `contents` hold an object with a `digest` for each path.

    Raises:
        ResponseError: It is no manifest of the version and policy that W&B writes.
    """
    manifest = parse_json(text)
    known = {"version": _VERSION, "storagePolicy": _POLICY}
    if not isinstance(manifest, dict) or not known.items() <= manifest.items():
        raise ResponseError("The manifest is of another version or storage policy than W&B's.")
    contents = manifest.get("contents")
    if not isinstance(contents, dict) or not all(map(_has_digest, contents.values())):
        raise ResponseError("The manifest does not list files with their digests.")
    return manifest


def manifest_json(
    contents: Mapping[str, Mapping[str, Any]], layout: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a `wandb_manifest.json` holds.

    Args:
        contents: Path → `digest`, `size` and what else there is of it.
        layout: Where W&B keeps the bytes, as it says itself.
    """
    return {
        "version": _VERSION,
        "storagePolicy": _POLICY,
        "storagePolicyConfig": layout or _LAYOUT,
        "contents": contents,
    }


def parse_manifest(text: bytes) -> pa.Table:
    """Read a manifest.

    Args:
        text: The bytes of a `wandb_manifest.json`.

    Returns:
        A `MANIFEST` table.

    Raises:
        IntegrityError: It is no manifest of the version and policy that W&B writes.
        UnsafeNameError: It names a file that would leave its folder.
    """
    try:
        contents = read_manifest(text)["contents"]
        rows = [_row(path, entry) for path, entry in sorted(contents.items())]
        return pa.Table.from_pylist(rows, schema=MANIFEST)
    except (ResponseError, pa.ArrowException) as error:
        raise IntegrityError(
            "the manifest is not what W&B writes; log the artifact anew"
        ) from error


def write_manifest(files: pa.Table) -> bytes:
    """Write a `MANIFEST` table as `wandb_manifest.json`."""
    contents = {row["path"]: _entry(row) for row in files.to_pylist()}
    return write_json(manifest_json(contents)).encode()


def manifest_digest(entries: Iterable[tuple[str, str]], algorithm: str = MD5) -> str:
    """Return the digest of a version, which says what is in it.

    Args:
        entries: Path and digest of every file.
        algorithm: `MD5` or `XXH128`.

    Returns:
        The digest in hexadecimal.
    """
    found = xxhash.xxh128() if algorithm == XXH128 else hashlib.md5(usedforsecurity=False)
    found.update(b"wandb-artifact-manifest-v1\n")
    for path, digest in sorted(entries):
        found.update(f"{path}:{digest}\n".encode())
    return found.hexdigest()


def check_entry_name(name: str) -> str:
    r"""Refuse the name of a file in an artifact that no folder could hold.

    Colons and the like are W&B's to allow; only what leaves the folder is refused, with slashes
    of either kind.
    """
    parts = re.split(r"[/\\]", name)
    if "\0" in name or not {"..", ".", ""}.isdisjoint(parts):
        raise UnsafeNameError(f"The artifact file name {name!a} would leave its folder.")
    return name


def _has_digest(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("digest"), str)


def _row(path: str, entry: dict[str, Any]) -> dict[str, Any]:
    extra = entry.get("extra")
    return {
        "path": check_entry_name(path),
        "digest": entry["digest"],
        "size": entry.get("size"),
        "ref": entry.get("ref"),
        "birth_artifact": entry.get("birthArtifactID"),
        "extra": write_json(extra) if extra else None,
    }


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "digest": row["digest"],
        "size": row["size"],
        "ref": row["ref"],
        "birthArtifactID": row["birth_artifact"],
        "extra": row["extra"] and parse_json(row["extra"]),
    }
    return {key: value for key, value in entry.items() if value is not None}
