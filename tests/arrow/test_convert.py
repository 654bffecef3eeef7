"""Rows to long tables and back: nothing is lost, and types are those of the value model."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import KEYS, as_read, rows, same, values
from wbexport.arrow.convert import (
    long_to_rows,
    merge_long,
    parse_rows,
    rows_to_long,
)
from wbexport.arrow.schema import LONG
from wbexport.errors import ResponseError


def by_key(row):
    return {"_step": row["_step"], **{key: row[key] for key in sorted(row) if key != "_step"}}


def as_lines(table):
    return [tuple(map(repr, line.values())) for line in table.to_pylist()]


@given(rows())
def test_rows_come_back_as_they_were_logged(logged):
    expected = [by_key({key: as_read(value) for key, value in row.items()}) for row in logged]
    for before, after in zip(expected, map(by_key, logged), strict=True):
        before["_step"] = after["_step"]
    long = rows_to_long(logged)
    assert long.schema == LONG
    assert same(list(long_to_rows(long)), expected)


@given(rows())
def test_a_page_of_json_gives_the_same_table_as_its_rows(logged):
    lines = [json.dumps(row) for row in logged]
    parsed = rows_to_long(parse_rows(lines))
    assert as_lines(parsed) == as_lines(rows_to_long(logged))
    assert as_lines(rows_to_long(parse_rows([line.encode() for line in lines]))) == as_lines(parsed)


@given(rows(), st.randoms())
def test_the_order_of_rows_and_their_keys_does_not_matter(logged, random):
    shuffled = [dict(random.sample(list(row.items()), len(row))) for row in logged]
    random.shuffle(shuffled)
    assert as_lines(rows_to_long(shuffled)) == as_lines(rows_to_long(logged))


@given(rows())
def test_a_long_table_is_in_key_and_step_order_without_doubles(logged):
    places = [(line["key"], line["step"]) for line in rows_to_long(logged).to_pylist()]
    assert places == sorted(set(places))


@given(rows(), st.integers(1, 40))
def test_pages_of_any_size_merge_to_one_table(logged, size):
    merged = LONG.empty_table()
    for start in range(0, len(logged), size):
        merged = merge_long(merged, rows_to_long(logged[start : start + size]))
    assert as_lines(merged) == as_lines(rows_to_long(logged))


@given(rows(), rows(), rows())
def test_merging_is_associative_and_idempotent(first, second, third):
    a, b, c = map(rows_to_long, (first, second, third))
    left, right = merge_long(merge_long(a, b), c), merge_long(a, merge_long(b, c))
    assert as_lines(left) == as_lines(right)
    assert as_lines(merge_long(left, left)) == as_lines(left)


@given(rows(), rows())
def test_the_newer_reading_of_a_step_replaces_its_whole_row(older, newer):
    expected = {row["_step"]: row for row in (*older, *newer)}
    merged = merge_long(rows_to_long(older), rows_to_long(newer))
    assert as_lines(merged) == as_lines(rows_to_long(list(expected.values())))


@pytest.mark.parametrize(("text", "number"), [("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_a_spelled_number_is_a_number_unless_its_key_holds_text(text, number):
    logged = [{"_step": 0, "a": text, "b": text}]
    assert next(long_to_rows(rows_to_long(logged, text_keys=["b"]))) == {
        "_step": 0,
        "a": number,
        "b": text,
    }


def test_a_row_of_nothing_but_its_step_is_kept():
    long = rows_to_long([{"_step": 3}, {"_step": 5, "a": 1}])
    assert long.column("key").to_pylist() == ["_step", "a"]
    assert list(long_to_rows(long)) == [{"_step": 3}, {"_step": 5, "a": 1}]


def test_rows_without_steps_are_numbered_from_the_first():
    long = rows_to_long([{"a": 1}, {}, {"a": 2}], step_key=None, first_step=7)
    assert long.column("step").to_pylist() == [7, 9]


@pytest.mark.parametrize("step", [None, "1", True, 1.5, math.nan, 2**63, [1]])
def test_a_step_that_is_no_whole_number_is_an_error(step):
    with pytest.raises(ResponseError, match="_step"):
        rows_to_long([{"_step": step, "a": 1}])


@given(st.dictionaries(KEYS, values, max_size=3))
def test_the_later_of_two_rows_with_one_step_is_taken(row):
    later = {**row, "_step": 1}
    both = rows_to_long([{"_step": 1, "other": 0}, {"_step": 0}, later])
    assert as_lines(both) == as_lines(rows_to_long([{"_step": 0}, later]))


def test_slices_convert_like_whole_tables():
    long = rows_to_long([{"_step": step, "a": step, "b": str(step)} for step in range(9)])
    assert list(long_to_rows(long.slice(12, 3))) == [
        {"_step": step, "b": str(step)} for step in (3, 4, 5)
    ]
    assert pa.concat_tables([long.slice(0, 5), long.slice(5)]).equals(long)
