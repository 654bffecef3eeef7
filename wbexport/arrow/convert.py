"""History rows, as servers send them and people read them, to long tables and back."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.exported import wide_to_long
from wbexport.arrow.literals import (
    SPECIAL_NUMBERS,
    WHOLE_LIMIT,
    decode_value,
    encode_value,
    escape_surrogates,
    parse_json,
    parse_rows,
    unwrap_config,
    wrap_config,
)
from wbexport.arrow.pieces import build_long, concat_texts, merge_long
from wbexport.arrow.promote import doubles, key_runs, whole_numbers
from wbexport.arrow.wide import long_to_export, long_to_wide
from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Row = Mapping[str, Any]

__all__ = [
    "decode_value",
    "encode_value",
    "long_to_export",
    "long_to_rows",
    "long_to_wide",
    "merge_long",
    "parse_rows",
    "rows_to_long",
    "unwrap_config",
    "wide_to_long",
    "wrap_config",
]

_NUMBERS = frozenset({int, float})
#: So many rows of one shape are worth a block of their own.
_BLOCK_ROWS = 64


def rows_to_long(
    rows: Sequence[Row],
    *,
    text_keys: Collection[str] = (),
    step_key: str | None = "_step",
    first_step: int = 0,
) -> pa.Table:
    """Turn history rows into one `LONG` table.

    The strings `"NaN"`, `"Infinity"` and `"-Infinity"` count as the numbers they spell, because
    GraphQL's raw JSON has no other way to say them. Of two rows with one step the later is taken.
    A row that holds nothing but its step is kept as a value of the key `_step`.

    Args:
        rows: Parsed rows, in any order.
        text_keys: Keys known to hold no numbers, whose `"NaN"` is a string.
        step_key: The key that numbers the rows; None numbers them by position.
        first_step: The number of the first row when `step_key` is None.

    Returns:
        The values in (key, step) order.

    Raises:
        ResponseError: A row has no whole number as its step.

    Example:
        >>> rows_to_long([{"_step": 0, "loss": 0.5}]).to_pylist()
        [{'key': 'loss', 'step': 0, 'value': 0.5, 'text': None}]
    """
    if step_key is None:
        steps = np.arange(first_step, first_step + len(rows))
    else:
        steps = _read_steps(rows, step_key)
        rows, steps = _one_row_a_step(rows, steps)
    cells: dict[str, list[_Cells]] = defaultdict(list)
    bare = [place for place, row in enumerate(rows) if len(row) == 1 and step_key in row]
    if bare:
        places = np.array(bare, np.intp)
        cells["_step"].append(_Cells(places, *_encode_values(steps[places].tolist())))
    for key, cell in _columns(rows, text_keys):
        if key != step_key:
            cells[key].append(cell)
    names = sorted(cells, key=escape_surrogates)
    parts = [part for name in names for part in cells[name]]
    sizes = [sum(len(part.places) for part in cells[name]) for name in names]
    return build_long(
        keys=[escape_surrogates(name) for name in names],
        codes=np.repeat(np.arange(len(names), dtype=np.int32), sizes),
        steps=steps[np.concatenate([*(part.places for part in parts), np.empty(0, np.intp)])],
        numbers=pa.concat_arrays([pa.array([], pa.float64()), *(p.numbers for p in parts)]),
        texts=concat_texts([p.texts for p in parts], [len(p.places) for p in parts]),
    )


def long_to_rows(long: pa.Table) -> Iterator[dict[str, Any]]:
    """Turn one run's `LONG` table back into rows.

    Args:
        long: The values of one run, in (key, step) order.

    Returns:
        One dict per step, in step order: `_step` first, then the keys in order. Keys that were
        not logged at a step are missing from its row.
    """
    all_steps = long.column("step").combine_chunks()
    row_steps = np.sort(pc.unique(all_steps).to_numpy())
    rows: list[dict[str, Any]] = [{"_step": step} for step in row_steps.tolist()]
    steps, numbers, texts = all_steps.to_numpy(), doubles(long), long.column("text")
    for key, start, stop in key_runs(long):
        if key == "_step":
            continue
        places = np.searchsorted(row_steps, steps[start:stop]).tolist()
        values = _decode_column(numbers[start:stop], texts.slice(start, stop - start))
        for place, value in zip(places, values, strict=True):
            rows[place][key] = value
    return iter(rows)


def _read_steps(rows: Sequence[Row], step_key: str) -> NDArray[np.int64]:
    steps = [row.get(step_key) for row in rows]
    try:
        if not set(map(type, steps)) <= {int}:
            steps = [_whole_step(step) for step in steps]
        return np.array(steps, np.int64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ResponseError(f"A history row has no whole number as {step_key!r}.") from error


def _whole_step(step: Any) -> int:
    if type(step) not in (int, float) or int(step) != step:
        raise ValueError(step)
    return int(step)


def _one_row_a_step(
    rows: Sequence[Row], steps: NDArray[np.int64]
) -> tuple[Sequence[Row], NDArray[np.int64]]:
    if (np.diff(steps) > 0).all():
        return rows, steps
    places = {step: place for place, step in enumerate(steps.tolist())}
    chosen = [places[step] for step in sorted(places)]
    return [rows[place] for place in chosen], steps[chosen]


class _Cells(NamedTuple):
    """Values of one key, and the places of their rows."""

    places: NDArray[np.intp]
    numbers: pa.Array
    texts: pa.Array | None


def _columns(rows: Sequence[Row], text_keys: Collection[str]) -> Iterator[tuple[str, _Cells]]:
    """Split each key's values into doubles and literals; a key may come in several parts.

    Rows with the same keys in the same order go together: a block of plain numbers at once.
    """
    shapes: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        shapes[tuple(row)].append(place)
    loose: dict[str, tuple[list[Any], list[NDArray[np.intp]]]] = defaultdict(lambda: ([], []))
    for keys, members in shapes.items():
        places = np.array(members, np.intp)
        block = _block(rows, members) if len(members) >= _BLOCK_ROWS else None
        if block is not None:
            for key, column in zip(keys, block.T, strict=True):
                yield key, _Cells(places, pa.array(column), None)
            continue
        by_key = zip(*[rows[place].values() for place in members], strict=True)
        for key, cells in zip(keys, by_key, strict=True):
            loose[key][0].extend(cells)
            loose[key][1].append(places)
    sizes = {key: len(each) for key, (each, _) in loose.items() if set(map(type, each)) <= _NUMBERS}
    joined = _doubles(list(chain.from_iterable(loose[key][0] for key in sizes)))
    if joined is not None:
        # At once: of thousands of keys with a few values each, every array takes its time.
        numbers, start = pa.array(joined), 0
        for key, size in sizes.items():
            yield key, _Cells(np.concatenate(loose.pop(key)[1]), numbers.slice(start, size), None)
            start += size
    for key, (values, parts) in loose.items():
        encoded = _encode_values(values, is_text=key in text_keys)
        yield key, _Cells(np.concatenate(parts), *encoded)


def _block(rows: Sequence[Row], members: Sequence[int]) -> NDArray[np.float64] | None:
    """Give rows of one shape as a block of doubles, or None when they are anything else."""
    cells = list(chain.from_iterable(rows[place].values() for place in members))
    if not cells or not set(map(type, cells)) <= _NUMBERS:
        return None
    numbers = _doubles(cells)
    return None if numbers is None else numbers.reshape(len(members), -1)


def _doubles(values: list[Any]) -> NDArray[np.float64] | None:
    """Give numbers as doubles, or None when there may be an integer that no double holds."""
    try:
        numbers = np.fromiter(values, np.float64, len(values))
    except OverflowError:
        return None
    return None if (np.abs(numbers) >= WHOLE_LIMIT).any() else numbers


def _encode_values(values: list[Any], *, is_text: bool = False) -> tuple[pa.Array, pa.Array | None]:
    if not set(map(type, values)) <= _NUMBERS:
        return _encode_each(values, is_text=is_text)
    try:
        return pa.array(values, pa.float64()), None
    except (pa.ArrowInvalid, OverflowError):
        # Some integer is beyond 2^53.
        return _encode_each(values, is_text=True)


def _encode_each(values: list[Any], *, is_text: bool) -> tuple[pa.Array, pa.Array]:
    if not is_text:
        values = [SPECIAL_NUMBERS.get(v, v) if type(v) is str else v for v in values]
    numbers, texts = zip(*map(encode_value, values), strict=True)
    return pa.array(numbers, pa.float64()), pa.array(texts, pa.string())


def _decode_column(numbers: NDArray[np.float64], texts: pa.ChunkedArray) -> list[Any]:
    whole = whole_numbers(numbers)
    values: list[Any]
    if whole.all():
        values = numbers.astype(np.int64).tolist()
    elif whole.any():
        pairs = zip(numbers.tolist(), whole.tolist(), strict=True)
        values = [int(number) if is_int else number for number, is_int in pairs]
    else:
        values = numbers.tolist()
    if texts.null_count < len(texts):
        written = np.flatnonzero(texts.is_valid().to_numpy())
        literals = parse_json(f"[{','.join(texts.drop_null().to_pylist())}]")
        for place, literal in zip(written.tolist(), literals, strict=True):
            values[place] = literal
    return values
