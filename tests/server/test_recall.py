"""A reader's server remembers headers, and answers as one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw
from tests.store.samples import add_runs, log
from wbexport.arrow.literals import parse_json
from wbexport.server import lookup
from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.store import known, ledger, reader
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

_RUNS = 40
_LIST = """
query Page($order: String) {
  project(entityName: "team", name: "project") {
    runs(first: 1000, order: $order) { edges { node { name } } }
  }
}
"""
_ASK = """
query Ask($name: String!) {
  project(entityName: "team", name: "project") {
    id
    run(name: $name) { id displayName state config }
  }
}
"""
_HISTORY = """
query History($name: String!) {
  project(entityName: "team", name: "project") { run(name: $name) { history } }
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "wb.duckdb"
    titles = {"display_name": [f"title {n}" for n in range(_RUNS)]}
    with Store.open_writer(path) as store:
        add_runs(store, _RUNS, status=["live"] * _RUNS, **titles)
        store.publish()
    return path


def history(raw: Raw, name: str) -> list[str]:
    lines: list[str] = raw.data(_HISTORY, name=name)["project"]["run"]["history"]
    return lines


def ask(raw: Raw, name: str) -> Any:
    return raw.data(_ASK, name=name)["project"]


@pytest.mark.parametrize("order", ["+created_at", "-created_at"])
def test_runs_that_are_asked_for_one_by_one_are_those_of_the_store(path: Path, order: str) -> None:
    token = new_token()
    with Store.open_reader(path) as store:
        raw = Raw(create_app(store, token=token), token)
        for listed in (False, True, True):
            if listed:
                edges = raw.data(_LIST, order=order)["project"]["runs"]["edges"]
                names = [edge["node"]["name"] for edge in edges]
            else:
                names = [f"r{n}" for n in range(3)]
            found = [ask(raw, name)["run"] for name in names]
            numbers = [int(name[1:]) for name in names]
            assert [run["id"] for run in found] == [f"s{n}" for n in numbers]
            assert [run["displayName"] for run in found] == [f"title {n}" for n in numbers]
        assert ask(raw, "none")["run"] is None


def test_the_runs_of_a_page_are_read_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    for module, name in [(reader, "read_runs"), (lookup, "find_run_in"), (lookup, "find_project")]:
        plain = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, _do=plain, **k: reads.append(1) or _do(*a, **k)
        )
    token = new_token()
    with Store.open_reader(path) as store:
        raw = Raw(create_app(store, token=token), token)
        raw.data(_LIST)
        for number in range(_RUNS):
            ask(raw, f"r{number}")
    assert len(reads) <= 5


def test_histories_of_a_file_are_read_with_what_was_found_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    plain = ledger.require_stream
    monkeypatch.setattr(known, "require_stream", lambda *a: asked.append(1) or plain(*a))
    with Store.open_writer(path) as writer:
        runs = add_runs(writer, 2, streams=[["history"]] * 2)
        for run in runs:
            log(writer, run, [{"_step": 0, "loss": run}])
        writer.publish()
    token = new_token()
    with Store.open_reader(path) as store:
        raw = Raw(create_app(store, token=token), token)
        for _ in range(3):
            rows = [parse_json(history(raw, f"r{n}")[0]) for n in range(2)]
            assert rows == [{"_step": 0, "loss": run} for run in runs]
        assert len(asked) == 2
        with Store.open_writer(path) as writer:
            log(writer, runs[0], [{"_step": 1, "acc": 2}])
            writer.publish()
        assert parse_json(history(raw, "r0")[1]) == {"_step": 1, "acc": 2}
        assert len(asked) == 3


def test_a_history_that_was_never_synced_is_refused_each_time(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 1, streams=[[]])
        writer.publish()
    token = new_token()
    with Store.open_reader(path) as store:
        raw = Raw(create_app(store, token=token), token)
        for _ in range(2):
            answer = raw.graphql(_HISTORY, name="r0")
            assert "no history of run r0" in answer["errors"][0]["message"]


def test_what_is_published_is_seen_by_the_next_request(path: Path) -> None:
    token = new_token()
    with Store.open_reader(path) as store:
        raw = Raw(create_app(store, token=token), token)
        raw.data(_LIST)
        assert ask(raw, "r1")["run"]["displayName"] == "title 1"
        assert ask(raw, "r40")["run"] is None
        with Store.open_writer(path) as writer:
            titles = {"display_name": [f"new {n}" for n in range(_RUNS + 1)]}
            add_runs(writer, _RUNS + 1, status=["live"] * (_RUNS + 1), **titles)
            writer.publish()
        assert ask(raw, "r1")["run"]["displayName"] == "new 1"
        assert ask(raw, "r40")["run"]["displayName"] == "new 40"


def test_a_server_that_writes_shows_each_change_at_once(path: Path) -> None:
    token = new_token()
    with Store.open_writer(path) as store:
        raw = Raw(create_app(store, token=token, writable=True), token)
        raw.data(_LIST)
        assert ask(raw, "r1")["run"]["displayName"] == "title 1"
        add_runs(store, 2, status=["live"] * 2, display_name=["new 0", "new 1"])
        assert ask(raw, "r1")["run"]["displayName"] == "new 1"
