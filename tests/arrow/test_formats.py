"""One table, four forms."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import values
from wbexport.arrow.formats import (
    FORMATS,
    frame_of_parts,
    frame_of_rows,
    lazy_frame,
    pack_rows,
    to_format,
)
from wbexport.arrow.literals import write_json
from wbexport.errors import InputError

TABLE = pa.table({"_step": [0, 1], "loss": [0.5, None], "name": ["a", "é"]})
ROWS = TABLE.to_pylist()


def test_every_form_holds_the_same_rows():
    frame = to_format(TABLE, "pandas")
    assert to_format(TABLE, "default") == ROWS
    assert to_format(TABLE, "polars").equals(pl.DataFrame(ROWS))
    assert to_format(TABLE, "arrow") is TABLE
    assert list(frame.columns) == TABLE.column_names
    assert frame["name"].tolist() == ["a", "é"]


def test_a_lazy_frame_has_every_name_whole():
    table = pa.table({"": [1], "\0": [2], "a\0b": [3], "a": [4]})
    assert lazy_frame(table.schema, lambda _: table.to_batches()).collect().rows(named=True) == [
        {"": 1, "\0": 2, "a\0b": 3, "a": 4}
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_without_rows_has_a_form_too(format):
    assert len(to_format(TABLE.slice(0, 0), format)) == 0


def test_an_unknown_format_is_an_error_that_names_the_known_ones():
    with pytest.raises(InputError, match="polars"):
        to_format(TABLE, "csv")


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values)))
def test_a_pandas_frame_of_rows_is_what_pandas_makes_of_them(rows):
    ours, theirs = frame_of_rows(rows, "pandas"), pd.DataFrame.from_records(rows)
    pd.testing.assert_frame_equal(ours, theirs[list(ours.columns)], check_column_type=False)
    assert repr(ours.to_dict("list")) == repr({key: list(theirs[key]) for key in ours.columns})


CELLS = values | st.sampled_from([None, 1, 2.0, 0.5, 2**60, "x", True, float("nan")])


def column(cells):
    """A column by the rule: the type that holds all cells, or else their JSON."""
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([None if cell is None else write_json(cell) for cell in cells], pa.string())


@given(
    st.lists(
        st.lists(st.dictionaries(st.sampled_from("abc"), CELLS), max_size=4), min_size=1, max_size=4
    )
)
def test_a_frame_made_of_parts_is_that_of_all_rows(parts):
    rows = [row for part in parts for row in part]
    names = sorted({name for row in rows for name in row})
    table = frame_of_parts([pack_rows(part) for part in parts], "arrow", sort_columns=True)
    assert table.column_names == names
    for name in names:
        wanted = column([row.get(name) for row in rows])
        assert table[name].type == wanted.type
        assert repr(table[name].to_pylist()) == repr(wanted.to_pylist())
