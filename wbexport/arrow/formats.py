"""Arrow to dicts, polars and pandas: the only place where frames are made.

Polars and pandas are loaded when the first frame is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
import pyarrow as pa

from wbexport.arrow.arrays import array_of_numbers, repeated_text
from wbexport.arrow.literals import WHOLE_LIMIT, escape_surrogates, write_json
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

__all__ = [
    "FORMATS",
    "Format",
    "Packed",
    "Wanted",
    "check_format",
    "frame_of_parts",
    "frame_of_rows",
    "lazy_frame",
    "pack_rows",
    "to_format",
]

Format = Literal["default", "pandas", "polars", "arrow"]
#: Some rows of a frame as columns: how many they are, and the cells by name.
Packed: TypeAlias = "tuple[int, dict[str, _Chunk]]"

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
    return frame_of_parts([pack_rows(rows)], format, sort_columns=sort_columns)


def pack_rows(rows: Sequence[Mapping[str, Any]]) -> Packed:
    """Make columns of some of the rows of a frame: they take a fraction of the rows' memory."""
    columns = _columns_of(rows, None, sort=False)
    return len(rows), {name: _Chunk.of(cells) for name, cells in columns.items()}


def frame_of_parts(
    parts: Sequence[Packed], format: Format, *, sort_columns: bool = False
) -> pl.DataFrame | pa.Table:
    """Make the frame that `frame_of_rows` makes of the rows of all parts.

    Args:
        parts: What `pack_rows` gave of each.
        format: `polars` or `arrow`.
        sort_columns: Columns by name; else in the order in which they first appear.
    """
    names = list(dict.fromkeys(name for _, columns in parts for name in columns))
    names = sorted(names) if sort_columns else names
    columns = [
        _join([columns.get(name) or _Chunk(pa.nulls(height)) for height, columns in parts])
        for name in names
    ]
    table = pa.Table.from_arrays(columns, names=list(map(escape_surrogates, names)))
    return to_format(table, "polars" if format == "polars" else "arrow")


@dataclass(frozen=True)
class Wanted:
    """What is collected of a lazy frame; the rest need not be read.

    Args:
        columns: Names of columns; None for all.
        predicate: The rows wanted; None for all.
        rows: How many of the first rows, at most.
    """

    columns: Collection[str] | None = None
    predicate: pl.Expr | None = None
    rows: int | None = None

    def keep(self, table: pa.Table) -> NDArray[np.bool_] | None:
        """Tell which rows may be wanted, as far as these columns say.

        Args:
            table: Some columns of the frame.

        Returns:
            A flag for each row; None when the predicate says nothing of these columns alone.
        """
        known = set(table.column_names)
        parts = [each for each in self._parts() if set(each.meta.root_names()) <= known]
        if not parts:
            return None
        import polars as pl

        flags = _to_polars(table).select(pl.all_horizontal(parts).fill_null(value=False))
        kept: NDArray[np.bool_] = flags.to_series().to_numpy()
        return kept

    def _parts(self) -> Iterator[pl.Expr]:
        """Give the conditions that must all hold."""
        waiting = [] if self.predicate is None else [self.predicate]
        while waiting:
            part = waiting.pop()
            inputs = part.meta.pop()
            if len(inputs) == 2 and (inputs[1] & inputs[0]).meta.eq(part):
                waiting += inputs
            else:
                yield part


def lazy_frame(
    schema: pa.Schema, read: Callable[[Wanted], Iterable[pa.RecordBatch]]
) -> pl.LazyFrame:
    """Give batches that are read when, and as far as, the frame is collected.

    Args:
        schema: Their schema.
        read: Starts reading; called for every collection. Of what is not wanted it may give more
            or less, and columns in any order.

    Returns:
        A lazy frame; `collect(engine="streaming")` keeps it out of memory.

    Example:
        >>> lazy_frame(table.schema, lambda _: table.to_batches()).select("loss").collect()
    """
    from polars.io.plugins import register_io_source

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows
        for batch in read(Wanted(columns, predicate, rows)):
            # `pa.table` hands the names of a batch over as C strings, which end at NUL.
            frame = _to_polars(pa.Table.from_batches([batch])).slice(0, left)
            left = None if left is None else left - frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if left == 0:
                return

    return register_io_source(frames, schema=_to_polars(pa.Table.from_batches([], schema)).schema)


def _to_polars(table: pa.Table) -> pl.DataFrame:
    # A sync makes no frames: polars would be 30 MB of its memory, and 70 ms of every start.
    import polars as pl

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
    shapes = list(map(tuple, rows))
    names = list(dict.fromkeys(name for shape in dict.fromkeys(shapes) for name in shape))
    columns: dict[str, list[Any]] = {name: [] for name in (sorted(names) if sort else names)}
    for shape, group in groupby(zip(shapes, rows, strict=True), key=itemgetter(0)):
        members = [row.values() for _, row in group]
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


@dataclass(frozen=True)
class _Chunk:
    """A part of a column whose cells come out as they went in.

    Args:
        array: The cells; null in place of an array that cannot hold them.
        ints: Which numbers of an array of floats were whole numbers.
        cells: The cells themselves, when there is no array.
    """

    array: pa.Array
    ints: NDArray[np.bool_] | None = None
    cells: list[Any] | None = None

    @classmethod
    def of(cls, cells: list[Any]) -> _Chunk:
        kinds = set(map(type, cells)) - {type(None)}
        try:
            if kinds and kinds <= {int, float}:
                return cls._of_numbers(cells, kinds)
            if kinds == {str} and len(set(cells)) == 1:
                return cls(repeated_text(cells[0], len(cells)))
            if len(kinds) == 1 and kinds <= {str, bool}:
                return cls(pa.array(cells))
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass
        return cls(pa.nulls(len(cells)), cells=cells)

    @classmethod
    def _of_numbers(cls, cells: list[Any], kinds: set[type]) -> _Chunk:
        valid = None
        if None in cells:
            valid = np.array([cell is not None for cell in cells])
            cells = [0 if cell is None else cell for cell in cells]
        numbers = np.array(cells, np.int64 if kinds == {int} else np.float64)
        ints = np.array([type(cell) is int for cell in cells]) if len(kinds) == 2 else None
        if ints is not None and (np.abs(numbers[ints]) >= WHOLE_LIMIT).any():
            raise OverflowError
        return cls(array_of_numbers(numbers, valid), ints)

    def to_cells(self) -> list[Any]:
        if self.cells is not None:
            return self.cells
        cells: list[Any] = self.array.to_pylist()
        for place in [] if self.ints is None else np.flatnonzero(self.ints).tolist():
            cells[place] = None if cells[place] is None else int(cells[place])
        return cells


def _join(chunks: list[_Chunk]) -> pa.ChunkedArray | pa.Array:
    """Put a column together, in the type that `pa.array` gives all its cells."""
    kinds = {chunk.array.type for chunk in chunks} - {pa.null()}
    kind = pa.float64() if kinds == {pa.int64(), pa.float64()} else next(iter(kinds), pa.null())
    is_packed = all(chunk.cells is None for chunk in chunks)
    if is_packed and kinds <= {kind, pa.int64() if kind == pa.float64() else kind}:
        try:
            arrays = [c.array if c.array.type == kind else c.array.cast(kind) for c in chunks]
            return pa.chunked_array(arrays, kind)
        except pa.ArrowInvalid:
            # Some whole number is beyond 2^53.
            pass
    return _to_array([cell for chunk in chunks for cell in chunk.to_cells()])
