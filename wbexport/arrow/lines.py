"""One run's long table as the JSON lines of its rows, without a Python object for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.compute as pc

from wbexport.arrow.literals import parse_json, write_json, write_rows
from wbexport.arrow.promote import doubles, key_runs, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["long_to_lines"]

# Python writes other numbers with an exponent, as orjson does not, or not alike.
_SMALLEST, _LARGEST = 1e-4, 1e16


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
