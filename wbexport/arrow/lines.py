"""Lines of history, one row each as JSON, to long tables and back.

Where it can be, this is done without a Python object for each value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.exported import columns_to_long
from wbexport.arrow.literals import WHOLE_LIMIT, parse_json, parse_rows, write_json, write_rows
from wbexport.arrow.promote import doubles, key_runs, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["lines_to_long", "long_to_lines"]

# Arrow gives every row a cell of every key, so rows must have one in so many of all keys.
_SPARSE = 4
_SAMPLED_LINES = 16
# Arrow takes half a millisecond to begin with.
_FEWEST_LINES = 32
# Python writes other numbers with an exponent, as orjson does not, or not alike.
_SMALLEST, _LARGEST = 1e-4, 1e16


def lines_to_long(lines: Sequence[str], *, text_keys: Collection[str] = ()) -> pa.Table:
    """Turn a page of history into one `LONG` table, as `rows_to_long` does with its rows.

    Args:
        lines: JSON objects, each one row with its `_step`.
        text_keys: Keys known to hold no numbers, whose `"NaN"` is a string.

    Returns:
        The values in (key, step) order.

    Raises:
        ResponseError: A line is not a JSON object, or has no whole number as its step.
    """
    columns = _read_numbers(lines)
    if columns is not None:
        long = columns_to_long([columns], columns.column("_step").to_numpy())
        numbers = doubles(long)
        # Integers that their doubles may not hold, and -0, which is 0 if it was written so.
        unsure = (np.abs(numbers) >= WHOLE_LIMIT) | (numbers == 0) & np.signbit(numbers)
        if not unsure.any():
            return long
    return rows_to_long(parse_rows(lines), text_keys=text_keys)


def _read_numbers(lines: Sequence[str]) -> pa.Table | None:
    """Read rows that hold nothing but numbers, as a column for each key; None for other rows."""
    keys = _sample_keys(lines) if len(lines) >= _FEWEST_LINES else None
    # Arrow reads objects, one after the other; here each line has to be one.
    if keys is None or not all(line[:1] == "{" and line[-1:] == "}" for line in lines):
        return None
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    schema = pa.schema([(k, pa.int64() if k == "_step" else pa.float64()) for k in sorted(keys)])
    try:
        columns = pj.read_json(
            pa.BufferReader(text),
            pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
        )
    except pa.ArrowInvalid:
        return None
    whole = len(columns) == len(lines) and not columns.column("_step").null_count
    if not whole or not {*columns.schema.types} <= {pa.int64(), pa.float64()}:
        return None
    has_gaps = any(column.null_count for column in columns.columns)
    return None if has_gaps and b"null" in text else columns


def _sample_keys(lines: Sequence[str]) -> set[str] | None:
    """Give the keys of some rows; None when they hold more than numbers, or mostly other keys."""
    try:
        rows = [orjson.loads(line) for line in lines[:: len(lines) // _SAMPLED_LINES + 1]]
    except orjson.JSONDecodeError:
        return None
    if not set(map(type, rows)) <= {dict}:
        return None
    keys: set[str] = set().union(*rows)
    kinds = {type(value) for row in rows for value in row.values()}
    is_dense = "_step" in keys and len(keys) * len(rows) <= _SPARSE * sum(map(len, rows))
    return keys if is_dense and kinds <= {int, float} else None


def long_to_lines(
    long: pa.Table, *, step_key: str | None = "_step", more: Mapping[str, str] | None = None
) -> list[str]:
    """Write one run's `LONG` table as `write_json` would write its rows.

    Args:
        long: The values of one run, in (key, step) order.
        step_key: The name of the step in each row; None leaves it out.
        more: Keys that every row has besides, with their JSON.

    Returns:
        One JSON object per step, in step order.
    """
    steps = long.column("step").combine_chunks()
    row_steps = np.sort(pc.unique(steps).to_numpy())
    height = len(row_steps)
    cells = _cells(doubles(long), long.column("text"))
    columns = {key: [text] * height for key, text in (more or {}).items()}
    if step_key is not None:
        columns[step_key] = list(map(str, row_steps.tolist()))
    taken = {"_step", *columns}
    spans = {key: (start, stop) for key, start, stop in key_runs(long) if key not in taken}
    columns |= {key: cells[start:stop] for key, (start, stop) in spans.items()}
    if all(len(column) == height for column in columns.values()):
        names = sorted(columns)
        cell_patterns = (f"{write_json(key).replace('%', '%%')}:%s" for key in names)
        pattern = f"{{{','.join(cell_patterns)}}}"
        rows = zip(*(columns[key] for key in names), strict=True)
        return [pattern % row for row in rows]
    places = np.searchsorted(row_steps, steps.to_numpy())
    where = {key: places[start:stop].tolist() for key, (start, stop) in spans.items()}
    return _uneven(columns, where, height)


def _uneven(
    columns: Mapping[str, Sequence[str]], where: Mapping[str, Sequence[int]], height: int
) -> list[str]:
    """Put cells into the rows that have them."""
    rows: list[list[str]] = [[] for _ in range(height)]
    for key in sorted(columns):
        name = write_json(key)
        for place, cell in zip(where.get(key, range(height)), columns[key], strict=True):
            rows[place].append(f"{name}:{cell}")
    return [f"{{{','.join(row)}}}" for row in rows]


def _cells(numbers: NDArray[np.float64], texts: pa.ChunkedArray) -> list[str]:
    """Write each value as JSON."""
    if not len(numbers):
        return []
    data = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)
    cells = data[1:-1].decode().split(",")
    for place in np.flatnonzero(whole_numbers(numbers)).tolist():
        cells[place] = cells[place].removesuffix(".0")
    sizes = np.abs(numbers)
    alike = (sizes >= _SMALLEST) & (sizes < _LARGEST) | (sizes == 0)
    if texts.null_count < len(texts):
        is_text = texts.is_valid().to_numpy()
        alike |= is_text
        literals = parse_json(f"[{','.join(texts.drop_null().to_pylist())}]")
        lines = write_rows([literal] for literal in literals)
        for place, line in zip(np.flatnonzero(is_text).tolist(), lines, strict=True):
            cells[place] = line[1:-1]
    for place in np.flatnonzero(~alike).tolist():
        cells[place] = write_json(float(numbers[place]))
    return cells
