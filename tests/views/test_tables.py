"""Logged tables of many runs become one, and metrics find the axis that was chosen for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tests.views.conftest import fill
from wbexport.archive import Archive
from wbexport.errors import InputError, IntegrityError, NotFoundError, QueryError
from wbexport.store.writer import write_files

if TYPE_CHECKING:
    from wbexport.store.database import Store

KEY = "eval/predictions"
IMAGE = {"_type": "image"}
TABLES = {
    "a": [
        (0, {"columns": ["x", "label"], "data": [[1, "cat"], [float("nan"), "NaN"]]}),
        (7, {"columns": ["x", "label"], "data": [[2, None]]}),
    ],
    "b": [
        (3, {"columns": ["label", "run_id", "x", "x"], "data": [[{"_type": "image"}, 5, "t", 6]]})
    ],
    "c": [(1, {"columns": ["x"], "data": []})],
}


def log_tables(store: Store, tables: dict[str, list[tuple[int, dict[str, Any]]]]) -> None:
    rows = {
        run: [
            {"_step": step, KEY: {"_type": "table-file", "path": f"{run}{step}"}, "loss": 1}
            for step, _ in logged
        ]
        for run, logged in tables.items()
    }
    numbers = fill(store, rows)
    files = [
        {
            "run_no": numbers[run],
            "name": f"{run}{step}",
            "uploaded": True,
            "blob": store.blobs.add(json.dumps(content).encode()).sha256,
        }
        for run, logged in tables.items()
        for step, content in logged
    ]
    with store.transaction() as cursor:
        write_files(cursor, pa.Table.from_pylist(files))


@pytest.fixture
def archive(store: Store) -> Archive:
    log_tables(store, TABLES)
    return Archive(store)


def test_tables_of_all_runs_stand_below_each_other(archive: Archive) -> None:
    table = archive.tables(KEY, "team/vision", format="arrow")
    assert table.column_names == ["run_id", "_step", "x", "label", "run_id#2", "x#2"]
    assert table["run_id"].to_pylist() == ["a", "a", "a", "b"]
    assert table["_step"].to_pylist() == [0, 0, 7, 3]
    # Strings in one table and numbers in another: JSON holds both, NaN and "NaN" apart.
    assert table["x"].to_pylist() == ["1", "NaN", "2", '"t"']
    assert table["label"].to_pylist() == ['"cat"', '"NaN"', "null", '{"_type":"image"}']
    assert table["run_id#2"].to_pylist() == [None, None, None, 5]


def test_columns_of_one_type_keep_it(archive: Archive) -> None:
    frame = archive.tables(KEY, filters={"name": "a"})
    assert frame["x"].to_list()[::2] == [1.0, 2.0]
    assert frame["x"][1] != frame["x"][1]
    assert frame["label"].to_list() == ["cat", "NaN", None]


def test_runs_come_in_the_order_asked_for(archive: Archive) -> None:
    rows = archive.tables(KEY, order="-created_at", format="default")
    assert [row["run_id"] for row in rows] == ["b", "a", "a", "a"]


def test_a_key_without_tables_is_an_error_that_names_the_nearest(archive: Archive) -> None:
    with pytest.raises(QueryError, match=f"did you mean '{KEY}'"):
        archive.tables("eval/prediction")
    with pytest.raises(QueryError, match="no tables"):
        archive.tables("loss")
    with pytest.raises(InputError, match="format"):
        archive.tables(KEY, format="excel")  # type: ignore[arg-type]


def test_a_table_whose_bytes_are_missing_is_an_error(store: Store) -> None:
    log_tables(store, TABLES)
    with store.transaction() as cursor:
        cursor.execute("delete from stored.files where name = 'a7'")
    with pytest.raises(NotFoundError, match="'a7' of run a"):
        Archive(store).tables(KEY)


@pytest.mark.parametrize("content", [{}, {"columns": ["x"], "data": [[1, 2]]}, {"columns": 1}])
def test_what_is_no_table_is_an_error(store: Store, content: dict[str, Any]) -> None:
    log_tables(store, {"a": [(0, content)]})
    with pytest.raises(IntegrityError, match="run a"):
        Archive(store).tables(KEY)


def test_a_metric_is_drawn_over_the_axis_chosen_for_it(store: Store) -> None:
    rows = [{"_step": step, "val/loss": step / 2, "loss": step} for step in range(4)]
    rows += [{"_step": 9, "val/loss": 7, "val/best": 8, "epoch": 2.5}]
    fill(store, {"a": rows, "b": rows[:1]})
    axes = {"m": [{"1": "epoch"}, {"2": "val/*", "5": 1}, {"1": "val/best"}, {"1": "loss", "5": 9}]}
    with store.transaction() as cursor:
        cursor.execute(
            "update stored.runs set wandb_config = ? where run_id = 'a'", [json.dumps(axes)]
        )
    archive = Archive(store)
    found = archive.sql("select key, x_axis from axes where run_id = 'a' order by key").fetchall()
    assert found == [
        ("epoch", "_step"),
        ("loss", "_step"),
        ("val/best", "_step"),
        ("val/loss", "epoch"),
    ]
    curve = archive.sql("select run_id, x, value, step from curve('val/loss') order by all")
    assert curve.fetchall() == [("a", 2.5, 7.0, 9), ("b", 0.0, 0.0, 0)]
    assert len(archive.sql("from curve('loss')").fetchall()) == 5
