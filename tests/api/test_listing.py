"""The full listing: stable while the project changes, and not stopped by one bad run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import connect_to
from tests.api.stub import Stub, StubError, connection, run_node
from wbexport.api import listing
from wbexport.api.listing import Headers, fetch_run_headers
from wbexport.arrow.schema import RUNS
from wbexport.errors import GraphQLError, NotFoundError, QueryError, ResponseError
from wbexport.paths import ProjectPath

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = ProjectPath("team", "vision")


class Project:
    """A project's runs, with something that happens before each request."""

    def __init__(self, count: int, before: Callable[[Project, int], None] | None = None) -> None:
        self.runs = {number: run_node(number) for number in range(count)}
        self.poisoned: set[int] = set()
        self.requests = 0
        self._before = before

    def stub(self) -> Stub:
        return Stub({"RunHeaders": self._full, "RunIds": self._light})

    def _light(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.requests += 1
        if self._before:
            self._before(self, self.requests)
        runs = connection([self.runs[number] for number in sorted(self.runs)], variables)
        return {"project": {"id": "p", "internalId": "7", "runCount": len(self.runs), "runs": runs}}

    def _full(self, variables: dict[str, Any]) -> dict[str, Any]:
        answer = self._light(variables)
        names = {edge["node"]["name"] for edge in answer["project"]["runs"]["edges"]}
        if names & {f"run-{number}" for number in self.poisoned}:
            raise StubError("internal error")
        return answer


def fetch(project: Project, **options: Any) -> Headers:
    return fetch_run_headers(connect_to(project.stub()).client, PROJECT, **options)


def test_a_project_that_fits_a_page_costs_one_request() -> None:
    project = Project(200)
    found = fetch(project)
    assert (found.runs.num_rows, found.run_count, found.stable) == (200, 200, True)
    assert project.requests == 1


@pytest.mark.parametrize(("runs", "requests"), [(1190, 2), (1210, 3)])
def test_light_runs_come_a_thousand_at_a_time(runs: int, requests: int) -> None:
    project = Project(runs)
    assert fetch(project).runs.num_rows == runs
    assert project.requests == requests


def test_pages_of_large_runs_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = fetch(Project(50)).runs.nbytes // 50
    monkeypatch.setattr(listing, "_PAGE_BYTES", 20 * weight)
    project = Project(400)
    assert fetch(project).runs.num_rows == 400
    assert project.requests in range(10, 13)


def test_pages_that_join_are_not_read_twice() -> None:
    project = Project(95)
    assert fetch(project, page_size=10).runs["run_id"].to_pylist() == [
        f"run-{number}" for number in range(95)
    ]
    assert project.requests == 10


@settings(deadline=None)
@given(
    st.integers(0, 40),
    st.integers(1, 12),
    st.dictionaries(st.integers(1, 12), st.sets(st.integers(0, 39), max_size=3), max_size=4),
    st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=4),
)
def test_no_run_that_lived_throughout_is_missed(
    count: int, page_size: int, deletions: dict[int, set[int]], births: dict[int, int]
) -> None:
    def change(project: Project, request: int) -> None:
        for number in deletions.get(request, ()):
            project.runs.pop(number, None)
        for _ in range(births.get(request, 0)):
            number = 100 + len(project.runs) + request * 10
            project.runs[number] = run_node(number)

    project = Project(count, change)
    found = fetch(project, page_size=page_size)
    lived = {f"id-{number}" for number in project.runs if number < 100}
    ids = found.runs["storage_id"].to_pylist()
    assert lived <= set(ids)
    assert len(ids) == len(set(ids))


@settings(deadline=None)
@given(st.sets(st.integers(0, 29), max_size=4), st.sampled_from([1, 4, 30, 1000]))
def test_runs_that_cannot_be_read_are_named_and_the_others_listed(
    poisoned: set[int], page_size: int
) -> None:
    project = Project(30)
    project.poisoned = poisoned
    found = fetch(project, page_size=page_size)
    assert {lost.run_id for lost in found.unreadable} == {f"run-{n}" for n in poisoned}
    assert [lost.offset for lost in found.unreadable] == sorted(poisoned)
    assert found.runs.num_rows == 30 - len(poisoned)
    assert found.stable


def test_a_run_of_the_wrong_shape_is_unreadable() -> None:
    project = Project(3)
    project.runs[1]["tags"] = 5
    found = fetch(project)
    assert [(lost.run_id, lost.storage_id) for lost in found.unreadable] == [("run-1", "id-1")]
    assert "tags" in found.unreadable[0].reason


def test_a_server_that_fails_for_every_run_ends_with_its_error() -> None:
    project = Project(100)
    project.poisoned = set(range(100))
    with pytest.raises(GraphQLError, match="internal error"):
        fetch(project)
    assert project.requests < 100


def test_a_count_that_disagrees_is_not_a_stable_listing() -> None:
    stub = Project(5).stub()
    honest = stub.operations["RunHeaders"]

    def lie(variables: dict[str, Any]) -> dict[str, Any]:
        answer = honest(variables)
        answer["project"]["runCount"] = 9
        return answer

    stub.operations["RunHeaders"] = lie
    found = fetch_run_headers(connect_to(stub).client, PROJECT)
    assert (found.runs.num_rows, found.stable) == (5, False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"project": None}, NotFoundError), ({"project": {"id": "p", "runs": None}}, ResponseError)],
)
def test_null_is_never_an_empty_project(answer: Any, error: type[Exception]) -> None:
    stub = Stub({"RunHeaders": lambda _: answer, "RunIds": lambda _: answer})
    with pytest.raises(error):
        fetch_run_headers(connect_to(stub).client, PROJECT)


def test_a_listing_that_does_not_move_on_is_an_error() -> None:
    page = {"edges": [{"node": run_node(0)}], "pageInfo": {"hasNextPage": True}}
    project = {"id": "p", "runCount": 9, "runs": page}
    stub = Stub({"RunHeaders": lambda _: {"project": project}})
    with pytest.raises(ResponseError, match="move on"):
        fetch_run_headers(connect_to(stub).client, PROJECT)


def test_a_wrong_filter_is_refused_before_any_request() -> None:
    stub = Stub()
    with pytest.raises(QueryError, match="summary_metrics"):
        fetch_run_headers(connect_to(stub).client, PROJECT, filters={"summary.loss": 1})
    assert stub.asked == []


def test_a_run_becomes_a_row() -> None:
    project = Project(1)
    project.runs[0] |= {
        "config": '{"lr": {"value": 0.1}, "_wandb": {"value": {"cli_version": "0.31.0"}}}',
        "summaryMetrics": '{"loss": NaN, "acc": "Infinity", "_wandb": {"runtime": 12}}',
        "historyKeys": {"keys": {}, "lastStep": 4},
        "heartbeatAt": "2026-01-01T02:00:00.250000+02:00",
        "exitcode": 0,
    }
    runs = fetch(project).runs
    assert runs.schema == RUNS
    (row,) = runs.to_pylist()
    assert (row["config"], row["wandb_config"]) == ('{"lr":0.1}', '{"cli_version":"0.31.0"}')
    assert row["summary"] == '{"_wandb":{"runtime":12},"acc":Infinity,"loss":NaN}'
    assert (row["duration"], row["exit_code"], row["last_step"]) == (12.0, 0, 4)
    assert row["heartbeat_at"].isoformat() == "2026-01-01T00:00:00.250000"
    assert (row["username"], row["user_name"]) == ("ada", "Ada")
