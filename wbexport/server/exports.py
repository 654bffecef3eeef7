"""Finished runs as parquet files, made when asked for and kept in memory for a while."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from wbexport.arrow.convert import long_to_export
from wbexport.store import reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

__all__ = ["Export", "ExportPolicy", "Exports"]

#: States in which a run may still log; only the others are exported.
_ALIVE = frozenset({"running", "pending", "preempting"})


@dataclass(frozen=True)
class ExportPolicy:
    """Which rows are offered as parquet.

    Attributes:
        enabled: Whether any are.
        live_rows: Last rows of each run that are left out and answered live.
        overlap_rows: How many of the live rows are exported nevertheless.
        rows_per_file: Rows of one parquet file.
    """

    enabled: bool = True
    live_rows: int = 0
    overlap_rows: int = 0
    rows_per_file: int = 100_000


@dataclass(frozen=True)
class Export:
    """The parquet files of one run in one state.

    Attributes:
        version: Changes whenever the run's history may have.
        files: The files' bytes, in step order.
        live_from: First step that is answered live; None when all are exported.
    """

    version: str
    files: tuple[bytes, ...]
    live_from: int | None


class Exports:
    """Makes exports and keeps the latest.

    Args:
        policy: Which rows to offer.
        keep: Bytes to keep at most; the last export is kept however large it is, as its files are
            fetched one after the other.
    """

    def __init__(self, policy: ExportPolicy, *, keep: int = 64 << 20) -> None:
        self._policy = policy
        self._keep_bytes = keep
        self._kept: OrderedDict[str, Export | None] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def of(self, cur: duckdb.DuckDBPyConnection, run: Mapping[str, Any]) -> Export | None:
        """Return the export of a run, or None when it is answered live."""
        if not self._policy.enabled or run["state"] in _ALIVE or not run["stored_rows"]:
            return None
        version = self._version(run)
        with self._lock:
            if version in self._kept:
                self._kept.move_to_end(version)
                return self._kept[version]
        export = self._make(cur, run["run_no"], version)
        with self._lock:
            self._keep(version, export)
        return export

    def _version(self, run: Mapping[str, Any]) -> str:
        names = ("storage_id", "generation", "stored_rows", "last_step", "heartbeat_at")
        state = [str(run[name]) for name in names]
        return hashlib.blake2b(
            repr((state, astuple(self._policy))).encode(), digest_size=16
        ).hexdigest()

    def _keep(self, version: str, export: Export | None) -> None:
        if version in self._kept:
            return
        self._kept[version] = export
        self._size += _bytes_of(export)
        while self._size > self._keep_bytes and len(self._kept) > 1:
            self._size -= _bytes_of(self._kept.popitem(last=False)[1])

    def _make(self, cur: duckdb.DuckDBPyConnection, run_no: int, version: str) -> Export | None:
        table = _exportable(cur, run_no)
        if table is None:
            return None
        rows = table.num_rows
        first_live = max(rows - self._policy.live_rows, 0)
        exported = min(first_live + self._policy.overlap_rows, rows)
        if exported == 0:
            return None
        size = self._policy.rows_per_file
        files = tuple(
            _encoded(table.slice(start, min(size, exported - start)))
            for start in range(0, exported, size)
        )
        live_from = table["_step"][first_live].as_py() if first_live < rows else None
        return Export(version, files, live_from)


def _bytes_of(export: Export | None) -> int:
    return sum(map(len, export.files)) if export else 64


def _exportable(cur: duckdb.DuckDBPyConnection, run_no: int) -> pa.Table | None:
    """Return the run's rows in exact parquet types, or None when there are no such types."""
    kinds = {key: kinds[0] for key, kinds in reader.read_kinds(cur, [run_no]).items()}
    if not {"mixed", "null"}.isdisjoint(kinds.values()):
        return None
    return long_to_export(reader.read_long(cur, [run_no]).drop_columns(["run_no"]), kinds)


def _encoded(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    # Measured numbers hardly repeat: a dictionary of them is larger, and four times the work.
    repeating = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(table, sink, compression="snappy", use_dictionary=repeating)
    return sink.getvalue()
