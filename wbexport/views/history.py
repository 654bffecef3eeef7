"""Histories out of the store: W&B's sampled ones, and complete ones in bounded memory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from wbexport.arrow.convert import long_to_rows, long_to_wide
from wbexport.arrow.formats import Wanted, frame_of_rows, to_format
from wbexport.arrow.literals import parse_json
from wbexport.arrow.promote import column_type, kinds_of, promote, promote_all, scan_kind
from wbexport.arrow.wide import column_names
from wbexport.errors import InputError, QueryError
from wbexport.query.fields import suggest
from wbexport.store.ledger import require_stream
from wbexport.store.reader import iter_long, read_kinds, read_long, read_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import duckdb

    from wbexport.arrow.formats import Format

    Cursor = Callable[[], duckdb.DuckDBPyConnection]

__all__ = ["How", "Rows", "Scan", "Stream", "histories", "scan_rows"]

How = Literal["any", "all"]
Stream = Literal["default", "system"]

_STREAMS: dict[str, Literal["history", "system"]] = {"default": "history", "system": "system"}
# How many cells of keys are read, spread and handed out at once.
_CELLS_AT_ONCE = 600_000
# Steps on which a condition is tried, to find the first and the last that meet it.
_STEPS_TRIED = 1_000_000
_RUN_COLUMNS = ("entity", "project", "run_id")


def histories(
    cursor: duckdb.DuckDBPyConnection,
    runs: pa.Table,
    *,
    samples: int = 500,
    keys: Sequence[str] | None = None,
    x_axis: str = "_step",
    stream: Stream = "default",
    format: Format = "default",
    sort_columns: bool = True,
) -> Any:
    """Give W&B's sample of every run: evenly spaced rows, the same ones every time.

    Args:
        cursor: A cursor of the store.
        runs: Columns `run_no` and `run_id`, in the order in which rows are wanted.
        samples: Rows per run, at most.
        keys: Only rows that have all of these and `x_axis`, and of them only these.
        x_axis: The key that goes with them.
        stream: `default` for metrics, `system` for machine metrics.
        format: As in `to_format`.
        sort_columns: Columns of a pandas frame by name, as W&B gives them for many runs; else in
            the order in which they first appear.

    Returns:
        The rows, each with its `run_id`.

    Raises:
        InputError: An argument that cannot be right.
    """
    _check_sampling(samples, keys, stream)
    shown = list(dict.fromkeys([x_axis, *keys])) if keys else None
    _warn_of_unknown(cursor, runs, shown, stream)
    wanted = [key for key in shown or () if key != "_step"] or None
    # The step of a machine metric is the number of its row, which W&B does not show.
    hidden = "_step" if stream == "system" else None
    run_nos, run_ids = (runs.column(name).to_pylist() for name in ("run_no", "run_id"))

    def read() -> Iterator[pa.Table]:
        # Runs that were stored together are read together, whatever the order wanted.
        return iter_long(
            cursor,
            sorted(run_nos),
            keys=wanted,
            how="all",
            samples=samples,
            stream=_STREAMS[stream],
            values=_CELLS_AT_ONCE,
        )

    if format in ("default", "pandas"):
        places = {run_no: place for place, run_no in enumerate(run_nos)}
        rows = [
            _only(row, shown or [key for key in row if key != hidden])
            | {"run_id": run_ids[places[run_no]]}
            for run_no, part in sorted(
                (part for long in read() for part in _by_run(long)),
                key=lambda part: places[part[0]],
            )
            for row in long_to_rows(part)
        ]
        return (
            rows if format == "default" else frame_of_rows(rows, format, sort_columns=sort_columns)
        )
    row_places, cells = _spread(lambda: (_numbered_by_place(long, runs) for long in read()), wanted)
    if not len(row_places):
        return to_format(pa.table({}), format)
    columns = {name: cells[name] for name in shown or cells.keys() - {hidden}}
    columns["run_id"] = pa.array(run_ids, pa.string()).take(row_places)
    numbers = row_places.to_numpy()
    if (numbers[1:] < numbers[:-1]).any():
        order = pa.array(np.argsort(numbers, kind="stable"))
        columns = {name: column.take(order) for name, column in columns.items()}
    return to_format(pa.table({name: columns[name] for name in sorted(columns)}), format)


class Rows:
    """Rows that every loop reads anew; `next` goes through them once.

    Args:
        read: Starts reading.
    """

    def __init__(self, read: Callable[[], Iterator[dict[str, Any]]]) -> None:
        self._read = read
        self._current: Iterator[dict[str, Any]] | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._read()

    def __next__(self) -> dict[str, Any]:
        self._current = iter(self) if self._current is None else self._current
        return next(self._current)


def scan_rows(
    cursor: Cursor,
    runs: pa.Table,
    *,
    keys: Sequence[str] | None = None,
    min_step: int | None = None,
    max_step: int | None = None,
) -> Rows:
    """Give every row of one run, in step order.

    Args:
        cursor: Gives a cursor of the store.
        runs: The run's `run_no` and `stored_rows`.
        keys: Only rows that have all of these, and of them only these and `_step`.
        min_step: First step.
        max_step: Step to stop before.

    Returns:
        The rows; nothing is read before the first is asked for.
    """
    _check_keys(keys)
    wanted = [key for key in keys or () if key != "_step"]
    scan = Scan(cursor, runs, wanted or None, "all", min_step, max_step)
    _warn_of_unknown(cursor(), runs, keys, "default")

    def read() -> Iterator[dict[str, Any]]:
        for piece in scan.pieces(how="all"):
            for row in long_to_rows(piece):
                yield _only(row, ["_step", *wanted]) if keys else row

    return Rows(read)


@dataclass(frozen=True)
class Scan:
    """The complete history of some runs, read chunk by chunk.

    Args:
        cursor: Gives a cursor of the store.
        runs: Columns `run_no`, `stored_rows` and those that go beside each row.
        keys: The keys wanted; None for all.
        how: Rows that have `any` or `all` of the keys.
        min_step: First step.
        max_step: Step to stop before.
    """

    cursor: Cursor
    runs: pa.Table
    keys: Sequence[str] | None = None
    how: How = "any"
    min_step: int | None = None
    max_step: int | None = None

    def __post_init__(self) -> None:
        _check_keys(self.keys)
        if self.how not in ("any", "all"):
            raise InputError(f"how must be 'any' or 'all', not {self.how!r}.")
        for name, step in (("min_step", self.min_step), ("max_step", self.max_step)):
            if step is not None and type(step) is not int:
                raise InputError(f"{name} must be a whole number, not {step!r}.")

    def kinds(self) -> dict[str, str]:
        """Tell the kind of each wanted key over all runs.

        Raises:
            QueryError: A key that none of the runs logged; the message names the nearest.
            NotFoundError: No sync has brought over the history of some of the runs.
        """
        run_nos = self.runs.column("run_no").to_pylist()
        require_stream(self.cursor(), run_nos, "history")
        # Values of a dotted key may be inside those of the keys that it begins with.
        asked = None if self.keys is None else [name for key in self.keys for name in _heads(key)]
        found = read_kinds(self.cursor(), run_nos, keys=asked)
        kinds = {key: promote_all(seen) for key, seen in found.items()}
        names = sorted(kinds.keys() - {"_step"}) if self.keys is None else self.keys
        return {key: scan_kind(kinds.get(key) or self._nested_kind(key, kinds)) for key in names}

    def schema(self, kinds: Mapping[str, str]) -> pa.Schema:
        """Tell the schema of `batches`."""
        beside = self._columns_beside()
        fields = [(name, pa.string()) for name in beside] + [("_step", pa.int64())]
        fields += zip(column_names(kinds, beside), map(column_type, kinds.values()), strict=True)
        return pa.schema(fields)

    def batches(
        self, kinds: Mapping[str, str], wanted: Wanted | None = None
    ) -> pa.RecordBatchReader:
        """Read one row per run and step, in the order of the runs, in bounded memory.

        Args:
            kinds: What `kinds` gave.
            wanted: What of them is wanted; all by default.

        Returns:
            The run columns, `_step`, and a column per key, named as by `column_names`; at least
            those wanted.
        """
        schema = self.schema(kinds)
        wanted = wanted or Wanted()
        every = len(kinds)
        if self.keys is None and wanted.columns is not None:
            names = column_names(kinds, self._columns_beside())
            pairs = zip(names, kinds.items(), strict=True)
            kinds = dict(pair for name, pair in pairs if name in wanted.columns)
            shown = {*wanted.columns, "_step"}
            schema = pa.schema([field for field in schema if field.name in shown])
        some = list(kinds) if len(kinds) < every else None
        batches = self._narrowed(wanted)._batches(kinds, schema, some, wanted.rows)
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _narrowed(self, wanted: Wanted) -> Scan:
        """Leave out runs and steps that a predicate excludes by itself."""
        scan = self
        kept = wanted.keep(self.runs.select(self._columns_beside()))
        if kept is not None:
            scan = replace(self, runs=self.runs.filter(pa.array(kept)))
        if wanted.keep(pa.table({"_step": pa.array([], pa.int64())})) is None:
            return scan
        span = read_span(self.cursor(), scan.runs.column("run_no").to_pylist())
        if span is None or span[1] - span[0] >= _STEPS_TRIED:
            return scan
        steps = np.arange(span[0], span[1] + 1)
        steps = steps[wanted.keep(pa.table({"_step": steps}))]
        if not len(steps):
            return replace(scan, runs=scan.runs.slice(0, 0))
        low, high = int(steps[0]), int(steps[-1]) + 1
        return replace(
            scan,
            min_step=low if self.min_step is None else max(low, self.min_step),
            max_step=high if self.max_step is None else min(high, self.max_step),
        )

    def pieces(
        self,
        columns: int = 1,
        *,
        how: How,
        keys: Sequence[str] | None = None,
        rows: int | None = None,
    ) -> Iterator[pa.Table]:
        """Read the values in the order of the runs, about as many cells of a frame at a time."""
        cells = _CELLS_AT_ONCE if rows is None else min(_CELLS_AT_ONCE, max(1, rows * columns))
        yield from iter_long(
            self.cursor(),
            self.runs.column("run_no").to_pylist(),
            keys=self.keys if keys is None else keys,
            how=how,
            min_step=self.min_step,
            max_step=None if self.max_step is None else self.max_step - 1,
            values=cells,
            columns=columns,
            with_rows=keys is not None,
        )

    def _columns_beside(self) -> list[str]:
        return [name for name in _RUN_COLUMNS if name in self.runs.column_names]

    def _batches(
        self,
        kinds: Mapping[str, str],
        schema: pa.Schema,
        some: list[str] | None,
        rows: int | None,
    ) -> Iterator[pa.RecordBatch]:
        beside = [name for name in self._columns_beside() if name in schema.names]
        keys = [*some, "_step"] if some is not None else list(kinds) if self.keys else None
        # Rows are left out as they are spread: DuckDB would read every value twice to do it.
        for long in self.pieces(max(1, len(kinds)), how="any", keys=some, rows=rows):
            numbered = _numbered_by_place(long, self.runs)
            wide = long_to_wide(numbered, kinds, keys, how=self.how if self.keys else "any")
            columns = [self.runs.column(name).take(wide.column(0)) for name in beside]
            cells = wide.remove_column(0)
            columns += [cells.column(name) for name in ("_step", *kinds)]
            yield from pa.table(columns, schema=schema).combine_chunks().to_batches()

    def _nested_kind(self, key: str, kinds: dict[str, str]) -> str:
        """Tell the kind of `nest.b` inside logged objects by looking at its values."""
        run_nos = self.runs.column("run_no").to_pylist()
        if any(kinds.get(parent) in ("json", "mixed") for parent in _heads(key)[:-1]):
            long = read_long(self.cursor(), run_nos, keys=[key])
            if long.num_rows:
                return kinds_of(long)[key]
        hint = suggest(key, read_kinds(self.cursor(), run_nos))
        raise QueryError(f"no run here logged the key {key!r}{hint}")


def _check_sampling(samples: int, keys: Sequence[str] | None, stream: str) -> None:
    _check_keys(keys)
    if stream not in _STREAMS:
        raise InputError(f"stream must be 'default' or 'system', not {stream!r}.")
    if keys and stream == "system":
        raise InputError("The system stream cannot be read by keys; leave keys out.")
    if type(samples) is not int or samples < 1:
        raise InputError(f"samples must be a whole number above 0, not {samples!r}.")


def _check_keys(keys: Sequence[str] | None) -> None:
    if isinstance(keys, str) or any(not isinstance(key, str) for key in keys or ()):
        raise InputError("keys must be a list of strings, such as ['loss'].")


def _warn_of_unknown(
    cursor: duckdb.DuckDBPyConnection, runs: pa.Table, keys: Sequence[str] | None, stream: str
) -> None:
    """Say it once when a key gives W&B's empty answer because nobody logged it."""
    if not keys or not runs.num_rows:
        return
    known = read_kinds(cursor, runs.column("run_no").to_pylist()).keys()
    for key in keys:
        if key != "_step" and known.isdisjoint(_heads(key)):
            hint = suggest(key, known)
            message = f"no run here logged the key {key!r}{hint or '.'} The answer is empty."
            warnings.warn(message, UserWarning, stacklevel=4)


