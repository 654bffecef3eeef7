"""Long tables to wide ones, one column per key: exports, and the frames people ask for."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.literals import decode_value, parse_json, write_json
from wbexport.arrow.promote import (
    column_type,
    doubles,
    fits,
    key_runs,
    kinds_of,
    value_flags,
)
from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["column_names", "long_to_export", "long_to_wide", "scatter"]


def long_to_wide(
    long: pa.Table,
    kinds: Mapping[str, str] | None = None,
    keys: Sequence[str] | None = None,
    *,
    how: Literal["any", "all"] = "any",
) -> pa.Table:
    """Spread a long table to one column per key.

    Args:
        long: A `LONG` table, or a `STORED_LONG` one of several runs.
        kinds: Kind of each key, for equal columns over many calls; by default those of `long`.
        keys: The columns to give, in this order; by default all keys, sorted.
        how: With keys, give the rows that hold `any` of them, or only those that hold `all`.

    Returns:
        One row per step (and run): `run_no` if it was there, `_step`, then a column per key:
        int64, float64, bool, string, or for kinds json and mixed strings of JSON literals. A key
        that is called `run_no` makes a second column of this name.

    Raises:
        IntegrityError: A value does not fit the kind given for its key.
    """
    if keys is not None:
        long = _only(long, set(keys))
    kinds = kinds_of(long) if kinds is None else kinds
    places, columns = _number_rows(long)
    if keys is None:
        keys = sorted({key for key, _, _ in key_runs(long)} | set(kinds))
    wanted = {key: kinds.get(key, "null") for key in keys if key != "_step"}
    height = len(columns["_step"])
    cells = scatter(long, places, height, wanted)
    wide = pa.table([*columns.values(), *cells.values()], names=[*columns, *cells])
    # A key has one value in a row at most, so that so many values leave no gap.
    if how == "any" or long.num_rows == height * len(set(keys) - {"_step"}):
        return wide
    counts = np.ones(height, np.intp) if places is None else np.bincount(places, minlength=height)
    return wide.filter(pa.array(counts == len(set(keys) - {"_step"})))


def _only(long: pa.Table, keys: Collection[str]) -> pa.Table:
    """Keep the values of some keys."""
    is_kept = np.ones(long.num_rows, np.bool_)
    for key, start, stop in key_runs(long):
        is_kept[start:stop] = key in keys
    return long if is_kept.all() else long.filter(pa.array(is_kept))


def column_names(keys: Collection[str], beside: Collection[str]) -> list[str]:
    """Name the columns of keys that stand beside others.

    Args:
        keys: The keys.
        beside: Names of the other columns.

    Returns:
        The keys' own names; one that is taken gets `#2` behind it, or the next number that is free.

    Example:
        >>> column_names(["loss", "run_id"], ["run_id"])
        ['loss', 'run_id#2']
    """
    taken = {*keys, *beside}
    names = []
    for key in keys:
        free = (f"{key}#{number}" for number in itertools.count(2))
        names.append(next(n for n in free if n not in taken) if key in beside else key)
    return names


def long_to_export(long: pa.Table, kinds: Mapping[str, str] | None = None) -> pa.Table | None:
    """Spread one run's `LONG` table to the shape of W&B's parquet exports.

    Args:
        long: The values of one run.
        kinds: Kind of each key; by default those of `long`.

    Returns:
        int64 `_step` and one column per key: double, int64, string, bool or a struct; None when
        some key cannot be told exactly that way, as with explicit nulls or unlike objects.
    """
    kinds = kinds_of(long) if kinds is None else kinds
    kinds = {key: kind for key, kind in kinds.items() if key != "_step"}
    if not set(kinds.values()) <= {"int", "float", "string", "bool", "json"} or _has_nulls(long):
        return None
    table = long_to_wide(long, kinds)
    for key, kind in kinds.items():
        if kind == "string" and not _is_kept_by_arrow(long, key):
            return None
        if kind == "json":
            column = _structs(table.column(key))
            if column is None:
                return None
            table = table.set_column(table.column_names.index(key), key, column)
    return table


def scatter(
    long: pa.Table, places: NDArray[np.intp] | None, height: int, kinds: Mapping[str, str]
) -> dict[str, pa.Array]:
    """Put each value of a long table in the column of its key, at its place.

    Args:
        long: A long table; runs of equal keys make it fast.
        places: The row of each value; None where each is a row of its own, in order.
        height: The number of rows.
        kinds: The columns wanted and their kinds.

    Returns:
        The columns, in the order of `kinds`.

    Raises:
        IntegrityError: A value does not fit its column's kind.
    """
    stretches: dict[str, list[slice]] = {key: [] for key in kinds}
    for key, start, stop in key_runs(long):
        if key in stretches:
            stretches[key].append(slice(start, stop))
    numbers, texts = doubles(long), long.column("text").combine_chunks()
    is_number = texts.is_null().to_numpy(zero_copy_only=False)
    # Every number fits a column of floats; looking at them all takes as long as moving them.
    is_checked = set(kinds.values()) != {"float"} or not is_number.all()
    flags = value_flags(long) if is_checked else np.zeros(long.num_rows, np.uint8)
    jumps = [] if places is None else (np.flatnonzero(np.diff(places) != 1) + 1).tolist()
    columns = {}
    for key, kind in kinds.items():
        parts = stretches[key]
        if not all(fits(flags[part], kind) for part in parts):
            raise IntegrityError(f"Key {key!r} holds a value that is not of kind {kind}.")
        rows = [_rows_of(part, places, jumps) for part in parts]
        is_whole = len(parts) == 1 and parts[0].stop - parts[0].start == height
        if kind in ("int", "float"):
            # The only literal that fits is an explicit null.
            if is_whole and isinstance(rows[0], slice):
                column, filled = numbers[parts[0]], is_number[parts[0]]
            else:
                column, filled = np.zeros(height), np.zeros(height, np.bool_)
                for place, part in zip(rows, parts, strict=True):
                    column[place], filled[place] = numbers[part], is_number[part]
            mask = None if filled.all() else ~filled
            columns[key] = pa.array(column, mask=mask, from_pandas=False).cast(column_type(kind))
            continue
        values = np.arange(long.num_rows)
        values = np.concatenate([values[:0], *(values[part] for part in parts)])
        cells = _cells(numbers[values], texts.take(pa.array(values)), kind)
        source = np.full(height, -1)
        source[values if places is None else places[values]] = np.arange(len(values))
        columns[key] = cells.take(pa.array(source, mask=source < 0))
    return columns


def _rows_of(
    part: slice, places: NDArray[np.intp] | None, jumps: list[int]
) -> slice | NDArray[np.intp]:
    """Give the rows of a stretch of values: where they follow each other, moving is a copy."""
    if places is None:
        return part
    if bisect_right(jumps, part.start) < bisect_left(jumps, part.stop):
        return places[part]
    first = int(places[part.start])
    return slice(first, first + part.stop - part.start)


def _cells(numbers: NDArray[np.float64], texts: pa.Array, kind: str) -> pa.Array:
    """Give values of one key as a column of their kind, which is none of numbers."""
    if kind == "bool":
        return pc.if_else(pc.equal(texts, "null"), None, pc.equal(texts, "true"))
    if kind == "string":
        return pa.array(_decode_strings(texts.to_pylist()), pa.string())
    if kind == "mixed":
        literals = zip(numbers.tolist(), texts.to_pylist(), strict=True)
        return pa.array([t if t is not None else _literal(n) for n, t in literals], pa.string())
    return pc.if_else(pc.equal(texts, "null"), None, texts)


def _decode_strings(literals: list[str]) -> list[str | None]:
    strings: list[str | None] = parse_json(f"[{','.join(literals)}]")
    try:
        pa.array(strings, pa.string())
    except UnicodeEncodeError:
        # Arrow holds no lone surrogates: their escapes stay.
        return [s and s.encode("utf-8", "backslashreplace").decode() for s in strings]
    return strings


def _literal(number: float) -> str:
    return write_json(decode_value(number, None))


def _number_rows(
    long: pa.Table,
) -> tuple[NDArray[np.intp] | None, dict[str, pa.Array | pa.ChunkedArray]]:
    """Number the rows by run and step.

    Returns:
        The row of each value, None where each is a row of its own in order, and the columns that
        say what the rows are.
    """
    steps = long.column("step").to_numpy()
    run_nos = np.zeros(len(steps), np.int32)
    if "run_no" in long.column_names:
        run_nos = long.column("run_no").to_numpy()
    # Inside a stretch of one run and key steps grow; where they do not, another one starts.
    is_start = np.ones(len(steps), np.bool_)
    is_start[1:] = (steps[1:] <= steps[:-1]) | (run_nos[1:] != run_nos[:-1])
    is_start[[start for _, start, _ in key_runs(long)]] = True
    starts = np.flatnonzero(is_start)
    bounds = np.append(starts, len(steps)).tolist()
    first_of_run = np.flatnonzero(np.diff(run_nos[starts], prepend=-1))
    if len(first_of_run) == len(starts) and (np.diff(run_nos[starts]) > 0).all():
        names = [name for name in ("run_no", "step") if name in long.column_names]
        return None, {name.replace("step", "_step"): long.column(name) for name in names}
    runs = list(itertools.pairwise([*first_of_run.tolist(), len(starts)]))
    by_number = np.argsort(run_nos[starts[first_of_run]])
    places = np.empty(len(steps), np.intp)
    rows = [np.empty(0, np.int64)]
    height = 0
    for first, last in map(runs.__getitem__, by_number.tolist()):
        distinct = _number_steps(steps, bounds[first : last + 1], height, places)
        rows.append(distinct)
        height += len(distinct)
    columns = {"_step": pa.array(np.concatenate(rows))}
    if "run_no" in long.column_names:
        heights = list(map(len, rows[1:]))
        numbers = run_nos[starts[first_of_run[by_number]]]
        columns = {"run_no": pa.array(np.repeat(numbers, heights)), **columns}
    return places, columns


def _number_steps(
    steps: NDArray[np.int64], bounds: Sequence[int], height: int, places: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Write the row of each step of a run, from `height` on, and give its distinct steps."""
    first, last, count = bounds[0], bounds[-1], len(bounds) - 1
    inside, row = steps[first:last], steps[first : bounds[1]]
    # Mostly all keys are logged together.
    if len(inside) == count * len(row) and (inside.reshape(count, -1)[1:] == row).all():
        places[first:last].reshape(count, -1)[:] = np.arange(height, height + len(row))
        return row
    row = max((steps[start:stop] for start, stop in itertools.pairwise(bounds)), key=len)
    found = np.searchsorted(row, inside)
    if not np.array_equal(row[np.minimum(found, len(row) - 1)], inside):
        row = np.unique(inside)
        found = np.searchsorted(row, inside)
    places[first:last] = found + height
    return row


