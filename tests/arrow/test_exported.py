"""Exported columns become the same values, however many are cut at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.arrow.convert import long_to_rows, wide_to_long
from wbexport.arrow.exported import columns_to_long
from wbexport.arrow.pieces import count_rows

cells = st.one_of(
    *(
        st.tuples(st.just(kind), st.lists(st.none() | values, min_size=4, max_size=4))
        for kind, values in (
            (pa.float64(), st.floats(allow_nan=False)),
            (pa.float32(), st.floats(width=32, allow_nan=False)),
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.bool_(), st.booleans()),
            (pa.string(), st.text("ab\n", max_size=3)),
            (pa.list_(pa.int64()), st.lists(st.integers(0, 9), max_size=2)),
            (pa.struct([("x", pa.int64())]), st.fixed_dictionaries({"x": st.integers(0, 9)})),
        )
    )
)
tables = st.lists(cells, max_size=12).map(
    lambda columns: pa.table(
        {f"k{number:02d}": pa.array(values, kind) for number, (kind, values) in enumerate(columns)}
        | {"_step": pa.array([2, 3, 5, 7], pa.int64())}
    )
)


def expected_rows(table):
    """What each row holds, read cell by cell."""
    found = [{key: v for key, v in row.items() if v is not None} for row in table.to_pylist()]
    return sorted(found, key=lambda row: row["_step"])


@given(tables)
def test_columns_of_all_types_give_their_cells(table):
    assert list(long_to_rows(wide_to_long(table))) == expected_rows(table)


@given(tables, st.integers(1, 5), st.randoms(use_true_random=False))
def test_columns_in_blocks_in_any_order_give_what_they_give_together(table, width, random):
    names = table.column_names
    random.shuffle(names)
    blocks = [table.select(names[start : start + width]) for start in range(0, len(names), width)]
    together = wide_to_long(table)
    assert columns_to_long(blocks, table["_step"].to_numpy()).equals(together)
    parts = [pa.concat_tables([block.slice(0, 1), block.slice(1)]) for block in blocks]
    assert columns_to_long(parts, table["_step"].to_numpy()).equals(together)


@given(tables, st.lists(st.booleans(), min_size=4, max_size=4).map(np.array))
def test_only_kept_rows_are_taken(table, kept):
    long = columns_to_long([table], table["_step"].to_numpy(), kept)
    assert list(long_to_rows(long)) == expected_rows(table.filter(pa.array(kept)))


def test_keys_without_values_are_not_named():
    table = pa.table({"_step": [0, 1], "a": pa.array([None, None], pa.float64()), "b": [1.0, None]})
    keys = wide_to_long(table).column("key").combine_chunks()
    assert keys.dictionary.to_pylist() == ["_step", "b"]


def test_dictionaries_of_several_columns_are_told_apart():
    columns = {name: pa.array([name, "x"]).dictionary_encode() for name in "ab"}
    rows_read = list(long_to_rows(wide_to_long(pa.table({"_step": [0, 1], **columns}))))
    assert rows_read == [{"_step": 0, "a": "a", "b": "b"}, {"_step": 1, "a": "x", "b": "x"}]


@pytest.mark.parametrize("steps", [[0, 0, 1], [1, 0, 1]])
def test_later_rows_win_in_every_type(steps):
    table = pa.table({"_step": steps, "f": [0.5, 1.5, 2.5], "s": ["a", "b", "c"], "i": [1, 2, 3]})
    last = {row["_step"]: row for row in table.to_pylist()}
    assert list(long_to_rows(wide_to_long(table))) == [last[0], last[1]]


@given(
    st.lists(st.lists(st.integers(-3, 400), max_size=8, unique=True).map(sorted), max_size=5),
    st.sampled_from([1, 10**15]),
)
def test_rows_are_the_different_steps(keys, far):
    steps = [step * far for own in keys for step in own]
    long = pa.table({"step": pa.array(steps, pa.int64())})
    assert count_rows(long) == len(set(steps))
