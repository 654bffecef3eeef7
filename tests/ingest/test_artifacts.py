"""Artifacts that were logged offline: versions, files, and bytes that are no longer there."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from wandb.proto.wandb_internal_pb2 import Record

from tests.ingest.test_engine import folder_of, history_record, make_folder, run_record
from wbexport.ingest.engine import ingest
from wbexport.store.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from wbexport.store.database import Store


def artifact_record(path: str, local: Path, content: bytes, client_id: str = "c") -> bytes:
    """A version of one file, whose bytes are said to be somewhere."""
    record = Record()
    artifact = record.artifact
    artifact.type, artifact.name, artifact.client_id = "dataset", "data", client_id
    artifact.metadata, artifact.finalize = '{"rows": 3}', True
    artifact.aliases.append("best")
    digest = base64.b64encode(hashlib.md5(content).digest()).decode()
    entry = artifact.manifest.contents.add(path=path, digest=digest, local_path=str(local))
    entry.size = len(content)
    return record.SerializeToString()


def stored(store: Store) -> list[tuple[object, ...]]:
    return (
        store.cursor()
        .execute(
            "select m.version_index, path, f.blob is not null, m.aliases "
            "from stored.artifacts join stored.artifact_files f using (artifact_no) "
            "join stored.artifact_members m using (artifact_no) order by all"
        )
        .fetchall()
    )


def test_only_bytes_that_have_the_digest_of_the_manifest_are_kept(
    target: Store, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for the store")
    known = tmp_path / "known"
    known.write_bytes(b"announced")
    folder = make_folder(
        tmp_path / "run-1-made",
        [
            run_record(),
            artifact_record("a.txt", known, b"announced", "one"),
            artifact_record("b.txt", secret, b"NOT FOR THE STORE", "two"),
            artifact_record("c.txt", tmp_path / "gone", b"gone", "three"),
            artifact_record("../up.txt", known, b"announced", "four"),
            history_record(0),
        ],
    )
    report = ingest(folder, target)
    assert report.status == "ok"
    assert stored(target) == [
        (0, "a.txt", True, []),
        (1, "b.txt", False, []),
        (2, "c.txt", False, ["best", "latest"]),
    ]
    (notes,) = report.notes.values()
    assert [note.split(":")[0].split(",")[0] for note in notes] == [
        "The artifact file name '../up.txt' would leave its folder.",
        "the bytes of 1 files of artifact data",
        "the bytes of 1 files of artifact data",
    ]
    assert not any(
        target.blobs.path(name).read_bytes() == secret.read_bytes() for name in target.blobs
    )
    assert list(check(target)) == []


def test_versions_are_stored_once_however_often_their_run_is_read(
    logged: Path, target: Store
) -> None:
    ingest(folder_of(logged, "rich"), target)
    before = stored(target)
    assert {row[2] for row in before if row[1] == "deep/data.txt"} == {True}
    with target.transaction() as cursor:
        cursor.execute("update stored.runs set fingerprint = null, stored_rows = 0")
    assert ingest(folder_of(logged, "rich"), target).actions == {"rewritten": 1}
    assert stored(target) == before
