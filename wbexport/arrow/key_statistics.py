"""What is worth knowing of each key's values, counted before they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from wbexport.arrow.promote import doubles, first_bytes, whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KEY_STATISTICS", "key_statistics"]

#: First bytes of the JSON literals of each type. What begins otherwise is a number no double holds.
_TYPES = {"strings": b'"', "bools": b"tf", "nulls": b"n", "maps": b"{", "lists": b"["}

_COUNTS = ("ints", "floats", "bigs", *_TYPES)
#: What `key_statistics` gives.
KEY_STATISTICS = pa.schema(
    [
        ("run_no", pa.int32()),
        ("key_no", pa.int32()),
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


def key_statistics(values: pa.Table) -> pa.Table:
    """Count and bound the values of each key of each run.

    Args:
        values: `run_no`, `key_no`, `step`, `value` and `text`, at least one row, in one chunk. The
            values of a key follow each other in step order.

    Returns:
        A `KEY_STATISTICS` table with one row per stretch of rows with one run and key, so that a
        key may have several: `min` and `max` are null without numbers, `value` and `text` are
        those of the last row, and the last columns say how many values there are of each type.
    """
    runs, keys, steps = (values.column(name).to_numpy() for name in ("run_no", "key_no", "step"))
    changes = (runs[1:] != runs[:-1]) | (keys[1:] != keys[:-1])
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    stops = np.append(starts[1:], len(steps))
    numbers = doubles(values)
    rows, ends = stops - starts, pa.array(stops - 1)
    literals = _count_literals(first_bytes(values), starts)
    ints = _add(whole_numbers(numbers), starts)
    columns = {
        "run_no": runs[starts],
        "key_no": keys[starts],
        "rows": rows,
        "first_step": steps[starts],
        "last_step": steps[stops - 1],
        "min": _bound(np.fmin.reduceat(numbers, starts)),
        "max": _bound(np.fmax.reduceat(numbers, starts)),
        "value": values.column("value").take(ends),
        "text": values.column("text").take(ends),
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
