"""Arrow to dicts, polars and pandas: the only place where frames are made."""

from __future__ import annotations

import math
from importlib.util import find_spec
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from wbexport.arrow.literals import escape_surrogates, write_json
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    import pandas as pd

__all__ = ["FORMATS", "Format", "check_format", "frame_of_rows", "lazy_frame", "to_format"]

Format = Literal["default", "pandas", "polars", "arrow"]

#: What `format=` may be: W&B's three and Arrow.
FORMATS: tuple[Format, ...] = ("default", "pandas", "polars", "arrow")


def check_format(format: str) -> None:
    """Refuse an unknown format, before any work is done for it.

    Raises:
        InputError: The format is not one of `FORMATS`.
    """
    if format not in FORMATS:
        raise InputError(f"Unknown format {format!r}: use one of {', '.join(FORMATS)}.")


@overload
def to_format(table: pa.Table, format: Literal["default"]) -> list[dict[str, Any]]: ...
@overload
def to_format(table: pa.Table, format: Literal["pandas"]) -> pd.DataFrame: ...
@overload
def to_format(table: pa.Table, format: Literal["polars"]) -> pl.DataFrame: ...
@overload
def to_format(table: pa.Table, format: Literal["arrow"]) -> pa.Table: ...
@overload
def to_format(
    table: pa.Table, format: Format
) -> list[dict[str, Any]] | pd.DataFrame | pl.DataFrame | pa.Table: ...


def to_format(
    table: pa.Table, format: Format
) -> list[dict[str, Any]] | pd.DataFrame | pl.DataFrame | pa.Table:
    """Give an Arrow table in the form that was asked for.

    Args:
        table: Any table.
        format: `"default"` for a list of dicts, `"pandas"`, `"polars"` or `"arrow"`.

    Returns:
        The same rows and columns.

    Raises:
        InputError: The format is unknown, or pandas is asked for and not installed.

    Example:
        >>> to_format(pa.table({"loss": [0.5]}), "default")
        [{'loss': 0.5}]
    """
    check_format(format)
    if format == "polars":
        return _to_polars(table)
    if format == "pandas":
        return _to_pandas(table)
    return table if format == "arrow" else table.to_pylist()


def frame_of_rows(
    rows: Sequence[Mapping[str, Any]], format: Format, *, sort_columns: bool = False
) -> Any:
    """Make a frame of rows, in pandas exactly as pandas itself and so the SDK would.

    Args:
        rows: The rows; any may lack any key.
        format: `pandas`, `polars` or `arrow`.
        sort_columns: Columns by name; else in the order in which they first appear.

    Returns:
        The frame. In pandas, a column whose values have no common type holds them as they are;
        elsewhere, as JSON.

    Raises:
        InputError: pandas is asked for and not installed.

    Example:
        >>> frame_of_rows([{"loss": 0.5}, {"loss": 0.25, "nest": {"a": 1}}], "pandas")["nest"][1]
        {'a': 1}
    """
    if format == "pandas":
        return _import_pandas().DataFrame(_columns_of(rows, math.nan, sort=sort_columns))
    columns = _columns_of(rows, None, sort=sort_columns)
    table = {escape_surrogates(name): _to_array(cells) for name, cells in columns.items()}
    return to_format(pa.table(table), format)


def lazy_frame(schema: pa.Schema, read: Callable[[], Iterable[pa.RecordBatch]]) -> pl.LazyFrame:
    """Give batches that are read when, and as far as, the frame is collected.

    Args:
        schema: Their schema.
        read: Starts reading; called for every collection.

    Returns:
        A lazy frame; `collect(engine="streaming")` keeps it out of memory.

    Example:
        >>> lazy_frame(table.schema, table.to_batches).select("loss").collect()
    """

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows
        for batch in read():
            # `pa.table` hands the names of a batch over as C strings, which end at NUL.
            frame = _to_polars(pa.Table.from_batches([batch])).slice(0, left)
            left = None if left is None else left - frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if left == 0:
                return

    return register_io_source(frames, schema=_to_polars(pa.Table.from_batches([], schema)).schema)


def _to_polars(table: pa.Table) -> pl.DataFrame:
    # Arrow hands names over as C strings, which end at NUL; polars is told them afterwards.
    frame = pl.DataFrame(table.rename_columns(list(map(str, range(table.num_columns)))))
    frame.columns = table.column_names
    return frame


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    _import_pandas()
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _import_pandas() -> ModuleType:
    if find_spec("pandas") is None:
        raise InputError("pandas is not installed: pip install 'wbexport[pandas]'.")
    import pandas

    return pandas


def _columns_of(
    rows: Sequence[Mapping[str, Any]], missing: float | None, *, sort: bool
) -> dict[str, list[Any]]:
    """Turn rows to columns; rows of one shape together, many times faster than one by one."""
    shapes = dict.fromkeys(map(tuple, rows))
    names = list(dict.fromkeys(name for shape in shapes for name in shape))
    columns: dict[str, list[Any]] = {name: [] for name in (sorted(names) if sort else names)}
    for shape, group in groupby(rows, key=tuple):
        members = [row.values() for row in group]
        cells = dict(zip(shape, zip(*members, strict=True), strict=True))
        lacking = (missing,) * len(members)
        for name, column in columns.items():
            column += cells.get(name, lacking)
    return columns


def _to_array(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([None if cell is None else write_json(cell) for cell in cells], pa.string())
