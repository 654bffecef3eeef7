"""Brings a store's tables to the newest format, and refuses what is newer still."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import duckdb

from wbexport.errors import StoreDamagedError, StoreVersionError
from wbexport.sqlfiles import list_sql, read_sql

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "check_format", "migrate", "read_meta", "write_meta"]

_FILES = sorted(list_sql("schema"))
#: The format this version of wbexport reads and writes: the number of the last schema file.
FORMAT = len(_FILES)


def migrate(cursor: duckdb.DuckDBPyConnection, path: Path, *, new: bool = False) -> None:
    """Apply the schema files that a store has not had yet, each in its own transaction.

    Args:
        cursor: A writing cursor.
        path: The store, for messages.
        new: The file is empty and meant to become a store.

    Raises:
        StoreVersionError: The store is of a newer format.
        StoreDamagedError: The file is a DuckDB database but not a store.
    """
    applied = 0 if new else check_format(cursor, path)
    for number, name in enumerate(_FILES[applied:], start=applied + 1):
        cursor.begin()
        cursor.execute(read_sql(name))
        write_meta(cursor, "format", str(number))
        write_meta(cursor, "writer", version("wbexport"))
        write_meta(cursor, "duckdb", duckdb.__version__)
        cursor.commit()


def check_format(cursor: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the format of a store, which must not be newer than `FORMAT`.

    Raises:
        StoreVersionError: The store is of a newer format.
        StoreDamagedError: The file is a DuckDB database but not a store.
    """
    try:
        text = read_meta(cursor, "format")
    except duckdb.CatalogException as error:
        message = f"{path}: a DuckDB file but not a wbexport store; choose another path"
        raise StoreDamagedError(message) from error
    if text is None or not text.isdecimal():
        raise StoreDamagedError(f"{path}: its format is not recorded; restore a copy of it")
    if int(text) > FORMAT:
        message = f"{path}: written by a newer wbexport (format {text}); update wbexport"
        raise StoreVersionError(message)
    return int(text)


def read_meta(cursor: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """Return what the store says of itself under `key`."""
    found = cursor.execute("select value from stored.meta where key = ?", [key]).fetchall()
    return found[0][0] if found else None


def write_meta(cursor: duckdb.DuckDBPyConnection, key: str, value: str | None) -> None:
    """Set, or with None forget, what the store says of itself under `key`.

    Args:
        cursor: The cursor of a transaction.
        key: The name.
        value: The new value.
    """
    cursor.execute("delete from stored.meta where key = ?", [key])
    if value is not None:
        cursor.execute("insert into stored.meta values (?, ?)", [key, value])
