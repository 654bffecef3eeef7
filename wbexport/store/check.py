"""Looks for contradictions and damage in a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import duckdb

from wbexport.errors import NotFoundError, StoreDamagedError
from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.faults import store_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.store.database import Store

__all__ = ["Problem", "check", "named_blobs"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a sound store has not.

    Args:
        check: What was looked for: a file of `sql/checks`, `blobs` or `damage`.
        detail: What was found.
    """

    check: str
    detail: str


def check(store: Store, *, read_data: bool = False) -> list[Problem]:
    """Run every file of `sql/checks`, and see whether every blob is there."""
    problems: list[Problem] = []
    try:
        with store_faults(store.path):
            problems += _contradictions(store.cursor())
            problems += _blobs(store, read_data)
            if read_data:
                _read_everything(store.cursor())
    except (StoreDamagedError, duckdb.FatalException, duckdb.InternalException) as damage:
        problems.append(Problem("damage", str(damage)))
    return problems


def named_blobs(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the sha256 of every blob that a row of the store names."""
    found = cursor.execute(
        """
        select blob from stored.files where blob is not null
        union
        select blob from stored.artifact_files where blob is not null
        union
        select blob from stored.artifact_manifests where blob is not null
        union
        select manifest from stored.artifacts where manifest is not null
        order by all
        """
    ).fetchall()
    return [sha256 for (sha256,) in found]


def _contradictions(cursor: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    for name in list_sql("checks"):
        rows = cursor.execute(read_sql(name)).fetchall()
        if rows:
            yield Problem(PurePath(name).stem, f"{len(rows)} rows, the first is {rows[0]}")


def _blobs(store: Store, read_data: bool) -> Iterator[Problem]:
    for sha256 in named_blobs(store.cursor()):
        try:
            store.blobs.path(sha256)
            if read_data and not store.blobs.verify(sha256):
                yield Problem("blobs", f"{sha256} has other bytes")
        except NotFoundError:
            yield Problem("blobs", f"{sha256} is missing")


def _read_everything(cursor: duckdb.DuckDBPyConnection) -> None:
    """DuckDB compares the checksum of a block when it reads it."""
    tables = cursor.execute(
        "select table_name from duckdb_tables() where schema_name = 'stored'"
    ).fetchall()
    for (table,) in tables:
        cursor.execute(f"select bit_xor(hash(each)) from stored.{table} each").fetchall()
