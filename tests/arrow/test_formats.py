"""One table, four forms."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

from wbexport.arrow.formats import FORMATS, to_format
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


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_without_rows_has_a_form_too(format):
    assert len(to_format(TABLE.slice(0, 0), format)) == 0


def test_an_unknown_format_is_an_error_that_names_the_known_ones():
    with pytest.raises(InputError, match="polars"):
        to_format(TABLE, "csv")
