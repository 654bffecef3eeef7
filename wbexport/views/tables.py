"""Tables that runs logged, all of one key as a single table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.flatten import columns_of_rows
from wbexport.arrow.literals import escape_surrogates, parse_json
from wbexport.arrow.wide import column_names
from wbexport.errors import IntegrityError, NotFoundError, QueryError
from wbexport.query.fields import suggest
from wbexport.store.attachments import read_files
from wbexport.store.reader import read_keys, read_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.store.database import Store

__all__ = ["read_tables"]

#: How the history names a logged table; the parts of an incremental one are tables of their own.
_TABLE_TYPES = frozenset({"table-file", "incremental-table-file"})
_BESIDE = ("run_id", "_step")


def read_tables(store: Store, runs: pa.Table, key: str) -> pa.Table:
    """Put all tables that some runs logged under a key below each other.

    Args:
        store: The store, with the runs' files.
        runs: Columns `run_no` and `run_id`, in the order in which rows are wanted.
        key: The key.

    Returns:
        `run_id`, `_step`, then the tables' own columns in the order in which they first appear,
        with nulls where a table lacks one. Of media in cells there is what the run's file says:
        a reference as JSON, or their kind alone; the table's artifact has the bytes.

    Raises:
        QueryError: None of the runs logged a table under this key.
        NotFoundError: The bytes of a table are not in the store.
        IntegrityError: A table cannot be read.
    """
    logged = list(_logged(store, runs, key))
    if not logged:
        raise QueryError(_no_table(store, runs, key))
    beside: dict[str, list[Any]] = {name: [] for name in _BESIDE}
    order: dict[str, None] = {}
    rows: list[dict[str, Any]] = []
    for run_no, run_id, step, path in logged:
        columns, cells = _load(store, run_no, run_id, path)
        order |= dict.fromkeys(columns)
        rows += [dict(zip(columns, row, strict=True)) for row in cells]
        beside["run_id"] += [run_id] * len(cells)
        beside["_step"] += [step] * len(cells)
    spread = columns_of_rows(rows)
    names = column_names(list(order), _BESIDE)
    empty = pa.nulls(len(rows), pa.string())
    own = {name: spread.get(column, empty) for name, column in zip(names, order, strict=True)}
    first = {
        "run_id": pa.array(beside["run_id"], pa.string()),
        "_step": pa.array(beside["_step"], pa.int64()),
    }
    return pa.table(first | own)


def _logged(store: Store, runs: pa.Table, key: str) -> Iterator[tuple[int, str, int, str]]:
    """Yield run number, run id, step and file name of each logged table, in the order wanted."""
    run_nos, run_ids = (runs.column(name).to_pylist() for name in ("run_no", "run_id"))
    places = {run_no: place for place, run_no in enumerate(run_nos)}
    long = read_long(store.cursor(), run_nos, keys=[key])
    values = long.select(["run_no", "step", "text"]).to_pylist()
    for value in sorted(values, key=lambda each: (places[each["run_no"]], each["step"])):
        entry = parse_json(value["text"]) if value["text"] else None
        if isinstance(entry, dict) and entry.get("_type") in _TABLE_TYPES:
            run_no = value["run_no"]
            yield run_no, run_ids[places[run_no]], value["step"], str(entry.get("path"))


def _load(store: Store, run_no: int, run_id: str, path: str) -> tuple[list[str], list[list[Any]]]:
    """Read one table: its column names, each of them once, and its rows."""
    blobs = read_files(store.cursor(), run_no, names=[path]).column("blob").to_pylist()
    if not blobs or blobs[0] is None:
        raise NotFoundError(
            f"The bytes of table {path!r} of run {run_id} are not in this store: "
            "sync again and include files."
        )
    content = parse_json(store.blobs.path(blobs[0]).read_bytes())
    columns, rows = (content.get(name) for name in ("columns", "data"))
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise IntegrityError(f"{path!r} of run {run_id} is not a table; sync its files again.")
    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise IntegrityError(f"{path!r} of run {run_id} has rows of unequal length.")
    return _distinct([escape_surrogates(str(column)) for column in columns]), rows


def _distinct(names: list[str]) -> list[str]:
    """Number those that a table has twice."""
    found: list[str] = []
    for name in names:
        found += column_names([name], found)
    return found


def _no_table(store: Store, runs: pa.Table, key: str) -> str:
    known = read_keys(store.cursor(), runs.column("run_no").to_pylist()).to_pylist()
    if any(each["key"] == key for each in known):
        return f"What the runs here logged as {key!r} are no tables."
    tables = {
        each["key"] for each in known if each["kind"] == "json" and "table-file" in each["last"]
    }
    return f"no run here logged a table {key!r}{suggest(key, tables)}"
