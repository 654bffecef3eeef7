"""What the real SDK logged comes back alike: from the SDK, our client, and a synced archive.

Runs are logged by several processes into one server. Over that store, servers with different
parquet exports are asked by the SDK, by `wbexport.api.Api`, and by `wbexport.sync`; the archive so
made is asked directly, and through `archive.api()`. Equal means equal values of equal types.

`as_logged` and `by_column` are all the differences there are, with their reasons.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.parity.logged import PROGRAMS, RUNS
from tests.parity.reading import ONLINE, SCANS, read_project
from wbexport.api import Api
from wbexport.api.history import fetch_source
from wbexport.paths import parse_run_path
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import LocalServer
from wbexport.settings import Settings
from wbexport.store.ledger import mark_crashed
from wbexport.sync.engine import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]
    Row = dict[str, Any]

ROOT = os.fspath(Path(__file__).parents[2])
PROJECT = "local/parity"
STREAMS = ("history", "system", "files", "console")

POLICIES = {
    "live": ExportPolicy(enabled=False),
    "exported": ExportPolicy(rows_per_file=15),
    "with a live tail": ExportPolicy(live_rows=9, overlap_rows=3, rows_per_file=15),
}


@pytest.fixture(scope="module")
def logged(server: LocalServer, sdk_env: dict[str, str]) -> LocalServer:
    """A server that all programs have logged to, at once."""
    processes = {name: start(name, sdk_env) for name in PROGRAMS}
    for name, process in processes.items():
        said = process.communicate(timeout=150)[0].decode()
        assert process.returncode == 0, f"{name}: {said}"
    with server.store.transaction() as cursor:
        mark_crashed(cursor, datetime.max)  # As if whoever is silent had been so for long.
    return server


def start(name: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from tests.parity.logged import main; main()", name],
        env=env | {"PYTHONPATH": ROOT},
        cwd=env["HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture(scope="module", params=POLICIES)
def place(request: pytest.FixtureRequest, logged: LocalServer) -> Iterator[LocalServer]:
    with LocalServer(logged.store, exports=POLICIES[request.param]) as server:
        yield server


@pytest.fixture(scope="module")
def client(place: LocalServer) -> Iterator[Api]:
    overrides = {"base_url": place.url}
    api = Api(settings=Settings.load(api_key=place.token, overrides=overrides, environ={}))
    yield api
    api.client.session.close()


@pytest.fixture(scope="module")
def archive(client: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wbexport.Archive]:
    path = tmp_path_factory.mktemp("archive") / "wb.duckdb"
    assert sync(PROJECT, path, include=STREAMS, api=client).status == "ok"
    with wbexport.open(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(client: Api) -> set[str]:
    """Runs of which the server offers parquet files."""
    sources = {run: fetch_source(client.client, parse_run_path(f"{PROJECT}/{run}")) for run in RUNS}
    return {run for run, source in sources.items() if source.urls}


@pytest.fixture(scope="module")
def sdk(place: LocalServer, log_run: LogRun, exported: set[str]) -> Answer:
    """What the SDK reads, brought to normal form."""
    answer = log_run(
        "from tests.parity.reading import main; main()",
        PROJECT,
        PYTHONPATH=ROOT,
        WANDB_BASE_URL=place.url,
        WANDB_API_KEY=place.token,
        WANDB_CACHE_DIR=f"cache-{place.token}",
    )
    for run_id in exported:
        parts = answer["runs"][run_id]
        parts |= {name: as_logged(parts[name], SCANS[name].get("keys", [])) for name in SCANS}
    return answer


def as_logged(rows: list[Row], keys: list[str]) -> list[Row]:
    """What the SDK scanned over parquet files, without its three known faults there.

    It gives keys that a row did not log as None; it gives a step twice that is both exported and
    live; and with keys it gives rows that lack some of them, which W&B's reference excludes.
    """
    by_step = {row["_step"]: row for row in rows}
    found = [{key: row[key] for key in row if row[key] is not None} for row in by_step.values()]
    return [row for row in found if all(key in row for key in keys)]


@pytest.fixture(scope="module")
def answers(sdk: Answer, client: Api, archive: wbexport.Archive) -> dict[str, Answer]:
    return {
        "sdk": sdk,
        "client": read_project(client, PROJECT),
        # The address of a run's page is that of the server, and here there is none.
        "archive.api()": read_project(archive.api(), PROJECT, ["url"]),
        "archive": read_project(archive, PROJECT, ONLINE),
    }


def by_column(frame: list[Any]) -> Answer:
    """A pandas frame as type and cells of each column, in no order: W&B fixes none for keys."""
    names, types, index, rows = frame
    columns: Answer = {"names": sorted(names), "index": index}
    for name, kind in zip(names, types, strict=True):
        columns[f"column {name}"] = [kind, [row[name] for row in rows]]
    return columns


def written(answer: Any) -> str:
    """An answer as text, in which NaN is equal to itself and 1 is not 1.0."""
    return json.dumps(answer, sort_keys=True)


def compare(ours: Answer, theirs: Answer) -> None:
    """Show every part that differs, and only those."""
    different = {}
    for part, mine in ours.items():
        expected = theirs[part]
        if part.startswith(("history frame", "pandas")):
            mine, expected = by_column(mine), by_column(expected)
        if written(mine) != written(expected):
            different[part] = (written(mine), written(expected))
    assert different == {}


each_reader = pytest.mark.parametrize("reader", ["client", "archive.api()", "archive"])


@each_reader
@pytest.mark.parametrize("run_id", RUNS)
def test_every_part_of_a_run_is_the_same(
    answers: dict[str, Answer], reader: str, run_id: str
) -> None:
    compare(answers[reader]["runs"][run_id], answers["sdk"]["runs"][run_id])


@each_reader
def test_what_a_listing_says_is_the_same(answers: dict[str, Answer], reader: str) -> None:
    compare(answers[reader]["listing"], answers["sdk"]["listing"])


def test_what_is_said_of_a_project_is_the_same(client: Api, archive: wbexport.Archive) -> None:
    theirs, ours = (api.project("parity", "local") for api in (client, archive.api()))
    assert ours.created_at == theirs.created_at
    assert [project.name for project in archive.api().projects("local")] == ["parity"]


def test_what_is_compared_is_not_empty(answers: dict[str, Answer], exported: set[str]) -> None:
    runs = answers["archive.api()"]["runs"]
    assert {run_id: parts["state"] for run_id, parts in runs.items()} == dict.fromkeys(
        RUNS, "finished"
    ) | {"odd": "failed", "crashed": "crashed"}
    assert [len(runs[run_id]["scan"]) for run_id in ("odd", "even-1", "sparse")] == [11, 40, 24]
    assert [row["loss"] for row in runs["resumed"]["scan"]] == [step + 0.5 for step in range(8)]
    assert [len(part) for part in (runs["rich"]["history of 5"], runs["crashed"]["scan"])] == [5, 5]
    assert min(len(runs["rich"]["system"]), len(runs["rich"]["metadata"])) > 1
    assert {"kept/notes é.txt", "kept/deep/bytes.bin", "output.log"} <= runs["rich"]["files"].keys()
    assert exported == set() or {"even-1", "even-2", "sparse"} <= exported < set(RUNS)


def test_console_lines_and_files_are_in_the_archive(
    answers: dict[str, Answer], archive: wbexport.Archive
) -> None:
    theirs = answers["sdk"]["runs"]["rich"]
    lines = archive.sql("select line from console where run_id = 'rich' order by number")
    assert [line for (line,) in lines.fetchall()] == theirs["console"]
    assert theirs["console"][:2] == ["hello from the run", "a second line é"]
    files = archive.sql("select name, size, md5 from files where run_id = 'rich'").fetchall()
    listed = {name: [size, md5] for name, (size, md5, *_) in theirs["files"].items()}
    assert {name: [size, md5] for name, size, md5 in files} == listed
