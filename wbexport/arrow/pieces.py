"""Putting the values of many keys together as one long table, and merging two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.schema import LONG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["build_long", "concat_texts", "count_rows", "merge_long"]

#: Steps that are as close as this are counted by marking them.
_DENSE = 8


def build_long(
    *,
    keys: Sequence[str],
    codes: NDArray[np.integer],
    steps: NDArray[np.int64],
    numbers: pa.Array,
    texts: pa.Array,
) -> pa.Table:
    """Make one `LONG` table of parallel arrays, in whatever order they come.

    Args:
        keys: The names that `codes` point at.
        codes: The key of each value.
        steps: The step of each value.
        numbers: The doubles.
        texts: The JSON literals.

    Returns:
        The values in (key, step) order.
    """
    by_name = sorted(range(len(keys)), key=keys.__getitem__)
    in_order = by_name == list(range(len(keys)))
    rank = codes if in_order else np.argsort(by_name)[codes]
    names = pa.array([keys[code] for code in by_name], pa.string())
    same_key = rank[1:] == rank[:-1]
    if not ((rank[1:] > rank[:-1]) | (same_key & (steps[1:] > steps[:-1]))).all():
        order = np.lexsort((steps, rank))
        rank, steps = rank[order], steps[order]
        numbers, texts = numbers.take(pa.array(order)), texts.take(pa.array(order))
    named = pa.DictionaryArray.from_arrays(pa.array(rank, pa.int32()), names)
    return pa.Table.from_arrays([named, pa.array(steps, pa.int64()), numbers, texts], schema=LONG)


def concat_texts(parts: Sequence[pa.Array | None], counts: Sequence[int]) -> pa.Array:
    """Join columns of literals, end to end; None stands for a part that has none."""
    if all(part is None for part in parts):
        return pa.nulls(sum(counts), pa.string())
    pairs = zip(parts, counts, strict=True)
    return pa.concat_arrays(
        [pa.nulls(size, pa.string()) if part is None else part for part, size in pairs]
    )


def count_rows(long: pa.Table) -> int:
    """Count the rows that one run's `LONG` table was made of: its different steps."""
    steps = long.column("step").to_numpy()
    if not len(steps):
        return 0
    falls = np.flatnonzero(steps[1:] <= steps[:-1])
    first = steps[: falls[0] + 1] if len(falls) else steps
    # Mostly all keys are logged together, and then nothing has to be sorted.
    if len(steps) % len(first) == 0 and (steps.reshape(-1, len(first)) == first).all():
        return len(first)
    lowest, highest = int(steps.min()), int(steps.max())
    if highest - lowest < _DENSE * len(steps):
        is_seen = np.zeros(highest - lowest + 1, np.bool_)
        is_seen[steps - lowest] = True
        return int(np.count_nonzero(is_seen))
    return int(pc.count_distinct(long.column("step")).as_py())


def merge_long(older: pa.Table, newer: pa.Table) -> pa.Table:
    """Join two readings of one run by step.

    Args:
        older: A `LONG` table.
        newer: Another; where both have a step, its whole row is taken.

    Returns:
        One `LONG` table in (key, step) order.
    """
    if not older.num_rows or not newer.num_rows:
        return newer if newer.num_rows else older
    fresh_steps = pc.unique(newer.column("step").combine_chunks())
    kept = older.filter(pc.invert(pc.is_in(older.column("step"), value_set=fresh_steps)))
    both = pa.concat_tables([kept, newer])
    keys = both.column("key").combine_chunks()
    return build_long(
        keys=keys.dictionary.to_pylist(),
        codes=keys.indices.to_numpy(),
        steps=both.column("step").to_numpy(),
        numbers=both.column("value").combine_chunks(),
        texts=both.column("text").combine_chunks(),
    )
