"""Bytes are kept under their hash, or not at all."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pytest

from wbexport.errors import IntegrityError, NotFoundError
from wbexport.store.blobs import BlobStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "wb.blobs")


def test_the_same_bytes_are_kept_once(blobs: BlobStore) -> None:
    first, second = blobs.add(b"text"), blobs.add(io.BytesIO(b"text"), size=4, md5=None)
    assert first == second
    assert list(blobs) == [first.sha256]
    with blobs.open(first.sha256) as file:
        assert file.read() == b"text"


def test_adding_again_heals_changed_bytes(blobs: BlobStore) -> None:
    blob = blobs.add(b"text")
    blobs.path(blob.sha256).write_bytes(b"tex")
    assert not blobs.verify(blob.sha256)
    blobs.add(b"text")
    assert blobs.verify(blob.sha256)


@pytest.mark.parametrize("promise", [{"size": 3}, {"md5": "0" * 32}, {"xxh128": "0" * 32}])
def test_bytes_that_are_not_as_promised_are_not_kept(
    blobs: BlobStore, promise: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError, match="fetch the file again"):
        blobs.add(b"text", **promise)  # type: ignore[arg-type]
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 64, "A" * 64, "a" * 63 + "\n"])
def test_only_a_hash_names_a_blob(blobs: BlobStore, name: str) -> None:
    blobs.add(b"text")
    with pytest.raises(NotFoundError):
        blobs.path(name)


def test_parts_are_joined_in_the_order_asked_for(blobs: BlobStore) -> None:
    upload = "a" * 64
    parts = {2: b"second", 1: b"first "}
    for number, part in parts.items():
        md5 = hashlib.md5(part, usedforsecurity=False).hexdigest()
        blobs.add_part(upload, number, io.BytesIO(part), size=len(part), md5=md5)
    with pytest.raises(IntegrityError, match="part 3"):
        blobs.join_parts(upload, [1, 2, 3])
    with pytest.raises(IntegrityError, match="MD5"):
        blobs.join_parts(upload, [2, 1], md5=hashlib.md5(b"first second").hexdigest())
    blob = blobs.join_parts(upload, [1, 2], md5=hashlib.md5(b"first second").hexdigest())
    assert blobs.path(blob.sha256).read_bytes() == b"first second"
    assert list(blobs) == [blob.sha256]
    with pytest.raises(IntegrityError, match="part 1"):
        blobs.join_parts(upload, [1, 2])


@pytest.mark.parametrize("upload", ["", "..", "a/b", "A" * 64])
def test_an_upload_whose_name_is_none_is_refused(blobs: BlobStore, upload: str) -> None:
    with pytest.raises(NotFoundError):
        blobs.add_part(upload, 1, io.BytesIO(b""), size=0, md5="")
