"""Rows of unlike runs as one table: nothing about their types or columns can fail."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.formats import to_format
from wbexport.arrow.literals import escape_surrogates, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wbexport.arrow.formats import Format

__all__ = ["frame_of_rows"]


def frame_of_rows(
    rows: Sequence[dict[str, Any]], format: Format, *, sort_columns: bool = False
) -> Any:
    """Make a frame of rows.

    Args:
        rows: The rows; any may lack any key.
        format: `pandas`, `polars` or `arrow`.
        sort_columns: Columns by name; else in the order in which they first appear.

    Returns:
        The frame. A column whose values have no common type holds them as JSON.

    Raises:
        InputError: The format is unknown, or pandas is asked for and not installed.
    """
    shapes = dict.fromkeys(map(tuple, rows))
    names = list(dict.fromkeys(name for shape in shapes for name in shape))
    columns: dict[str, list[Any]] = {
        name: [] for name in (sorted(names) if sort_columns else names)
    }
    # Rows of one shape are transposed together, which is many times faster than value by value.
    for shape, group in groupby(rows, key=tuple):
        members = [row.values() for row in group]
        values = dict(zip(shape, zip(*members, strict=True), strict=True))
        missing = (None,) * len(members)
        for name, column in columns.items():
            column += values.get(name, missing)
    table = {escape_surrogates(name): _column(column) for name, column in columns.items()}
    return to_format(pa.table(table), format)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([None if v is None else write_json(v) for v in values], pa.string())