def _heads(key: str) -> list[str]:
    """Give the names that a dotted key begins with, itself last."""
    parts = key.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts) + 1)]


def _numbered_by_place(long: pa.Table, runs: pa.Table) -> pa.Table:
    """Number the runs of a table by their place in a listing, which is the order wanted."""
    run_nos = runs.column("run_no").to_numpy()
    places = np.empty(run_nos.max(initial=0) + 1, np.int32)
    places[run_nos] = np.arange(len(run_nos))
    return long.set_column(0, "run_no", pa.array(places[long.column("run_no").to_numpy()]))


def _by_run(long: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Cut a table of many runs, one after the other, to one table each."""
    if not long.num_rows:
        return
    run_nos = long.column("run_no").to_numpy()
    starts = np.flatnonzero(np.diff(run_nos, prepend=run_nos[0] - 1))
    values = long.drop_columns(["run_no"])
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(run_nos)], strict=True):
        yield int(run_nos[start]), values.slice(start, stop - start)


def _only(row: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: row[key] for key in keys}


def _spread(
    read: Callable[[], Iterator[pa.Table]], keys: Sequence[str] | None
) -> tuple[pa.ChunkedArray, dict[str, pa.ChunkedArray | pa.Array]]:
    """Spread pieces of a long table; logged objects are structs where one type holds them all.

    Returns:
        The number of each row's run, and the columns.
    """
    kinds: dict[str, str] = {}
    parts: list[tuple[dict[str, str], pa.Table]] = []
    for long in read():
        found = kinds_of(long)
        parts.append((found, long_to_wide(long, found, keys)))
        kinds |= {key: promote(kind, kinds.get(key, "null")) for key, kind in found.items()}
    if any("mixed" == kinds[key] != kind != "null" for of, _ in parts for key, kind in of.items()):
        # Now that it is known which columns hold values of several kinds.
        parts = [(kinds, long_to_wide(long, kinds, keys)) for long in read()]
    places = pa.chunked_array([wide.column(0) for _, wide in parts], pa.int32())
    tables = [wide.remove_column(0) for _, wide in parts]
    columns = {key: kinds.get(key, "null") for key in keys or kinds} | {"_step": "int"}
    return places, {name: _joined(tables, name, kind) for name, kind in columns.items()}


def _joined(tables: Sequence[pa.Table], name: str, kind: str) -> pa.ChunkedArray | pa.Array:
    """Join the parts of a column, of which any may lack it or have only null or whole numbers."""
    of = column_type(kind)
    parts = [
        table.column(name).cast(of).combine_chunks()
        if name in table.column_names
        else pa.nulls(table.num_rows, of)
        for table in tables
    ]
    column = pa.chunked_array(parts, of)
    return _objects(column) if kind == "json" else column


def _objects(literals: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    try:
        values = parse_json(f"[{','.join(text or 'null' for text in literals.to_pylist())}]")
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return literals
