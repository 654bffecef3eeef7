"""What is worth knowing of each key's values, counted before they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from wbexport.arrow.promote import doubles, first_bytes, key_runs, whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KEY_STATISTICS", "key_statistics"]

#: First bytes of the JSON literals of each type. What begins otherwise is a number no double holds.
_TYPES = {"strings": b'"', "bools": b"tf", "nulls": b"n", "maps": b"{", "lists": b"["}

_COUNTS = ("ints", "floats", "bigs", *_TYPES)
#: What `key_statistics` gives.
KEY_STATISTICS = pa.schema(
    [
        ("key", pa.string()),
        ("rows", pa.int64()),
        ("first_step", pa.int64()),
        ("last_step", pa.int64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("value", pa.float64()),
        ("text", pa.string()),
        *((name, pa.int64()) for name in _COUNTS),
    ]
)


def key_statistics(long: pa.Table) -> pa.Table:
    """Count and bound the values of each key.

    Args:
        long: A `LONG` table of one run that is not empty; several such tables end to end.

    Returns:
        A `KEY_STATISTICS` table with one row per stretch of rows with one key, so that a key may
        have several: `min` and `max` are null without numbers, `value` and `text` are those of
        the last row, and the last columns say how many values there are of each type.
    """
    keys, firsts, afters = zip(*key_runs(long), strict=True)
    starts, stops = np.array(firsts), np.array(afters)
    numbers, steps = doubles(long), long.column("step").to_numpy()
    rows, ends = stops - starts, pa.array(stops - 1)
    literals = _count_literals(first_bytes(long), starts)
    ints = _add(whole_numbers(numbers), starts)
    columns = {
        "key": pa.array(keys, pa.string()),
        "rows": rows,
        "first_step": steps[starts],
        "last_step": steps[stops - 1],
        "min": _bound(np.fmin.reduceat(numbers, starts)),
        "max": _bound(np.fmax.reduceat(numbers, starts)),
        "value": long.column("value").take(ends),
        "text": long.column("text").take(ends),
        "ints": ints,
        "floats": rows - ints - sum(literals.values()),
        **literals,
    }
    return pa.table(columns, schema=KEY_STATISTICS)


def _count_literals(
    firsts: NDArray[np.uint8], starts: NDArray[np.intp]
) -> dict[str, NDArray[np.int64]]:
    if not firsts.any():
        return dict.fromkeys(("bigs", *_TYPES), np.zeros(len(starts), np.int64))
    known = {
        name: _add(np.isin(firsts, np.frombuffer(letters, np.uint8)), starts)
        for name, letters in _TYPES.items()
    }
    return {"bigs": _add(firsts != 0, starts) - sum(known.values())} | known


def _add(flags: NDArray[np.bool_], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    added: NDArray[np.int64] = np.add.reduceat(flags, starts, dtype=np.int64)
    return added


def _bound(numbers: NDArray[np.float64]) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))
