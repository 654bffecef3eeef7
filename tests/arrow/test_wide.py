"""Wide tables: exports tell exactly what long tables tell, frames keep every value."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import KEYS, floats, integers, rows, same
from wbexport.arrow.convert import (
    long_to_export,
    long_to_rows,
    long_to_wide,
    rows_to_long,
    wide_to_long,
)
from wbexport.arrow.literals import parse_json
from wbexport.arrow.promote import kinds_of, promote_all
from wbexport.errors import IntegrityError

plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
structs = st.fixed_dictionaries(
    {"_type": plain_text, "n": floats, "bins": st.lists(integers, min_size=1, max_size=3)}
)
#: Rows in which a key always holds one type, so that an export can tell most of them.
typed_rows = rows(floats).flatmap(
    lambda logged: st.tuples(
        *(
            st.fixed_dictionaries(
                {"_step": st.just(row["_step"])},
                optional={
                    "f": floats,
                    "i": st.integers(-(2**60), 2**60),
                    "s": plain_text,
                    "b": st.booleans(),
                    "img": structs,
                },
            )
            for row in logged
        )
    ).map(list)
)


def as_lines(table):
    return [tuple(map(repr, line.values())) for line in table.to_pylist()]


def through_parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return pq.read_table(sink.getvalue())


@given(typed_rows | rows())
def test_an_export_tells_what_the_rows_told_or_there_is_none(logged):
    long = rows_to_long(logged)
    export = long_to_export(long)
    if export is not None:
        assert as_lines(wide_to_long(through_parquet(export))) == as_lines(long)


@given(rows(st.floats() | st.integers(-(2**53), 2**53)))
def test_numbers_can_always_be_exported(logged):
    assert long_to_export(rows_to_long(logged)) is not None


@pytest.mark.parametrize(
    "pair", [(None, 1), (1, "a"), ({"a": 1}, {"b": 1}), ({}, {}), (2**64 + 1, 1)]
)
def test_what_parquet_cannot_tell_is_not_exported(pair):
    logged = [{"_step": step, "a": value} for step, value in enumerate(pair)]
    assert long_to_export(rows_to_long(logged)) is None


def cell_of(value, kind):
    """What a frame shows for a logged value, read the long way."""
    if kind == "mixed":
        return json.dumps(value)
    if value is None or kind == "null":
        return None
    if kind == "json":
        return json.dumps(value)
    return float(value) if kind == "float" else value


@given(rows())
def test_every_value_is_in_its_cell_of_the_wide_table(logged):
    long = rows_to_long(logged)
    kinds, wide = kinds_of(long), long_to_wide(long).to_pylist()
    for row, line in zip(long_to_rows(long), wide, strict=True):
        assert line["_step"] == row["_step"]
        for key in kinds.keys() - {"_step"}:
            cell, value, kind = line[key], row.get(key), kinds[key]
            if key not in row:
                assert cell is None
            elif kind in ("json", "mixed") and cell is not None:
                assert same(parse_json(cell), value)
            elif kind == "string" and value is not None:
                assert cell.encode() == value.encode("utf-8", "backslashreplace")
            else:
                assert same(cell, cell_of(value, kind))


@given(rows(), rows())
def test_kinds_of_two_runs_together_give_equal_columns(first, second):
    one, two = rows_to_long(first), rows_to_long(second)
    found = kinds_of(one), kinds_of(two)
    kinds = {key: promote_all([k[key] for k in found if key in k]) for k in found for key in k}
    assert long_to_wide(one, kinds).schema == long_to_wide(two, kinds).schema


@given(rows(floats), st.integers(0, 9))
def test_several_runs_spread_as_each_alone(logged, cut):
    parts = [rows_to_long(part) for part in (logged[:cut], logged[cut:])]
    kinds = kinds_of(pa.concat_tables(parts))
    stored = pa.concat_tables(
        part.add_column(0, "run_no", pa.array([number] * len(part), pa.int32()))
        for number, part in enumerate(parts)
    )
    together = long_to_wide(stored, kinds).drop_columns(["run_no"])
    assert as_lines(together) == [
        line for part in parts for line in as_lines(long_to_wide(part, kinds))
    ]


@given(rows(), st.lists(KEYS, unique=True, max_size=3))
def test_asking_for_keys_gives_their_columns_and_rows_only(logged, keys):
    keys = [key for key in keys if key != "_step"]
    wide = long_to_wide(rows_to_long(logged), keys=keys)
    assert wide.column_names == ["_step", *keys]
    holding = [row["_step"] for row in logged if row.keys() & set(keys)]
    assert wide.column("_step").to_pylist() == holding


def test_a_value_beyond_the_given_kind_is_an_error():
    with pytest.raises(IntegrityError, match="loss"):
        long_to_wide(rows_to_long([{"_step": 0, "loss": "x"}]), {"loss": "float"})


def test_exported_integers_strings_and_nulls_are_read_exactly():
    table = pa.table(
        {
            "_step": pa.array([2, 0, 1], pa.int64()),
            "i": pa.array([2**53 + 1, 2**60, None], pa.int64()),
            "u": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "f": pa.array([math.nan, None, -0.0], pa.float32()),
            "s": pa.array(["NaN", None, "x"]).dictionary_encode(),
            "d": pa.array([{"a": 1.0, "b": None}, None, {"a": None, "b": "y"}]),
            "none": pa.nulls(3),
        }
    )
    rows_read = list(long_to_rows(wide_to_long(table)))
    assert same(rows_read[0], {"_step": 0, "i": float(2**60), "u": 0})
    assert same(rows_read[1], {"_step": 1, "d": {"b": "y"}, "f": -0.0, "s": "x"})
    big = {"i": 2**53 + 1, "s": "NaN", "u": 2**64 - 1}
    assert same(rows_read[2], {"_step": 2, "d": {"a": 1}, "f": math.nan, **big})


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": [1]}),
        pa.table({"_step": [0.5]}),
        pa.table({"_step": pa.array([None], pa.int64())}),
        pa.table({"_step": [0], "t": pa.array([0], pa.timestamp("us"))}),
    ],
)
def test_a_file_that_is_no_history_export_is_an_error(table):
    with pytest.raises(IntegrityError):
        wide_to_long(table)


def test_the_later_row_of_a_doubled_step_is_taken():
    table = pa.table({"_step": [1, 0, 1], "a": [1.0, 2.0, 3.0], "b": [1.0, None, None]})
    assert list(long_to_rows(wide_to_long(table))) == [{"_step": 0, "a": 2}, {"_step": 1, "a": 3}]


def test_wide_tables_of_numbers_convert_without_python_objects(monkeypatch):
    steps = np.arange(1000)
    table = pa.table({"_step": steps, "a": steps / 3, "b": steps})
    monkeypatch.delattr("wbexport.arrow.exported.write_json")
    assert wide_to_long(table).num_rows == 2000
