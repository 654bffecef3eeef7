"""Folders that the real SDK wrote offline, and what became of the same program elsewhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.ingest.sdk_scripts import LOG, SYNC, TWICE
from tests.sdk import run_program
from wbexport.server.serve import LocalServer
from wbexport.store.database import Store
from wbexport.store.exchange import fetch_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Program = Callable[..., Path]


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Run a program with the SDK offline; return the `wandb` folder that it leaves."""

    def run(program: str, *arguments: str, may_fail: bool = False) -> Path:
        home = tmp_path_factory.mktemp("offline")
        done = run_program(program, *arguments, env=_environment(home) | {"WANDB_MODE": "offline"})
        assert may_fail or not done.returncode, done.stderr
        return home / "wandb"

    return run


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "WANDB_DIR": str(home),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_DATA_DIR": str(home / "data"),
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "wrap",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_DISABLE_CODE": "true",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture(scope="session")
def logged(offline: Program) -> Path:
    """The folder of two finished runs."""
    return offline(LOG)


@pytest.fixture(scope="session")
def logged_twice(offline: Program) -> Path:
    """The folder of one run that was resumed."""
    return offline(TWICE)


@pytest.fixture(scope="session")
def served(
    logged: Path, logged_twice: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Stores of two servers: the program logged `online` to one, its folder was `synced`."""
    stores = {}
    for way in ("online", "synced"):
        home = tmp_path_factory.mktemp(way)
        stores[way] = home / "wb.duckdb"
        with LocalServer(stores[way], writable=True) as server:
            env = _environment(home) | {
                "WANDB_BASE_URL": server.url,
                "WANDB_API_KEY": server.token,
            }
            folders = [*logged.glob("offline-run-*"), *logged_twice.glob("offline-run-*")]
            done = (
                run_program(LOG, env=env)
                if way == "online"
                else run_program(SYNC, *sorted(map(str, folders)), env=env)
            )
            assert done.returncode == 0, done.stderr
    return stores


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    with Store.open_writer(tmp_path / "wb.duckdb") as store:
        yield store


def content(store: Store, run_id: str) -> dict[str, Any]:
    """Everything that a store has of a run, but for what differs from process to process."""
    cursor = store.cursor()
    (run,) = fetch_arrow(
        cursor, "from stored.runs where run_id = $run_id", {"run_id": run_id}
    ).to_pylist()
    number = [run["run_no"]]

    def rows(query: str) -> list[Any]:
        return cursor.execute(query, number).fetchall()

    own = json.loads(run["wandb_config"])
    named = [each["1"] for each in own["m"] if "1" in each]
    return {
        **{name: run[name] for name in _COMPARED},
        "config": json.loads(run["config"]),
        "summary": {
            key: json.dumps(value, sort_keys=True)
            for key, value in json.loads(run["summary"]).items()
            if key not in ("_runtime", "_timestamp", "_wandb", "table")
        },
        "metrics": sorted(
            json.dumps(
                each
                | {"6": sorted(each["6"])}
                | ({"5": named[each["5"] - 1]} if "5" in each else {}),
                sort_keys=True,
            )
            for each in own["m"]
        ),
        "versions": [own["cli_version"], own["python_version"], own["t"]["4"], own["t"]["5"]],
        "environment": [
            {key for key in each if not key.startswith("codePath")} for each in own["e"].values()
        ],
        "history": rows(
            "select key, step, value::varchar, text "
            "from stored.history join stored.keys using (key_no) "
            "where run_no = ? and key not in ('_runtime', '_timestamp', 'table') order by all"
        ),
        "artifacts": rows(
            "select c.name, c.type, c.kind, a.version_index, a.state, a.digest, a.description, "
            "a.metadata::varchar, a.tags, a.size, a.file_count, list_sort(m.aliases), "
            "f.path, f.digest, f.size, f.ref, f.blob, l.direction "
            "from stored.run_artifacts l join stored.artifacts a using (artifact_no) "
            "join stored.artifact_collections c on c.collection_no = a.collection_no "
            "join stored.artifact_members m on m.artifact_no = a.artifact_no "
            "join stored.artifact_files f on f.artifact_no = a.artifact_no "
            "where l.run_no = ? order by all"
        ),
        "stamps": rows(
            "select key, count(*) from stored.history join stored.keys using (key_no) "
            "where run_no = ? and key in ('_runtime', '_timestamp') group by all order by all"
        ),
        "machine": {
            key for (key,) in rows("select key from keys where run_no = ? and stream = 'system'")
        },
        "console": rows("select number, level, line from console where run_no = ? order by all"),
        "files": rows(
            "select name, mimetype, md5 from files where run_no = ? and name not in "
            "('wandb-metadata.json', 'config.yaml', 'wandb-summary.json') order by all"
        ),
        "names": {name for (name,) in rows("select name from files where run_no = ?")},
        "history_keys": {
            key: value["typeCounts"]
            for key, value in json.loads(run["history_keys"] or "{}").get("keys", {}).items()
        },
    }


_COMPARED = (
    "run_id",
    "storage_id",
    "display_name",
    "state",
    "group_name",
    "job_type",
    "sweep_id",
    "tags",
    "notes",
    "host",
    "username",
    "exit_code",
    "history_line_count",
    "log_line_count",
    "last_step",
    "stored_rows",
    "stored_last_step",
    "status",
    "streams",
)
