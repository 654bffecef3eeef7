"""W&B's parquet exports, one column per key, to long tables.

A run may log thousands of keys, each now and then: what is done once per column takes far longer
than the values themselves. So all columns of one type are cut together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.literals import write_json
from wbexport.arrow.pieces import build_long, concat_texts
from wbexport.arrow.schema import LONG
from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["columns_to_long", "wide_to_long"]

_STEP = "_step"


def wide_to_long(table: pa.Table) -> pa.Table:
    """Turn an exported parquet table into one `LONG` table.

    A parquet null means "not logged": it makes no value, and no member of a struct. NaN stays.

    Args:
        table: One column per key, and the column `_step`.

    Returns:
        The values in (key, step) order; of two rows with one step the later is taken.

    Raises:
        IntegrityError: No step column of integers, or a column type that W&B never exports.
    """
    if _STEP not in table.column_names:
        raise IntegrityError(f"An exported history file has no column {_STEP!r}.")
    column = table.column(_STEP)
    if not pa.types.is_integer(column.type) or column.null_count:
        raise IntegrityError(f"Column {_STEP!r} of an exported history file is not all integers.")
    return columns_to_long([table], column.to_numpy().astype(np.int64))


def columns_to_long(
    blocks: Iterable[pa.Table],
    steps: NDArray[np.int64],
    kept: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """Turn an exported file, read some columns at a time, into one `LONG` table.

    Args:
        blocks: Parts of its columns; keys in sorted order make it fast.
        steps: The step of each row.
        kept: Which rows to keep; None for all.

    Returns:
        The values in (key, step) order; of two rows with one step the later is taken. A row
        without values is kept as a value of the key `_step`.

    Raises:
        IntegrityError: A column type that W&B never exports.
    """
    kept = _one_row_a_step(steps, kept)
    names: list[str] = []
    pieces: list[_Piece] = []
    is_bare = np.ones(len(steps), np.bool_)
    for block in blocks:
        for piece in _cut(block, len(names)):
            is_bare[piece.rows] = False
            pieces.append(piece if kept is None else piece.only(kept))
        names += block.schema.names
    if kept is not None:
        is_bare &= kept
    if is_bare.any():
        bare = np.flatnonzero(is_bare)
        numbers, texts = _encode_integers(pa.array(steps[bare]))
        pieces.append(_Piece(np.full(len(bare), len(names)), bare, numbers, texts))
        names.append(_STEP)
    pieces = [piece for piece in pieces if len(piece.codes)]
    if not pieces:
        return LONG.empty_table()
    codes = np.concatenate([piece.codes for piece in pieces])
    is_used = np.bincount(codes, minlength=len(names)) > 0
    return build_long(
        keys=[names[code] for code in np.flatnonzero(is_used).tolist()],
        codes=(np.cumsum(is_used, dtype=np.int32) - 1)[codes],
        steps=steps[np.concatenate([piece.rows for piece in pieces])],
        numbers=pa.concat_arrays([piece.numbers for piece in pieces]),
        texts=concat_texts([p.texts for p in pieces], [len(p.codes) for p in pieces]),
    )


def _one_row_a_step(
    steps: NDArray[np.int64], kept: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Narrow rows to the last one of each step; None when that are all."""
    if (np.diff(steps) > 0).all():
        return kept
    places = np.arange(len(steps)) if kept is None else np.flatnonzero(kept)
    # Searching from the end finds the last row of each step.
    _, from_end = np.unique(steps[places][::-1], return_index=True)
    is_last = np.zeros(len(steps), np.bool_)
    is_last[places[len(places) - 1 - from_end]] = True
    return is_last


class _Piece(NamedTuple):
    """Values of columns of one type: for each the number of its key, and its row."""

    codes: NDArray[np.intp]
    rows: NDArray[np.intp]
    numbers: pa.Array
    texts: pa.Array | None

    def only(self, is_kept: NDArray[np.bool_]) -> _Piece:
        """Keep the values of some rows."""
        chosen = is_kept[self.rows]
        mask = pa.array(chosen)
        texts = None if self.texts is None else self.texts.filter(mask)
        return _Piece(self.codes[chosen], self.rows[chosen], self.numbers.filter(mask), texts)


def _cut(block: pa.Table, first_code: int) -> Iterator[_Piece]:
    """Take the values out of some columns, those of one type together."""
    members: dict[pa.DataType, list[int]] = defaultdict(list)
    for index, (name, kind) in enumerate(zip(block.column_names, block.schema.types, strict=True)):
        if name != _STEP:
            members[kind].append(index)
    first_row = 0
    for batch in block.to_batches():
        columns, height = batch.columns, batch.num_rows
        for indices in members.values():
            joined = pa.concat_arrays([columns[index] for index in indices])
            if joined.null_count == len(joined):
                continue
            if joined.null_count:
                places = np.flatnonzero(joined.is_valid().to_numpy(zero_copy_only=False))
                columns_of, rows = np.divmod(places, height)
                joined = joined.drop_null()
            else:
                columns_of = np.repeat(np.arange(len(indices)), height)
                rows = np.tile(np.arange(height), len(indices))
            codes = np.array(indices)[columns_of] + first_code
            yield _Piece(codes, rows + first_row, *_encode(batch.schema.names[indices[0]], joined))
        first_row += height


def _encode(key: str, column: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Split a column without nulls into doubles and literals, None where there are no literals."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _encode(key, column.dictionary_decode())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64()), None
    if pa.types.is_integer(kind):
        return _encode_integers(column)
    no_numbers = pa.nulls(len(column), pa.float64())
    if pa.types.is_boolean(kind):
        return no_numbers, column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        distinct = column.cast(pa.string()).dictionary_encode()
        literals = pa.array(map(write_json, distinct.dictionary.to_pylist()), pa.string())
        return no_numbers, literals.take(distinct.indices)
    if pa.types.is_nested(kind) and not pa.types.is_map(kind):
        values = [write_json(_without_nulls(value)) for value in column.to_pylist()]
        return no_numbers, pa.array(values, pa.string())
    raise IntegrityError(f"Exported history column {key!r} has the unknown type {kind}.")


def _encode_integers(column: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    integers = column.to_numpy()
    numbers = integers.astype(np.float64)
    with np.errstate(invalid="ignore"):
        exact = numbers.astype(integers.dtype) == integers
    if exact.all():
        return pa.array(numbers), None
    texts = pc.if_else(pa.array(exact), None, column.cast(pa.string()))
    return pa.array(numbers, mask=~exact, from_pandas=False), texts


def _without_nulls(value: Any) -> Any:
    """Drop the struct members that parquet could not leave out."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
