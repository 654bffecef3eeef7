"""History rows, as servers send them and people read them, to long tables and back."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.literals import (
    SPECIAL_NUMBERS,
    decode_value,
    encode_value,
    escape_surrogates,
    parse_json,
    parse_rows,
    unwrap_config,
    wrap_config,
)
from wbexport.arrow.pieces import build_long, merge_long
from wbexport.arrow.promote import doubles, key_runs, whole_numbers
from wbexport.arrow.wide import long_to_export, long_to_wide, wide_to_long
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
    columns, places = _pivot(rows)
    if step_key is not None:
        columns.pop(step_key, None)
        alone = [place for place, row in enumerate(rows) if len(row) == 1]
        columns["_step"], places["_step"] = steps[alone].tolist(), [np.array(alone, np.intp)]
    columns = {key: columns[key] for key in sorted(columns, key=escape_surrogates)}
    numbers, texts = _encode_columns(columns, text_keys)
    counts = [len(values) for values in columns.values()]
    chunks = [chunk for key in columns for chunk in places[key]]
    return build_long(
        keys=[escape_surrogates(key) for key in columns],
        codes=np.repeat(np.arange(len(counts)), counts),
        steps=steps[np.concatenate([*chunks, np.empty(0, np.intp)])],
        numbers=numbers,
        texts=texts,
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


def _pivot(
    rows: Sequence[Row],
) -> tuple[dict[str, list[Any]], dict[str, list[NDArray[np.intp]]]]:
    """Give each key's values and the places of their rows; rows of one shape go together."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        shapes.setdefault(tuple(row), []).append(place)
    columns: dict[str, list[Any]] = defaultdict(list)
    places: dict[str, list[NDArray[np.intp]]] = defaultdict(list)
    for keys, members in shapes.items():
        chunk = np.array(members, np.intp)
        by_key = zip(*[rows[place].values() for place in members], strict=True)
        for key, values in zip(keys, by_key, strict=True):
            columns[key].extend(values)
            places[key].append(chunk)
    return columns, places


def _encode_columns(
    columns: dict[str, list[Any]], text_keys: Collection[str]
) -> tuple[pa.Array, pa.Array]:
    """Split all columns, end to end, into doubles and literals; stretches of numbers go at once."""
    numbers, texts = [], []
    is_plain = {key: set(map(type, values)) <= {int, float} for key, values in columns.items()}
    for plain, keys in groupby(columns, key=is_plain.__getitem__):
        if plain:
            pool = list(chain.from_iterable(columns[key] for key in keys))
            parts = [_encode_numbers(pool)]
        else:
            parts = [_encode_each(columns[key], is_text=key in text_keys) for key in keys]
        numbers += [part[0] for part in parts]
        texts += [part[1] for part in parts]
    if not numbers:
        return pa.array([], pa.float64()), pa.array([], pa.string())
    return pa.concat_arrays(numbers), pa.concat_arrays(texts)


def _encode_numbers(values: list[Any]) -> tuple[pa.Array, pa.Array]:
    try:
        return pa.array(values, pa.float64()), pa.nulls(len(values), pa.string())
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
