"""The views answer, in Python and in the command-line client of DuckDB 1.5."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.database import Store
from wbexport.store.ledger import begin_sync, finish_sync
from wbexport.store.relations import WIDE_KEYS

from .samples import add_runs, log

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWS = [Path(name).stem for name in list_sql("views")]
CALLS = {"curve": "curve('loss')", "metric": "metric('loss')", "metric_at": "metric_at('loss', 1)"}
#: Views of what the runs of these tests do not have.
EMPTY = {
    "artifact_files",
    "artifacts",
    "console",
    "files",
    "lineage",
    "reports",
    "summary",
    "sweeps",
    "system_metrics",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "wb.duckdb"
    with Store.open_writer(path) as store:
        run, _ = add_runs(store, 2, config=['{"lr":0.1,"opt":"adam","x":NaN,"n":{"m":[1]}}', None])
        rows = [{"_step": n, "loss": 1 / (n + 1), "Loss": n, "note": f"n{n}"} for n in range(3)]
        log(store, run, [*rows, {"_step": 9, "bad": "\ud800", "d": {"e": 1}, "ok": True}])
        with store.transaction() as cursor:
            finish_sync(cursor, begin_sync(cursor, 1), requests=3)
        store.publish()
    return path


@pytest.fixture
def plain(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_answers(plain: duckdb.DuckDBPyConnection, name: str) -> None:
    rows = plain.execute(f"from {CALLS.get(name, name)}").fetchall()
    assert bool(rows) == (name not in EMPTY)


@pytest.mark.parametrize("name", list_sql("views"))
def test_a_view_says_what_it_answers_and_its_grain(name: str) -> None:
    answers, grain, create, *_ = read_sql(name).splitlines()
    assert answers.startswith("-- ")
    assert grain.startswith("-- One row per ")
    assert create.startswith("create or replace ")


def test_config_is_long_and_typed(plain: duckdb.DuckDBPyConnection) -> None:
    rows = plain.execute("select key, kind, text, json from config order by key").fetchall()
    assert rows == [
        ("lr", "float", None, "0.1"),
        ("n", "json", None, '{"m":[1]}'),
        ("opt", "string", "adam", '"adam"'),
        ("x", "float", None, "NaN"),
    ]


def test_history_has_names_and_literals(plain: duckdb.DuckDBPyConnection) -> None:
    query = "select value, text, json from history where key = ? and step in (1, 9)"
    assert plain.execute(query, ["Loss"]).fetchall() == [(1.0, None, "1")]
    assert plain.execute(query, ["note"]).fetchall() == [(None, "n1", '"n1"')]
    assert plain.execute(query, ["bad"]).fetchall() == [(None, None, r'"\ud800"')]


def test_metric_at_takes_the_last_value_up_to_a_step(plain: duckdb.DuckDBPyConnection) -> None:
    query = "select run_id, step, value from metric_at('loss', 100)"
    assert plain.execute(query).fetchall() == [("r0", 2, 1 / 3)]


def test_the_wide_view_tells_keys_apart_that_differ_in_case(
    plain: duckdb.DuckDBPyConnection,
) -> None:
    found = plain.execute("from history_team_project order by step")
    names = [column[0] for column in found.description]
    assert names == ["run_id", "step", "Loss", "bad", "d", "loss_2", "note", "ok"]
    first, *_, last = found.fetchall()
    assert first == ("r0", 0, 0.0, None, None, 1.0, "n0", None)
    assert last[4:] == ('{"e":1}', None, None, True)


def test_the_wide_view_has_the_most_logged_keys_and_follows_them(file_store: Store) -> None:
    (run,) = add_runs(file_store, 1)
    log(file_store, run, [{"_step": 0, **{f"k{n}": n for n in range(WIDE_KEYS + 9)}}])
    log(file_store, run, [{"_step": 1, f"k{WIDE_KEYS + 8}": 1}])
    file_store.publish()
    found = file_store.cursor().execute("from history_team_project")
    names = [column[0] for column in found.description]
    assert len(names) == WIDE_KEYS + 2
    assert f"k{WIDE_KEYS + 8}" in names
    found.fetchall()
    log(file_store, run, [{"_step": 0, "only": 1}], "replace")
    file_store.publish()
    found = file_store.cursor().execute("from history_team_project")
    assert [column[0] for column in found.description] == ["run_id", "step", "only"]


def test_the_command_line_client_reads_every_view(path: Path) -> None:
    beside = Path(sys.executable).with_name("duckdb")
    client = str(beside) if beside.exists() else shutil.which("duckdb")
    assert client, "duckdb-cli is one of the development dependencies"
    for name in [*VIEWS, "history_team_project"]:
        query = f"select count(*) as n from {CALLS.get(name, name)}"
        done = subprocess.run(
            [client, "-readonly", "-json", str(path), query],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)[0]["n"] >= 0
