"""One filter, one meaning: the real SDK, our client, DuckDB, polars and a plain reading agree.

The table of cases is that of `tests/query`. The SDK and our client ask one server for them; SQL and
polars answer from the file that the server serves; the oracle reads the rules straight from JSON.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import wbexport
from tests.parity.listing import list_runs
from tests.query import oracle
from tests.query.cases import FILTERS, ORDERS, START, runs_table, sample_runs
from tests.sdk import run_program
from wbexport.api import Api
from wbexport.errors import QueryError
from wbexport.query import to_polars
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.server.serve import LocalServer
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.store.reader import read_runs
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    Case = tuple[dict[str, Any] | None, str | None]

PROJECT = "e/cases"
ROOT = Path(__file__).parents[2]

#: Orders that go with filters, so that neither is only tried alone.
BOTH: list[Case] = [
    (filters, order)
    for filters in (
        {"config.mixed": {"$exists": True}},
        {"tags": {"$in": ["best", "x y"]}},
        {"$or": [{"state": "running"}, {"config.a.b": {"$exists": True}}]},
        {"config.nowhere": 1},
    )
    for order in ("-config.mixed", "+summary_metrics.train/loss", "-duration", "group")
]
CASES: list[Case] = [
    *((filters, "+created_at") for filters in FILTERS),
    *((None, order) for order in ORDERS),
    *BOTH,
]

#: What nobody may take for something else.
REFUSED: list[Case] = [
    *(
        (filters, "+created_at")
        for filters in (
            {"summary.loss": 1},
            {"nope": 1},
            {"config": 1},
            {"config.lr": {"$al": [1]}},
            {"config.lr": {"$all": [1]}},
            {"config.lr": {"$in": 1}},
            {"config.lr": {"$exists": "yes"}},
            {"config.lr": {"$gt": 1, "plain": 2}},
            {"config.lr": {"$regex": "("}},
            {"config.lr": {"$regex": "(?=a)"}},
            {"config.lr": {"$regex": "a" * 1001}},
            {"createdAt": {"$gt": "yesterday"}},
            {"$where": "1"},
            {"$and": {}},
        )
    ),
    *((None, order) for order in ("-nope", "+", "--config.lr", "-summary.loss")),
]


def listed_runs() -> list[dict[str, Any]]:
    """The sample runs; over W&B's protocol every run has been created at some time."""
    return [run | {"created_at": run["created_at"] or START} for run in sample_runs()]


def name(case: Case) -> str:
    filters, order = case
    return f"{repr(filters)[:60]} by {order}"


each_case = pytest.mark.parametrize("number", range(len(CASES)), ids=map(name, CASES))
each_refused = pytest.mark.parametrize("number", range(len(REFUSED)), ids=map(name, REFUSED))


@dataclass
class Readers:
    """Everyone who can list the runs, over the same file."""

    api: Api
    archive: wbexport.Archive
    frame: pl.DataFrame
    runs: list[dict[str, Any]] = field(default_factory=listed_runs)

    def client(self, filters: Any, order: Any) -> Any:
        return list_runs(self.api, PROJECT, filters, order, 300)

    def pages(self, filters: Any, order: Any) -> Any:
        self.api.flush()
        return list_runs(self.api, PROJECT, filters, order, 13)

    def duckdb(self, filters: Any, order: Any) -> Any:
        return list_runs(self.archive, PROJECT, filters, order, 40)

    def polars(self, filters: Any, order: Any) -> Any:
        found = to_polars.filter_frame(self.frame, parse_filter(filters))
        ids = to_polars.sort_frame(found, parse_order(order))["run_id"].to_list()
        return [len(ids), ids]

    def oracle(self, filters: Any, order: Any) -> Any:
        found = [run for run in self.runs if oracle.matches(run, filters)]
        ids = [run["run_id"] for run in oracle.sort(found, order)]
        return [len(ids), ids]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A read-only server, which leaves silent runs running."""
    path = tmp_path_factory.mktemp("cases") / "wb.duckdb"
    with Store.open_writer(path) as store:
        with store.transaction() as cursor:
            project = upsert_project(cursor, ProjectRow("http://cases", "p-1", "e", "cases"))
            upsert_runs(cursor, project, runs_table(listed_runs()))
        store.publish()
    with LocalServer(path) as running:
        yield running


@pytest.fixture(scope="module")
def readers(server: LocalServer) -> Iterator[Readers]:
    overrides = {"base_url": server.url}
    settings = Settings.load(api_key=server.token, overrides=overrides, environ={})
    with wbexport.open(server.store.path) as archive:
        frame = pl.DataFrame(pl.from_arrow(read_runs(archive._store.cursor())))
        api = Api(settings=settings)
        yield Readers(api, archive, frame)
        api.client.session.close()


@pytest.fixture(scope="module")
def sdk(server: LocalServer, sdk_env: dict[str, str]) -> list[Any]:
    """What the real SDK answers to every case, all of it in one process."""
    done = run_program(
        "from tests.parity.listing import main; main()",
        env=sdk_env | {"PYTHONPATH": os.fspath(ROOT)},
        text=json.dumps([(PROJECT, *case, 300) for case in [*CASES, *REFUSED]]),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])["answers"]
    return answers


@each_case
def test_all_readers_list_the_same_runs_in_the_same_order(
    readers: Readers, sdk: list[Any], number: int
) -> None:
    filters, order = CASES[number]
    expected = readers.oracle(filters, order)
    found = {
        "sdk": sdk[number],
        "client": readers.client(filters, order),
        "duckdb": readers.duckdb(filters, order),
        "polars": readers.polars(filters, order),
    }
    assert found == dict.fromkeys(found, expected)


@pytest.mark.parametrize("case", [*BOTH, *((None, order) for order in ORDERS[::5])], ids=name)
def test_small_pages_neither_lose_nor_repeat_a_run(readers: Readers, case: Case) -> None:
    assert readers.pages(*case) == readers.oracle(*case)


@each_refused
def test_all_readers_refuse_what_is_not_understood(
    readers: Readers, sdk: list[Any], number: int
) -> None:
    assert sdk[len(CASES) + number] == "WandbApiFailedError"
    for reader in (readers.client, readers.duckdb, readers.polars):
        with pytest.raises(QueryError):
            reader(*REFUSED[number])


def test_the_server_has_the_runs_of_the_table(readers: Readers) -> None:
    whole = readers.oracle(None, None)
    assert readers.client(None, None) == whole
    assert whole[0] == len(readers.runs) > 90
    assert len(CASES) > 400
