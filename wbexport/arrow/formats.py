"""Arrow to dicts, polars and pandas: the only place where frames are made."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl

from wbexport.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["FORMATS", "Format", "check_format", "to_format"]

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
        frame = pl.from_arrow(table)
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()
    if format == "pandas":
        return _to_pandas(table)
    return table if format == "arrow" else table.to_pylist()


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    if find_spec("pandas") is None:
        raise InputError("pandas is not installed: pip install 'wbexport[pandas]'.")
    frame: pd.DataFrame = table.to_pandas()
    return frame
