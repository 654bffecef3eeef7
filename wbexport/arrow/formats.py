"""Arrow to dicts, polars and pandas: the only place where frames are made."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

__all__ = ["FORMATS", "Format", "check_format", "lazy_frame", "to_format"]

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
            frame = _to_polars(pa.table(batch)).slice(0, left)
            left = None if left is None else left - frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if left == 0:
                return

    return register_io_source(frames, schema=_to_polars(schema.empty_table()).schema)


def _to_polars(table: pa.Table) -> pl.DataFrame:
    # Arrow hands names over as C strings, which end at NUL; polars is told them afterwards.
    frame = pl.DataFrame(table.rename_columns(list(map(str, range(table.num_columns)))))
    frame.columns = table.column_names
    return frame


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    if find_spec("pandas") is None:
        raise InputError("pandas is not installed: pip install 'wbexport[pandas]'.")
    frame: pd.DataFrame = table.to_pandas()
    return frame
