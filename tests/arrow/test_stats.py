"""Statistics of keys agree with reading all their values."""

from __future__ import annotations

import math

from hypothesis import given

from tests.arrow.strategies import rows, same
from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.literals import decode_value, parse_json
from wbexport.arrow.promote import kinds_of
from wbexport.arrow.stats import KEY_STATISTICS, key_statistics


def read(line):
    return decode_value(line["value"], line["text"])


@given(rows())
def test_statistics_are_what_the_values_say(logged):
    long = rows_to_long(logged)
    statistics = key_statistics(long)
    assert statistics.schema == KEY_STATISTICS
    assert {row["key"]: row["kind"] for row in statistics.to_pylist()} == kinds_of(long)
    for row in statistics.to_pylist():
        lines = [line for line in long.to_pylist() if line["key"] == row["key"]]
        numbers = [line["value"] for line in lines if line["value"] is not None]
        real = [number for number in numbers if not math.isnan(number)]
        assert row["rows"] == len(lines)
        assert (row["first_step"], row["last_step"]) == (lines[0]["step"], lines[-1]["step"])
        assert (row["min"], row["max"]) == (min(real, default=None), max(real, default=None))
        assert same(parse_json(row["last"]), read(lines[-1]))