def _has_nulls(long: pa.Table) -> bool:
    return bool(pc.any(pc.equal(long.column("text"), "null")).as_py())


def _is_kept_by_arrow(long: pa.Table, key: str) -> bool:
    """Tell that no string of a key holds a lone surrogate: only those are written as escapes."""
    texts = long.filter(pc.equal(long.column("key"), key)).column("text")
    return not pc.any(pc.match_substring_regex(texts, r"\\u[dD][89a-fA-F]")).as_py()


def _structs(literals: pa.ChunkedArray) -> pa.Array | None:
    """Give JSON objects as a struct column, if reading it back gives the same objects."""
    texts = [text for text in literals.to_pylist() if text is not None]
    values = parse_json(f"[{','.join(texts)}]")
    try:
        column = pa.array(values)
        read_back = [write_json(value) for value in column.to_pylist()]
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return None
    if not _is_exportable(column.type) or read_back != list(map(write_json, values)):
        return None
    rows = np.cumsum(literals.is_valid().to_numpy()) - 1
    return column.take(pa.array(rows, mask=literals.is_null().to_numpy()))


def _is_exportable(kind: pa.DataType) -> bool:
    """Tell whether parquet and W&B's reader know this type of struct."""
    if not pa.types.is_struct(kind) or not kind.num_fields:
        return False
    members = [field.type for field in kind]
    return all(
        _is_exportable(member) if pa.types.is_struct(member) else not pa.types.is_null(member)
        for member in members
    )
