"""File contents by their sha256, beside the store; no name from outside reaches a path."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from wbexport.errors import IntegrityError, NotFoundError
from wbexport.store.durable import replace_durably, sync_directory
from wbexport.store.faults import store_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["Blob", "BlobStore"]

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Blob:
    """What is known of some stored bytes.

    Args:
        sha256: Their name, in hexadecimal.
        size: How many there are.
        md5: In hexadecimal, for comparison with a server.
        xxh128: The same by the other hash that servers use.
    """

    sha256: str
    size: int
    md5: str
    xxh128: str


class BlobStore:
    """A folder of immutable files, each named by its content.

    Args:
        root: The folder; it is made when the first blob arrives.

    Example:
        ```python
        blobs = BlobStore(Path("wb.blobs"))
        blob = blobs.add(b"text")
        blobs.path(blob.sha256).read_bytes()  # b"text"
        ```
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        content: bytes | BinaryIO,
        *,
        size: int | None = None,
        md5: str | None = None,
        xxh128: str | None = None,
    ) -> Blob:
        """Keep some bytes; the same bytes are kept once.

        Args:
            content: The bytes, or a binary file read to its end.
            size: How many they must be.
            md5: What their digest must be, in hexadecimal.
            xxh128: The same by another hash.

        Returns:
            Their name, size and digest.

        Raises:
            IntegrityError: Size or digest differ; nothing was kept.
        """
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        return self._add(_chunks(source), size, md5, xxh128)

    def add_part(self, upload: str, number: int, content: BinaryIO, *, size: int, md5: str) -> None:
        """Keep one part of a file that comes in parts, until they are joined or dropped.

        Args:
            upload: The name of the file's upload: 64 hexadecimal digits.
            number: Which part.
            content: A binary file read to its end.
            size: How many bytes it must have.
            md5: What its digest must be, in hexadecimal.

        Raises:
            IntegrityError: Size or digest differ; nothing was kept.
        """
        place = self._parts(upload) / str(number)
        temporary = place.with_name(f".{uuid.uuid4().hex}")
        try:
            with store_faults(self.root):
                place.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("wb") as file:
                    part = _copy(_chunks(content), file)
                _verify(part, size, md5, None)
                temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)

    def join_parts(
        self,
        upload: str,
        numbers: Iterable[int],
        *,
        md5: str | None = None,
        xxh128: str | None = None,
    ) -> Blob:
        """Keep the bytes of parts as one blob, and drop the parts.

        Args:
            upload: The name of the file's upload.
            numbers: The parts in their order.
            md5: What the digest of the whole must be, in hexadecimal.
            xxh128: The same by another hash.

        Returns:
            Name, size and digest of the whole.

        Raises:
            IntegrityError: A part is missing, or the digest differs.
        """
        places = [self._parts(upload) / str(number) for number in numbers]
        if missing := [place.name for place in places if not place.is_file()]:
            raise IntegrityError(f"part {missing[0]} of the upload has not arrived; send it again")
        blob = self._add(_chunks_of_files(places), None, md5, xxh128)
        self.drop_parts(upload)
        return blob

    def drop_parts(self, upload: str) -> None:
        """Forget the parts of a file that will not be joined."""
        shutil.rmtree(self._parts(upload), ignore_errors=True)

    def open(self, sha256: str) -> io.BufferedReader:
        """Open a blob to read it.

        Args:
            sha256: Its name.

        Returns:
            A binary file.

        Raises:
            NotFoundError: It is not there.
        """
        return self.path(sha256).open("rb")

    def path(self, sha256: str) -> Path:
        """Return the path of a blob.

        Args:
            sha256: Its name.

        Returns:
            A path that exists.

        Raises:
            NotFoundError: It is not there, or the name is none.
        """
        if _SHA256.fullmatch(sha256) and (place := self._place(sha256)).is_file():
            return place
        raise NotFoundError(f"{self.root}: no blob {sha256!r}; sync the files again")

    def verify(self, sha256: str) -> bool:
        """Read a blob and tell whether its bytes are still those it is named after.

        Args:
            sha256: Its name.

        Returns:
            Whether they are.

        Raises:
            NotFoundError: It is not there.
        """
        with self.open(sha256) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all blobs."""
        for place in sorted(self.root.glob("??/*")):
            if _SHA256.fullmatch(place.name):
                yield place.name

    def _add(
        self, chunks: Iterable[bytes], size: int | None, md5: str | None, xxh128: str | None
    ) -> Blob:
        temporary = self.root / f".{uuid.uuid4().hex}"
        try:
            with store_faults(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                with temporary.open("wb") as file:
                    blob = _copy(chunks, file)
                _verify(blob, size, md5, xxh128)
                self._keep(temporary, self._place(blob.sha256))
        finally:
            temporary.unlink(missing_ok=True)
        return blob

    def _parts(self, upload: str) -> Path:
        if not _SHA256.fullmatch(upload):
            raise NotFoundError(f"{self.root}: no upload in parts is called {upload!r}")
        return self.root / ".parts" / upload

    def _place(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def _keep(self, temporary: Path, place: Path) -> None:
        if not place.parent.exists():
            place.parent.mkdir(exist_ok=True)
            sync_directory(self.root)
        replace_durably(temporary, place)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _chunks_of_files(places: Iterable[Path]) -> Iterator[bytes]:
    for place in places:
        with place.open("rb") as file:
            yield from _chunks(file)


def _copy(chunks: Iterable[bytes], target: BinaryIO) -> Blob:
    hashes = (hashlib.sha256(), hashlib.md5(usedforsecurity=False), xxhash.xxh128())
    size = 0
    for chunk in chunks:
        target.write(chunk)
        for each in hashes:
            each.update(chunk)
        size += len(chunk)
    sha256, md5, xxh128 = (each.hexdigest() for each in hashes)
    return Blob(sha256, size, md5, xxh128)


def _verify(blob: Blob, size: int | None, md5: str | None, xxh128: str | None) -> None:
    if size is not None and blob.size != size:
        raise IntegrityError(f"{blob.size} bytes came of {size}; fetch the file again")
    if md5 is not None and blob.md5 != md5:
        raise IntegrityError(f"the bytes have MD5 {blob.md5}, not {md5}; fetch the file again")
    if xxh128 is not None and blob.xxh128 != xxh128:
        raise IntegrityError(
            f"the bytes have XXH128 {blob.xxh128}, not {xxh128}; fetch the file again"
        )
