"""JSON literals: read and written without loss, hostile texts included."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.arrow.strategies import as_read, same, values
from wbexport.arrow.literals import (
    decode_value,
    encode_value,
    is_whole,
    parse_json,
    parse_rows,
    unwrap_config,
    wrap_config,
    write_json,
    write_rows,
)
from wbexport.errors import ResponseError


@given(values)
def test_a_value_reads_back_as_it_was_logged(value):
    expected = value if isinstance(value, str) else as_read(value)
    assert same(decode_value(*encode_value(value)), expected)


def test_objects_that_differ_in_order_alone_have_one_literal():
    assert encode_value({"b": {"d": 1, "c": 2}, "a": 3}) == (None, '{"a":3,"b":{"c":2,"d":1}}')


@given(values.filter(lambda value: isinstance(value, dict | list)))
@example({"tiny": [1.5e-05, 9e-7, -2e-5], "huge": [1e16, 1.5e22, 5e-324], "none": [None, math.nan]})
@example({"whole": [2.0, -0.0, 1e15], "inner": {"last": 3.0}, "text": "1e5\x00\x7f\u2028/\\"})
def test_an_object_is_written_as_python_writes_it_with_whole_floats_as_integers(value):
    def whole(each):
        if isinstance(each, dict):
            return {key: whole(item) for key, item in each.items()}
        if isinstance(each, list):
            return [whole(item) for item in each]
        return int(each) if isinstance(each, float) and is_whole(each) else each

    for ascii_only in (False, True):
        text = json.dumps(
            whole(value), ensure_ascii=ascii_only, separators=(",", ":"), sort_keys=True
        )
        if not any("\ud800" <= letter <= "\udfff" for letter in text):
            break
    assert write_json(value) == text


@given(st.lists(values.filter(lambda value: isinstance(value, dict)), max_size=4))
@example([{"a": 0.5, "b": "line\nbreak"}, {"a": 1, "ä": "\u2028"}])
def test_rows_are_written_as_each_alone(rows):
    assert write_rows(rows) == list(map(write_json, rows))


@given(values)
def test_a_literal_is_valid_utf8_and_strict_json_but_for_special_numbers(value):
    _, text = encode_value(value)
    if text is not None:
        assert same(json.loads(text.encode().decode()), parse_json(text))


@pytest.mark.parametrize(
    "number", [2**63, 2**64, 10**19, 10**20, -(10**25), 2**53 + 1, 123456789012345678901]
)
def test_long_integers_are_read_exactly(number):
    assert parse_json(str(number)) == number
    assert parse_json(f'{{"a": [0.00012345678901234567, {number}]}}')["a"][1] == number
    assert type(parse_json(str(number))) is int


def test_an_integer_of_five_thousand_digits_becomes_its_digits():
    digits = "9" * 5000
    assert parse_json(f'{{"a":{digits}}}') == {"a": digits}


def test_bare_tokens_overflow_and_duplicate_keys_are_understood():
    read = parse_json('{"a": NaN, "b": -Infinity, "c": 1e400, "d": 1, "d": 2}')
    assert math.isnan(read.pop("a"))
    assert read == {"b": -math.inf, "c": math.inf, "d": 2}


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", b"\xff", "[" * 100_000])
def test_a_text_that_is_no_json_is_an_error(text):
    with pytest.raises(ResponseError):
        parse_json(text)


@pytest.mark.parametrize("lines", [["1"], ["{}", "null"], ["{},{}"], ["{}]", "[{}"]])
def test_a_line_that_is_not_one_object_is_an_error(lines):
    with pytest.raises(ResponseError):
        parse_rows(lines)


@pytest.mark.parametrize(
    ("number", "whole"),
    [(0.0, True), (-0.0, False), (2.0**53 - 1, True), (2.0**53, False), (-3.0, True), (0.5, False)],
)
def test_whole_numbers_below_two_to_53_read_as_int(number, whole):
    assert is_whole(number) is whole
    assert type(decode_value(number, None)) is (int if whole else float)


@pytest.mark.parametrize(
    "raw",
    [
        {"lr": {"value": 0.1, "desc": None}, "nest": {"value": {"a": {"value": 1}}, "desc": "why"}},
        {"_wandb": {"value": {"cli_version": "0.31.0", "t": {"1": [2]}}}, "wandb_version": 1},
        {},
    ],
)
def test_wrapping_undoes_unwrapping(raw):
    wrapped = wrap_config(*unwrap_config(raw))
    assert unwrap_config(wrapped) == unwrap_config(raw)
    assert {key: value.get("value") for key, value in wrapped.items() if key in ("lr", "nest")} == {
        key: value["value"] for key, value in raw.items() if key in ("lr", "nest")
    }
    assert wrapped.keys() == raw.keys()


def test_a_config_value_that_is_not_wrapped_is_kept_as_it_is():
    assert unwrap_config({"a": 1, "b": {"c": 2}}) == ({"a": 1, "b": {"c": 2}}, {})
