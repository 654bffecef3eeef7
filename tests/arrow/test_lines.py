"""JSON lines of a long table are those of its rows, and give it back."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.arrow.strategies import KEYS, rows
from wbexport.arrow import lines as lines_module
from wbexport.arrow.convert import long_to_rows, parse_rows, rows_to_long
from wbexport.arrow.lines import lines_to_long, long_to_lines
from wbexport.arrow.literals import write_json
from wbexport.errors import ResponseError

PLAIN = ["0", "1", "-3", "0.5", "1e5", "-1.25E-7", "123456.789"]
ODD = [
    *("-0", "-0.0", "9007199254740991", "9007199254740993", "-18446744073709551617", "1e16"),
    *("1e400", "5e-324", "01", "+1", "1.", ".5", "-", "1e", "0x1", "NaN", "-Infinity", "null"),
    *(
        "true",
        '"NaN"',
        '"a:1"',
        '"}',
        "[1]",
        '{"b": 2}',
        "{}",
        "",
        " 1 ",
        "\n2",
        "1}\n{",
        "1,",
        "1}",
    ),
]


def outcome(read, lines):
    """What comes out, told apart to the sign of zero."""
    try:
        return repr(read(lines).to_pylist())
    except ResponseError:
        return "error"


def read_row_by_row(lines):
    return rows_to_long(parse_rows(lines))


@st.composite
def pages(draw):
    """Lines that mostly hold numbers, and sometimes something that nobody should send."""
    keys = draw(st.lists(KEYS.map(json.dumps), min_size=1, max_size=4))
    cells = st.sampled_from(PLAIN) | st.sampled_from(draw(st.sampled_from([PLAIN, PLAIN, ODD])))
    gaps = draw(st.sampled_from([st.just(True), st.booleans()]))
    lines = []
    for number in range(draw(st.integers(0, 60))):
        step = draw(st.sampled_from([str(number)] * 9 + ["7", "1.0", "1.5", "x"]))
        row = [('"_step"', step), *((key, draw(cells)) for key in keys if draw(gaps))]
        lines.append(f"{{{','.join(f'{key}:{cell}' for key, cell in row)}}}")
    return lines


def among_others(*odd):
    """Put lines between plain ones, where a look at some lines does not see them."""
    plain = [f'{{"_step":{step},"a":{step}.5}}' for step in range(60)]
    return [*plain[:1], *odd, *plain[1:]]


@given(pages() | rows().map(lambda logged: list(map(json.dumps, logged))))
@example([])
@example(["[1]", "[2]"])
@example(['{"_step":0,"a":1,"a":2}'])
@example(['{"_step":0,"\\u00e9":1}'])
@example(among_others('{"_step":100}{"_step":101}', ""))
@example(among_others('{"_step":100,"a":1', '"b":2}', '{"_step":101}{"_step":102}'))
@example(among_others('{"_step":100}\n{"_step":101}', " "))
@example(among_others('{"_step":100}\n{"_step":101}'))
@example(among_others('{"_step":100,"a\\u0000b":1}', '{"_step":101,"a\\u0000c":1}'))
@example(among_others('{"_step":101,"\\ud800":1}'))
@example(among_others('{"_step":101,"b":"x"}'))
@example(among_others('{"_step":101,"b":"NaN"}'))
@example(among_others('{"_step":101,"b":"2026-01-01"}'))
@example(among_others('{"_step":101,"b":true}'))
@example(among_others('{"_step":102,"a":null}'))
@example(among_others('{"_step":102,"b":null}', '{"_step":103,"b":1}'))
@example(among_others('{"a":1}'))
@example(among_others('{"_step":102,"a":9007199254740993}'))
@example(among_others('{"_step":102,"b":9007199254740993}'))
@example(among_others('{"_step":102,"a":-0}'))
@example(['{"_step":0,"nullable":1}', '{"_step":1}'])
def test_a_page_gives_the_same_table_as_its_rows_one_by_one(lines):
    assert outcome(lines_to_long, lines) == outcome(read_row_by_row, lines)


@pytest.mark.parametrize("gap", [1, 3])
def test_rows_of_numbers_are_read_without_an_object_for_each(monkeypatch, gap):
    logged = [{"_step": n, "loss": n / 3} | ({} if n % gap else {"é": n}) for n in range(500)]
    lines = [json.dumps(row) for row in logged]
    expected = rows_to_long(logged)
    monkeypatch.setattr(lines_module, "parse_rows", None)
    assert lines_to_long(lines).equals(expected)


@pytest.mark.parametrize("step", [None, "3", 0.5, True])
def test_a_row_without_a_whole_step_is_an_error(step):
    with pytest.raises(ResponseError, match="step"):
        lines_to_long([json.dumps({"_step": step, "a": 1})])


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
