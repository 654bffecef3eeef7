"""What is written comes back, and what the store knows of it is true."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrow.strategies import rows as hostile_rows
from wbexport.arrow.convert import merge_long, rows_to_long
from wbexport.arrow.digest import long_digest
from wbexport.arrow.literals import decode_value, write_json
from wbexport.arrow.promote import kinds_of
from wbexport.errors import InputError
from wbexport.store import writer
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.store.reader import read_keys, read_long, read_runs
from wbexport.store.writer import (
    delete_runs,
    upsert_project,
    upsert_runs,
    write_console,
    write_files,
    write_history,
)

from .samples import PROJECT, add_runs, log

if TYPE_CHECKING:
    from collections.abc import Iterator

STATISTICS = ["key", "kind", "rows", "first_step", "last_step", "min", "max", "last"]


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    with Store.in_memory() as store:
        yield store


def rewritten(store: Store) -> int:
    """Number of the one run of a store, empty again."""
    (run,) = add_runs(store, 1, status=["live"])
    with store.transaction() as cursor:
        delete_runs(cursor, [run])
    return add_runs(store, 1, status=["live"])[0]


def statistics(store: Store, run: int) -> dict[str, Any]:
    found = read_keys(store.cursor(), [run]).select(STATISTICS).to_pylist()
    return {row.pop("key"): row for row in found}


def plain_statistics(long: pa.Table) -> dict[str, Any]:
    """What the values themselves say."""
    found = {}
    for key, kind in kinds_of(long).items():
        lines = [line for line in long.to_pylist() if line["key"] == key]
        numbers = [line["value"] for line in lines if line["value"] is not None]
        real = [number for number in numbers if not math.isnan(number)]
        last = lines[-1]["text"] or write_json(decode_value(lines[-1]["value"], None))
        extent = (len(lines), lines[0]["step"], lines[-1]["step"])
        values = (kind, *extent, min(real, default=None), max(real, default=None), last)
        found[key] = dict(zip(STATISTICS[1:], values, strict=True))
    return found


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(hostile_rows(), min_size=1, max_size=4))
def test_pieces_add_up_to_the_union_by_step(
    shared: Store, pieces: list[list[dict[str, Any]]]
) -> None:
    run, expected = rewritten(shared), rows_to_long([])
    for piece in pieces:
        log(shared, run, piece)
        expected = merge_long(expected, rows_to_long(piece))
    stored = read_long(shared.cursor(), [run]).drop_columns(["run_no"])
    assert long_digest("s", "history", stored) == long_digest("s", "history", expected)
    assert statistics(shared, run) == plain_statistics(expected)
    (header,) = read_runs(shared.cursor()).to_pylist()
    steps = expected["step"].to_pylist()
    assert header["stored_rows"] == header["history_line_count"] == len(set(steps))
    assert header["stored_last_step"] == max(steps, default=None)
    assert check(shared) == []


def test_replacing_drops_everything_that_was_stored_before(store: Store) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": n, "a": n, "b": "x"} for n in range(9)])
    log(store, run, [{"_step": 0, "a": 1.5}], "replace")
    assert read_long(store.cursor(), [run]).num_rows == 1
    assert read_keys(store.cursor(), [run])["key"].to_pylist() == ["a"]
    log(store, run, [], "replace")
    assert read_keys(store.cursor(), [run]).num_rows == 0
    assert read_runs(store.cursor())["stored_rows"].to_pylist() == [0]


def test_several_pieces_of_one_run_apply_in_order(store: Store) -> None:
    (run,) = add_runs(store, 1)
    tables = [rows_to_long([{"_step": step, "x": step}]) for step in range(3)]
    with store.transaction() as cursor:
        write_history(cursor, [(run, tables[0], "append"), (run, tables[1], "replace")])
        write_history(cursor, [(run, tables[2], "append")])
    assert read_long(store.cursor(), [run])["step"].to_pylist() == [1, 2]


def test_history_keys_of_a_live_run_have_the_shape_w_and_b_gives_them(store: Store) -> None:
    (run,) = add_runs(store, 1, status=["live"])
    log(store, run, [{"_step": 0, "x": 1, "_runtime": 0.5}, {"_step": 7, "x": "one"}])
    (header,) = read_runs(store.cursor()).to_pylist()
    assert json.loads(header["history_keys"]) == {
        "sets": [],
        "keys": {
            "x": {
                "typeCounts": [{"type": "number", "count": 1}, {"type": "string", "count": 1}],
                "monotonic": False,
                "previousValue": "one",
            },
            "_runtime": {
                "typeCounts": [{"type": "number", "count": 1}],
                "monotonic": True,
                "previousValue": 0.5,
            },
        },
        "lastStep": 7,
    }


def test_history_keys_of_a_run_that_was_brought_over_stay_what_its_server_said(
    store: Store,
) -> None:
    said = '{"keys":{"nest.b":{}},"lastStep":3}'
    (run,) = add_runs(store, 1, history_keys=[said], last_step=pa.array([3]), status=["complete"])
    log(store, run, [{"_step": 0, "x": 1}])
    (header,) = read_runs(store.cursor()).to_pylist()
    assert (header["history_keys"], header["last_step"]) == (said, 3)


def test_streams_do_not_mix(store: Store) -> None:
    (run,) = add_runs(store, 1)
    table = rows_to_long([{"_step": 0, "x": 1.0}])
    log(store, run, [{"_step": 5, "x": 2.0}])
    with store.transaction() as cursor:
        write_history(cursor, [(run, table, "append")], stream="system")
        write_history(cursor, [(run, table, "replace")], stream="system")
    cursor = store.cursor()
    assert read_long(cursor, [run])["step"].to_pylist() == [5]
    assert read_long(cursor, [run], stream="system")["step"].to_pylist() == [0]
    assert read_keys(cursor, [run], stream="system")["rows"].to_pylist() == [1]


def test_headers_are_updated_column_by_column(store: Store) -> None:
    runs = add_runs(store, 2, config=['{"a":1}', None], tags=[["x"], []])
    assert add_runs(store, 3, state=["finished"] * 3)[:2] == runs
    found = read_runs(store.cursor(), columns=["run_id", "config", "tags", "state"]).to_pylist()
    assert sorted(found, key=lambda row: row["run_id"])[0] == {
        "run_id": "r0",
        "config": '{"a":1}',
        "tags": ["x"],
        "state": "finished",
    }
    with pytest.raises(InputError, match="colour"):
        add_runs(store, 1, colour=["red"])


def test_new_runs_among_known_ones_get_numbers_of_their_own(store: Store) -> None:
    known = dict(zip(["s0", "s1"], add_runs(store, 2), strict=True))
    names = ["s3", "s1", "s2", "s0"]
    with store.transaction() as cursor:
        other = upsert_project(cursor, replace(PROJECT, storage_id="project-2", project="other"))
        elsewhere = upsert_runs(cursor, other, pa.table({"storage_id": ["s0"], "run_id": ["x"]}))
        headers = pa.table({"storage_id": names, "run_id": [f"r{name}" for name in names]})
        numbers = upsert_runs(cursor, upsert_project(cursor, PROJECT), headers)
    assert list(numbers) == names
    assert {name: numbers[name] for name in known} == known
    assert len({*numbers.values(), *elsewhere.values()}) == 5
    found = read_runs(store.cursor(), columns=["run_no", "run_id"]).to_pylist()
    stored = {row["run_no"]: row["run_id"] for row in found}
    assert stored == {numbers[name]: f"r{name}" for name in names} | {elsewhere["s0"]: "x"}


def test_each_part_that_is_inserted_is_told_of(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PART_ROWS", 10)
    (run,) = add_runs(store, 1)
    rows = [{"_step": step, "loss": step / 8} for step in range(35)]
    seen: list[int] = []
    with store.transaction() as cursor:

        def count() -> None:
            ((stored,),) = cursor.execute("select count(*) from stored.history").fetchall()
            seen.append(stored)

        write_history(cursor, [(run, rows_to_long(rows), "append")], on_part=count)
    assert seen == [10, 20, 35]
    assert read_long(store.cursor(), [run])["value"].to_pylist() == [row["loss"] for row in rows]


def test_a_project_keeps_its_number_when_it_is_renamed(store: Store) -> None:
    with store.transaction() as cursor:
        first = upsert_project(cursor, PROJECT)
        other = upsert_project(
            cursor, type(PROJECT)(PROJECT.origin, "project-2", "team", "project")
        )
        again = upsert_project(cursor, type(PROJECT)(PROJECT.origin, "project-1", "team", "new"))
    assert first == again != other
    assert store.cursor().execute(
        "select project from stored.projects order by project_no"
    ).fetchall() == [("new",), ("project",)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (r'{"a":"\ud800"}', r'{"a":"\ufffd"}'),
        (r'{"a":"\uD83D\uDE00\ude00"}', r'{"a":"\uD83D\uDE00\ufffd"}'),
        (r'{"a":"\\ud800"}', r'{"a":"\\ud800"}'),
        (r'{"a":NaN,"b":-Infinity}', r'{"a":NaN,"b":-Infinity}'),
        (r'{"a\u0000":"\u0000"}', r'{"a\u0000":"\u0000"}'),
    ],
)
def test_json_that_is_no_text_loses_only_its_broken_characters(
    store: Store, text: str, kept: str
) -> None:
    add_runs(store, 1, config=[text])
    assert read_runs(store.cursor())["config"].to_pylist() == [kept]


HOSTILE_KEYS = [
    "",
    " ",
    "Loss",
    "loss",
    "LOSS",
    'quo"te',
    "it's",
    "semi;colon",
    "a.b",
    "a/b",
    "nul\0byte",
    "\u00e9",
    "e\u0301",
    "ß",
    "ss",
    "_step_",
    "rowid",
    "select",
    "run_id",
    "step",
    "'); drop table stored.runs; --",
    "${x}",
    "?",
    "日本",
    "👩‍🚀",
    "\u202e",
    "\n",
    "NaN",
    "null",
    "k" * 70_000,
]


def test_hostile_key_names_stay_apart(file_store: Store) -> None:
    (run,) = add_runs(file_store, 1)
    log(file_store, run, [{"_step": 0, **{key: n for n, key in enumerate(HOSTILE_KEYS)}}])
    file_store.publish()
    with Store.open_reader(file_store.path) as reader:
        long = read_long(reader.cursor(), [run]).to_pylist()
        assert {row["key"]: row["value"] for row in long} == {
            key: float(n) for n, key in enumerate(HOSTILE_KEYS)
        }
        for key in HOSTILE_KEYS:
            assert read_long(reader.cursor(), [run], keys=[key])["key"].to_pylist() == [key]
        wide = reader.cursor().execute("from history_team_project").fetchall()
        assert sorted(wide[0][2:]) == [float(n) for n in range(len(HOSTILE_KEYS))]


def files(**columns: list[Any]) -> pa.Table:
    return pa.table(columns)


def test_a_blob_stays_with_a_file_until_its_md5_changes(store: Store) -> None:
    (run,) = add_runs(store, 1)
    with store.transaction() as cursor:
        write_files(
            cursor, files(run_no=[run] * 2, name=["a", "b"], md5=["1", "2"], blob=["x", "y"])
        )
        write_files(cursor, files(run_no=[run] * 2, name=["a", "b"], md5=["1", "3"]))
    found = store.cursor().execute("select name, blob from files order by name").fetchall()
    assert found == [("a", "x"), ("b", None)]
    with store.transaction() as cursor:
        write_files(cursor, files(run_no=[run], name=["a"], md5=["1"]), complete=True)
    assert store.cursor().execute("select name, blob from files").fetchall() == [("a", "x")]


def test_console_lines_are_replaced_by_number(store: Store) -> None:
    (run,) = add_runs(store, 1)
    with store.transaction() as cursor:
        write_console(cursor, run, files(number=[0, 1], line=["a", "b"]))
        write_console(cursor, run, files(number=[1, 2], line=["B", "c"]))
    lines = store.cursor().execute("select line from console order by number").fetchall()
    assert lines == [("a",), ("B",), ("c",)]


def test_deleting_a_run_leaves_no_trace_of_it(store: Store) -> None:
    kept, gone = add_runs(store, 2)
    for run in (kept, gone):
        log(store, run, [{"_step": 0, "x": 1}])
    with store.transaction() as cursor:
        write_files(cursor, files(run_no=[gone], name=["a"]))
        delete_runs(cursor, [gone])
    assert read_long(store.cursor(), [kept, gone])["run_no"].to_pylist() == [kept]
    assert store.cursor().execute("select count(*) from files").fetchall() == [(0,)]


def test_upserting_nothing_is_nothing(store: Store) -> None:
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        empty = pa.table({"storage_id": pa.array([], pa.string())})
        assert upsert_runs(cursor, project_no, empty) == {}
        write_history(cursor, [])
