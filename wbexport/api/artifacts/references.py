"""References of artifacts: what is noted of an address, and fetching what it leads to."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from wbexport.api.artifacts.manifest import ArtifactManifestEntry, file_digest
from wbexport.errors import InputError, NotFoundError
from wbexport.settings import Settings
from wbexport.transport import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["file_of_uri", "place_digest", "refer_to_files", "refer_to_page", "walk_files"]

_MOST_FILES = 10_000_000


def refer_to_page(uri: str, name: str | None, *, checksum: bool) -> ArtifactManifestEntry:
    """Note an address, and of a web page what its headers say.

    Args:
        uri: The address. Buckets and the like are not looked into: their address is all.
        name: Path in the artifact; by default the last part of the address.
        checksum: Ask web servers for size and ETag.

    Raises:
        InputError: The address ends in no name.
        NotFoundError: There is no such page.
    """
    parts = urlsplit(uri)
    name = name or PurePosixPath(unquote(parts.path)).name
    if not name:
        raise InputError(f"{uri!r} ends in no name; give one with name=.")
    if not (checksum and parts.scheme in ("http", "https")):
        return ArtifactManifestEntry(name, digest=uri, ref=uri)
    headers = _ask(uri)
    etag, length = headers.get("ETag"), headers.get("Content-Length", "")
    return ArtifactManifestEntry(
        name,
        digest=etag.strip('"') if etag else uri,
        size=int(length) if length.isdecimal() else None,
        ref=uri,
        extra={"etag": etag} if etag else {},
    )


def _ask(uri: str) -> Mapping[str, str]:
    # The address is the user's own: it may lead into their network, and is shown no key.
    settings = replace(Settings.load(), credential=None, allow_private_hosts=True, allow_http=True)
    with Session(settings) as session:
        return session.get_headers(uri)


def refer_to_files(
    uri: str, name: str | None, *, checksum: bool, most: int | None
) -> Iterator[ArtifactManifestEntry]:
    """Note a local file, or every file of a folder.

    Args:
        uri: A `file://` address.
        name: Path in the artifact; by default the name of the file, and none for a folder.
        checksum: Note the content; otherwise only the place.
        most: How many files a folder may have.

    Raises:
        NotFoundError: There is no such file or folder.
        InputError: The folder has more files.
    """
    root = file_of_uri(uri)
    if root.is_file():
        yield _local_entry(uri, name or root.name, root, checksum)
        return
    if not root.is_dir():
        raise NotFoundError(f"There is no file or folder at {uri}.")
    for count, path in enumerate(walk_files(root), start=1):
        if count > (most or _MOST_FILES):
            raise InputError(f"{uri} has more than {most} files; pass a larger max_objects.")
        inner = path.relative_to(root).as_posix()
        place = f"{name}/{inner}" if name else inner
        yield _local_entry(f"{uri.rstrip('/')}/{inner}", place, path, checksum)


def _local_entry(uri: str, name: str, path: Path, checksum: bool) -> ArtifactManifestEntry:
    digest = file_digest(path) if checksum else place_digest(path)
    return ArtifactManifestEntry(name, digest, path.stat().st_size, ref=uri)


def place_digest(path: Path) -> str:
    """Return what stands for the digest of a local file when only its place counts."""
    place = hashlib.md5(path.resolve().as_uri().encode(), usedforsecurity=False)
    return base64.b64encode(place.digest()).decode()


def walk_files(root: Path) -> Iterator[Path]:
    """Yield all files below a folder in the order of their names, those behind links too."""
    seen: set[Path] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        if here.resolve() in seen:
            # A link that leads back would go round forever.
            folders.clear()
            continue
        seen.add(here.resolve())
        folders.sort()
        yield from (here / name for name in sorted(names))


def file_of_uri(uri: str) -> Path:
    """Return the local path of a `file://` address."""
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"{uri!r} is a file of another machine.")
    return Path(url2pathname(parts.path))
