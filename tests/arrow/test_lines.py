"""JSON lines of a long table are those of its rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from tests.arrow.strategies import rows
from wbexport.arrow.convert import long_to_rows, rows_to_long
from wbexport.arrow.lines import long_to_lines
from wbexport.arrow.literals import write_json


@given(rows())
def test_lines_are_what_the_rows_would_be_written_as(logged):
    long = rows_to_long(logged)
    assert long_to_lines(long) == list(map(write_json, long_to_rows(long)))


@given(rows())
def test_the_step_may_be_left_out_and_more_be_put_in(logged):
    long = rows_to_long(logged)
    expected = [row | {"_wandb": True} for row in long_to_rows(long)]
    for row in expected:
        del row["_step"]
    lines = long_to_lines(long, step_key=None, more={"_wandb": "true"})
    assert lines == list(map(write_json, expected))


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1e-4, 9.9e-5, 5e-324, 2.0**53, 9999999999999998.0, 1e16, 1e22, math.nan, -math.inf],
)
@pytest.mark.parametrize("key", ["loss", 'a "%s" b', "Ä\n"])
def test_numbers_are_written_as_python_writes_them(value, key):
    logged = [{"_step": step, key: value, "other": step} for step in range(2)]
    long = rows_to_long(logged)
    assert long_to_lines(long) == list(map(write_json, long_to_rows(long)))
