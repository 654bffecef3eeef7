"""Statistics of keys are what the values themselves say."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import assume, given

from tests.arrow.strategies import rows
from wbexport.arrow.convert import decode_value, rows_to_long
from wbexport.arrow.key_statistics import KEY_STATISTICS, key_statistics

_NAMES = {str: "strings", bool: "bools", type(None): "nulls", dict: "maps", list: "lists"}


def type_of(line: dict[str, Any]) -> str:
    value = decode_value(line["value"], line["text"])
    if type(value) is int:
        return "ints" if line["text"] is None else "bigs"
    return "floats" if type(value) is float else _NAMES[type(value)]


@given(rows())
def test_each_key_is_counted_and_bounded(logged: list[dict[str, Any]]) -> None:
    long = rows_to_long(logged)
    assume(long.num_rows)
    keys = long.column("key").combine_chunks()
    numbered = long.combine_chunks().append_column("run_no", pa.array([7] * len(long), pa.int32()))
    found = key_statistics(numbered.append_column("key_no", keys.indices))
    assert found.schema == KEY_STATISTICS
    for row in found.to_pylist():
        assert row["run_no"] == 7
        name = keys.dictionary[row["key_no"]].as_py()
        lines = [line for line in long.to_pylist() if line["key"] == name]
        numbers = [line["value"] for line in lines if line["value"] is not None]
        real = [number for number in numbers if not math.isnan(number)]
        steps = [line["step"] for line in lines]
        assert (row["rows"], row["first_step"], row["last_step"]) == (
            len(lines),
            min(steps),
            max(steps),
        )
        assert (row["min"], row["max"]) == (min(real, default=None), max(real, default=None))
        assert repr((row["value"], row["text"])) == repr((lines[-1]["value"], lines[-1]["text"]))
        counted = {name: row[name] for name in KEY_STATISTICS.names[9:] if row[name]}
        assert counted == dict(Counter(map(type_of, lines)))
