"""What is known of each key without reading its values again: the store's `run_keys`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from wbexport.arrow.literals import decode_value, write_json
from wbexport.arrow.promote import doubles, key_runs, kinds_by_run, value_flags

__all__ = ["KEY_STATISTICS", "key_statistics"]

#: One row per key: its kind, extent, and its last value as a JSON literal.
KEY_STATISTICS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("first_step", pa.int64(), nullable=False),
        pa.field("last_step", pa.int64(), nullable=False),
        pa.field("min", pa.float64()),
        pa.field("max", pa.float64()),
        pa.field("last", pa.string()),
    ]
)


def key_statistics(long: pa.Table) -> pa.Table:
    """Summarise one run's values, key by key.

    Args:
        long: A `LONG` table in (key, step) order.

    Returns:
        A `KEY_STATISTICS` table in key order. `min` and `max` look at numbers other than NaN and
        are null where there are none.
    """
    runs = key_runs(long)
    if not runs:
        return KEY_STATISTICS.empty_table()
    keys, starts, stops = zip(*runs, strict=True)
    first, after = np.array(starts), np.array(stops)
    numbers, steps = doubles(long), long.column("step").to_numpy()
    lasts = pa.array(after - 1)
    last_texts = long.column("text").take(lasts).to_pylist()
    literals = [
        text if text is not None else write_json(decode_value(number, None))
        for number, text in zip(numbers[after - 1].tolist(), last_texts, strict=True)
    ]
    return pa.Table.from_arrays(
        [
            pa.array(keys),
            pa.array(kinds_by_run(value_flags(long), first)),
            pa.array(after - first),
            pa.array(steps[first]),
            pa.array(steps[after - 1]),
            pa.array(np.fmin.reduceat(numbers, first), from_pandas=True),
            pa.array(np.fmax.reduceat(numbers, first), from_pandas=True),
            pa.array(literals, pa.string()),
        ],
        schema=KEY_STATISTICS,
    )
