"""Promise: yours. One file that DuckDB 1.5 and 2 open alike, in Python and on the command line.

The environment has one version of the Python package. The other one is installed into a folder
(pip must reach an index); without it these tests fail, they are not left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import duckdb_cli
import pytest

import wbexport
from tests.promises.conftest import ROOT
from wbexport.arrow.digest import long_digest
from wbexport.data import DEMO_PROJECT, DEMO_STORE
from wbexport.settings import Settings
from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.store.reader import read_long

if TYPE_CHECKING:
    from tests.promises.conftest import Command
    from wbexport.server.serve import LocalServer

OTHER = "==1.5.*" if duckdb.__version__.startswith("2.") else "==2.*"
SHELL = Path(duckdb_cli.__file__).parent / "duckdb"
MACROS = {"curve", "metric", "metric_at"}
VIEWS = sorted({Path(name).stem for name in list_sql("views")} - MACROS)
QUERIES = [f"select count(*) from {view}" for view in VIEWS] + [
    "select count(*), round(sum(value), 6) from metric('val/accuracy')",
    "select count(*) from metric_at('train/loss', 10)",
    "select count(*), round(sum(x), 6) from curve('val/accuracy')",
    "select count(*) from history_demo_digits",
    *(
        f"select count(*) from ({read_sql(name).rstrip().rstrip(';')})"
        for name in list_sql("queries")
    ),
]

PROGRAM = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
answers = [
    [float(number) for number in connection.sql(query).fetchall()[0]]
    for query in json.load(sys.stdin)
]
print(json.dumps({"version": duckdb.__version__, "answers": answers}))
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the DuckDB that this environment does not have."""
    folder = tmp_path_factory.mktemp("duckdb")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-deps", "--target", os.fspath(folder), f"duckdb{OTHER}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"pip could not install duckdb{OTHER}:\n{done.stderr}"
    return os.fspath(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, demo: LocalServer) -> Path:
    """A store written by the DuckDB of this environment."""
    path = tmp_path_factory.mktemp("store") / "wb.duckdb"
    assert wbexport.sync(DEMO_PROJECT, path, api=connect(demo)).status == "ok"
    return path


def connect(server: LocalServer) -> wbexport.Api:
    overrides = {"base_url": server.url}
    return wbexport.Api(
        settings=Settings.load(api_key=server.token, overrides=overrides, environ={})
    )


def answers(store: Path, *folders: str) -> dict[str, Any]:
    """What a Python DuckDB of its own answers, from a folder or from this environment."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, store],
        input=json.dumps(QUERIES),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_both_python_packages_give_the_same_answers(store: Path, other: str) -> None:
    ours, theirs = answers(store), answers(store, other)
    assert ours["version"][0] != theirs["version"][0]
    assert ours["answers"] == theirs["answers"]
    assert [60] in ours["answers"]
    assert sum(map(all, ours["answers"])) > 10


def test_the_command_line_of_duckdb_1_5_gives_the_same_answers(store: Path) -> None:
    assert "v1.5" in shell("--version")
    rows = shell("-readonly", "-csv", "-noheader", store, *arguments_of(QUERIES)).splitlines()
    assert [[float(part) for part in row.split(",")] for row in rows] == answers(store)["answers"]


def arguments_of(queries: list[str]) -> list[str]:
    return [word for query in queries for word in ("-c", query)]


def shell(*arguments: object) -> str:
    done = subprocess.run(
        [os.fspath(SHELL), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_store_is_written_by_both_in_turn(
    demo: LocalServer, other: str, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "wb.duckdb"
    theirs = {"PYTHONPATH": os.pathsep.join([other, ROOT])}
    sync(command, path, "sgd")
    sync(command, path, "adam", **theirs)
    assert answers(path)["answers"] == answers(path, other)["answers"]
    report = sync(command, path, None)
    assert report["actions"] == {"unchanged": 40, "new": 20}
    assert sync(command, path, None, **theirs)["actions"] == {"unchanged": 60}
    with Store.open_reader(path) as written, Store.open_reader(DEMO_STORE) as truth:
        assert check(written, read_data=True) == []
        assert digest(written) == digest(truth)


def sync(command: Command, store: Path, optimizer: str | None, **env: str) -> dict[str, Any]:
    filters = json.dumps({"config.optimizer": optimizer} if optimizer else {})
    options = ("--store", store, "--filters", filters, "--json")
    done = command("sync", DEMO_PROJECT, *options, **env)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def digest(store: Store) -> dict[str, int]:
    cursor = store.cursor()
    runs = cursor.execute("select storage_id, run_no from stored.runs").fetchall()
    return {
        storage_id: long_digest(storage_id, "history", read_long(cursor, [run_no]))
        for storage_id, run_no in runs
    }
