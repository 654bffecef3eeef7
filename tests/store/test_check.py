"""Contradictions and damage are found."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from wbexport.errors import StoreError
from wbexport.store.artifacts import (
    write_collections,
    write_members,
    write_type,
    write_versions,
)
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.store.reports import ReportRow, upsert_report
from wbexport.store.writer import write_files

from .samples import add_runs, log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("delete from stored.runs", "strays"),
        ("delete from stored.projects", "strays"),
        ("delete from stored.history where step = 3", "key_statistics"),
        ("update stored.run_keys set rows = rows + 1", "key_statistics"),
        ("insert into stored.history from stored.history", "repeated_values"),
        ("update stored.runs set stored_rows = 1", "row_counts"),
    ],
)
def test_contradictions_are_found(store: Store, statement: str, found: str) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": n, "x": n} for n in range(9)])
    assert check(store, read_data=True) == []
    with store.transaction() as cursor:
        cursor.execute(statement)
    assert found in {problem.check for problem in check(store)}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("insert into stored.artifact_types from stored.artifact_types", "repeated_objects"),
        ("insert into stored.artifacts from stored.artifacts", "repeated_objects"),
        ("insert into stored.artifact_members from stored.artifact_members", "repeated_objects"),
        ("insert into stored.reports from stored.reports", "repeated_objects"),
        ("update stored.artifact_members set artifact_no = 9", "strays"),
        ("update stored.artifacts set collection_no = 9", "strays"),
        ("update stored.reports set project_no = 9", "strays"),
        ("insert into stored.project_members values (9, 'user', 'ada', 'admin')", "strays"),
    ],
)
def test_contradictions_among_artifacts_and_reports_are_found(
    store: Store, statement: str, found: str
) -> None:
    add_runs(store, 1)
    with store.transaction() as cursor:
        write_type(cursor, 1, "t", storage_id="t")
        row = {"storage_id": "c", "kind": "SEQUENCE", "type": "t", "name": "c"}
        write_collections(cursor, 1, [row])
        write_versions(cursor, 1, [{"storage_id": "v", "state": "COMMITTED", "digest": "0"}])
        member = {"artifact_no": 1, "storage_id": "m", "version_index": 0, "aliases": []}
        write_members(cursor, 1, [member])
        upsert_report(cursor, ReportRow(1, "r", "r", "runs", "{}"))
    assert check(store, read_data=True) == []
    with store.transaction() as cursor:
        cursor.execute(statement)
    assert found in {problem.check for problem in check(store)}


def test_missing_and_changed_blobs_are_found(store: Store) -> None:
    (run,) = add_runs(store, 1)
    blobs = [store.blobs.add(content) for content in (b"one", b"two", b"three")]
    table = pa.table(
        {"run_no": [run] * 3, "name": ["a", "b", "c"], "blob": [blob.sha256 for blob in blobs]}
    )
    with store.transaction() as cursor:
        write_files(cursor, table)
    store.blobs.path(blobs[0].sha256).unlink()
    store.blobs.path(blobs[1].sha256).write_bytes(b"xyz")
    assert [problem.detail for problem in check(store)] == [f"{blobs[0].sha256} is missing"]
    assert {problem.detail for problem in check(store, read_data=True)} == {
        f"{blobs[0].sha256} is missing",
        f"{blobs[1].sha256} has other bytes",
    }


def verdict(path: Path) -> str:
    """What becomes of a store with changed bytes: refused, found damaged, or found sound."""
    try:
        with Store.open_reader(path) as reader:
            return "damaged" if check(reader, read_data=True) else "sound"
    except StoreError:
        return "refused"


def rows_of(path: Path) -> list[tuple[object, ...]]:
    with Store.open_reader(path) as reader:
        return reader.cursor().execute("from stored.history order by all").fetchall()


def flip_bits(path: Path, flips: int, seed: int) -> None:
    """A changed bit is found, or it is in a place that nothing is read from."""
    with Store.open_writer(path) as store:
        (run,) = add_runs(store, 1)
        log(store, run, [{"_step": n, "x": n / 3, "t": f"text {n}"} for n in range(5000)])
        store.publish()
    expected, content, chance = rows_of(path), path.read_bytes(), random.Random(seed)
    verdicts = []
    for _ in range(flips):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        verdicts.append(verdict(path))
        if verdicts[-1] == "sound":
            assert rows_of(path) == expected
    assert verdicts.count("sound") < flips


def test_changed_bits_are_found(tmp_path: Path) -> None:
    flip_bits(tmp_path / "wb.duckdb", flips=12, seed=4)


@pytest.mark.slow
def test_a_thousand_changed_bits_are_found(tmp_path: Path) -> None:
    flip_bits(tmp_path / "wb.duckdb", flips=1000, seed=5)
