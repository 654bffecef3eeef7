"""Run and Runs: lazy fields, loaded pages, frames; against a stub that counts requests."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

from tests.api.stub import HistoryStub, Stub, StubError, connection, run_answer, run_node
from wbexport.errors import InputError, IntegrityError, NotFoundError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.api.client import Api
    from wbexport.api.runs import Runs

    Connect = Callable[[Stub], Api]


def full_node(number: int) -> dict[str, Any]:
    return run_node(
        number,
        config=json.dumps({"lr": {"value": number / 10}, "_wandb": {"value": {"t": {}}}}),
        summaryMetrics=json.dumps({"loss": number, "nest": {"a": 1}}),
        systemMetrics=None,
        historyKeys={
            "keys": {
                "loss": {"typeCounts": [{"type": "number", "count": 1}]},
                "note": {"typeCounts": [{"type": "string", "count": 1}]},
            },
            "lastStep": 1,
        },
    )


class ProjectStub(Stub):
    """A project of a few runs, each with a history of its own."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.numbers = list(range(count))
        self.histories: dict[str, HistoryStub] = {}
        self.operations = {
            "Runs": lambda v: self._list(run_node, v),
            "RunsFull": lambda v: self._list(full_node, v),
            "RunsKeys": lambda v: self._list(full_node, v),
            "Run": lambda v: self._one(v["name"]),
            "RunSampledHistory": self._sample,
            "RunHistorySource": lambda v: self._history(v, "RunHistorySource"),
            "RunHistoryPage": lambda v: self._history(v, "RunHistoryPage"),
        }

    def _list(self, make: Callable[[int], Any], v: dict[str, Any]) -> dict[str, Any]:
        wanted = json.loads(v["filters"]).get("name", {}).get("$in")
        nodes = [make(n) for n in self.numbers if wanted is None or f"run-{n}" in wanted]
        return {"project": {"id": "p", "runCount": len(self.numbers), "runs": connection(nodes, v)}}

    def _one(self, name: str) -> dict[str, Any]:
        number = int(name.removeprefix("run-"))
        return {"project": {"run": full_node(number) if number in self.numbers else None}}

    def _sample(self, v: dict[str, Any]) -> dict[str, Any]:
        number = int(v["name"].removeprefix("run-"))
        rows = [{"_step": i, "loss": float(number)} for i in range(number)]
        return run_answer(sampledHistory=[rows])

    def _history(self, v: dict[str, Any], operation: str) -> dict[str, Any]:
        history = self.histories.get(v["name"], HistoryStub([], [], line_count=0, last_step=-1))
        answer: dict[str, Any] = history.stub().operations[operation](v)
        return answer


@pytest.fixture
def stub() -> ProjectStub:
    return ProjectStub(7)


@pytest.fixture
def runs(stub: ProjectStub, connect: Connect) -> Runs:
    return connect(stub).runs("team/vision", per_page=3)


def test_looking_at_one_config_loads_its_whole_page(stub: ProjectStub, runs: Runs) -> None:
    assert [run.config["lr"] for run in runs] == [n / 10 for n in range(7)]
    assert [run.summary["loss"] for run in runs] == list(range(7))
    assert (stub.count("Runs"), stub.count("RunsFull"), stub.count("Run")) == (1, 3, 0)


def test_a_run_deleted_since_it_was_listed_is_missing_and_the_others_are_not(
    stub: ProjectStub, runs: Runs
) -> None:
    first, second, _ = runs[:3]
    stub.numbers.remove(1)
    assert first.config == {"lr": 0.0}
    with pytest.raises(NotFoundError, match="run-1"):
        _ = second.config


def test_when_a_page_fails_its_runs_are_fetched_alone(stub: ProjectStub, runs: Runs) -> None:
    def fail(_: Any) -> Any:
        raise StubError("too large")

    stub.operations["RunsFull"] = fail
    assert runs[2].config == {"lr": 0.2}
    assert stub.count("Run") == 1


def test_upgrading_loads_what_is_listed_and_lists_the_rest_in_full(
    stub: ProjectStub, runs: Runs
) -> None:
    _ = runs[0]
    runs.upgrade_to_full()
    assert [run.config["lr"] for run in runs] == [n / 10 for n in range(7)]
    assert (stub.count("Runs"), stub.count("RunsFull"), stub.count("Run")) == (1, 3, 0)


def test_a_local_change_survives_the_loading_of_the_page(runs: Runs) -> None:
    runs[0].name = "mine"
    runs[0].tags.append("b")
    _ = runs[0].config
    assert (runs[0].name, runs[0].tags) == ("mine", ["a", "b"])


def test_listings_slice_like_lists_and_load_only_what_they_need(
    stub: ProjectStub, runs: Runs
) -> None:
    assert (runs.cursor, runs.more) == (None, True)
    assert runs[1].id == "run-1"
    assert stub.count("Runs") == 1
    assert [run.id for run in runs[2:5]] == ["run-2", "run-3", "run-4"]
    assert (runs[-1].id, len(runs), runs.more) == ("run-6", 7, False)
    assert [run.id for run in runs[::3]] == ["run-0", "run-3", "run-6"]
    with pytest.raises(IndexError):
        _ = runs[7]


def test_two_loops_over_one_listing_do_not_disturb_each_other(runs: Runs) -> None:
    assert len([(a, b) for a in runs for b in runs]) == 49


def test_next_goes_through_the_listing_once(runs: Runs) -> None:
    assert [next(runs).id for _ in range(7)] == [f"run-{n}" for n in range(7)]
    with pytest.raises(StopIteration):
        runs.next()


def test_a_listing_whose_page_failed_goes_on_where_it_stopped(
    stub: ProjectStub, runs: Runs
) -> None:
    good = stub.operations["Runs"]

    def fail(_: Any) -> Any:
        raise StubError("once")

    _ = runs[0]
    stub.operations["Runs"] = fail
    with pytest.raises(Exception, match="once"):
        list(runs)
    stub.operations["Runs"] = good
    assert len(list(runs)) == 7


def test_a_run_that_moved_to_the_next_page_is_listed_once(stub: ProjectStub, runs: Runs) -> None:
    _ = runs[0]
    stub.numbers.insert(0, 99)
    ids = [run.id for run in runs]
    assert len(ids) == len(set(ids))


def test_converting_a_page_again_gives_the_same_runs(runs: Runs) -> None:
    assert runs.convert_objects() == []
    _ = runs[0]
    assert [run.id for run in runs.convert_objects()] == ["run-0", "run-1", "run-2"]


@pytest.mark.parametrize("per_page", [0, -1, "many", True])
def test_a_page_size_that_cannot_be_is_refused(connect: Connect, per_page: Any) -> None:
    with pytest.raises(InputError, match="per_page"):
        connect(Stub()).runs("team/vision", per_page=per_page)


@pytest.mark.parametrize(
    "wrong", [{"filters": {"config.lr": {"$gtt": 1}}}, {"order": "-summary.loss"}]
)
def test_mistakes_in_filter_and_order_are_found_before_any_request(
    connect: Connect, wrong: Any
) -> None:
    stub = Stub()
    with pytest.raises(QueryError):
        connect(stub).runs("team/vision", **wrong)
    assert stub.asked == []


def test_the_server_gets_the_filter_as_it_was_written(stub: ProjectStub, connect: Connect) -> None:
    filters = {"$or": [{"createdAt": {"$gt": "2026-01-01"}}, {"config.lr.value": 0.1}]}
    _ = connect(stub).runs("team/vision", filters, order="-createdAt")[0]
    sent = stub.asked[0][1]
    assert (json.loads(sent["filters"]), sent["order"]) == (filters, "-createdAt")


def test_histories_keep_the_order_of_the_listing_and_end_rows_with_the_run(runs: Runs) -> None:
    rows = runs.histories(keys=["loss"])
    assert [row["run_id"] for row in rows] == [f"run-{n}" for n in range(7) for _ in range(n)]
    assert all(list(row) == ["_step", "loss", "run_id"] for row in rows)


@pytest.mark.parametrize("format", ["pandas", "polars", "arrow"])
def test_frames_of_histories_sort_their_columns(runs: Runs, format: Any) -> None:
    frame = runs.histories(keys=["loss"], format=format)
    names = frame.column_names if format == "arrow" else list(frame.columns)
    assert names == ["_step", "loss", "run_id"]
    assert len(frame) == 21


def test_frames_of_unlike_runs_do_not_fail(stub: ProjectStub, runs: Runs) -> None:
    values = [1, 2.5, "text", None, {"a": 1}, [1], True]

    def sample(v: dict[str, Any]) -> Any:
        number = int(v["name"].removeprefix("run-"))
        return run_answer(sampledHistory=[[{"_step": 0, "x": values[number], f"k{number}": 1}]])

    stub.operations["RunSampledHistory"] = sample
    frame = runs.histories(keys=["x"], format="polars")
    assert frame["x"].to_list() == ["1", "2.5", '"text"', None, '{"a":1}', "[1]", "true"]


def test_no_rows_at_all_is_an_empty_frame(stub: ProjectStub, runs: Runs) -> None:
    stub.operations["RunSampledHistory"] = lambda _: run_answer(sampledHistory=[[]])
    assert runs.histories(keys=["loss"], format="polars").is_empty()
    assert runs.histories(keys=["loss"]) == []


def test_an_unknown_format_is_refused_before_any_request(stub: ProjectStub, runs: Runs) -> None:
    with pytest.raises(InputError, match="format"):
        runs.histories(format="excel")  # type: ignore[arg-type]
    assert stub.asked == []


def log(stub: ProjectStub, number: int, *rows: dict[str, Any]) -> None:
    numbered = [{"_step": step, **row} for step, row in enumerate(rows)]
    stub.histories[f"run-{number}"] = HistoryStub(
        [], numbered, line_count=len(rows), last_step=len(rows) - 1
    )


def test_samples_of_several_runs_come_in_one_request(stub: ProjectStub, runs: Runs) -> None:
    rows = runs.histories(samples=500, keys=["loss"])
    assert [row["run_id"] for row in rows] == [f"run-{n}" for n in range(7) for _ in range(n)]
    assert stub.count("RunSampledHistory") == 2
    runs.histories(samples=5000, keys=["loss"])
    assert stub.count("RunSampledHistory") == 2 + 7


def test_samples_come_one_by_one_when_the_server_refuses_several(
    stub: ProjectStub, runs: Runs
) -> None:
    honest = stub.operations["RunSampledHistory"]

    def refuse(v: dict[str, Any]) -> Any:
        if "name_0" in v:
            raise StubError("too complex")
        return honest(v)

    stub.operations["RunSampledHistory"] = refuse
    assert len(runs.histories(keys=["loss"])) == sum(range(7))


def test_scanning_all_histories_reads_nothing_until_it_is_collected(
    stub: ProjectStub, runs: Runs
) -> None:
    log(stub, 0, {"loss": 1}, {"note": "x"})
    log(stub, 4, {"loss": 2.5, "note": "y"})
    lazy = runs.scan_histories()
    assert stub.count("RunHistorySource") == 0
    assert lazy.collect_schema() == {
        "run_id": pl.String,
        "_step": pl.Int64,
        "loss": pl.Float64,
        "note": pl.String,
    }
    assert lazy.collect().rows() == [
        ("run-0", 0, 1.0, None),
        ("run-0", 1, None, "x"),
        ("run-4", 0, 2.5, "y"),
    ]


def test_a_scan_keeps_rows_with_any_or_with_all_keys(stub: ProjectStub, runs: Runs) -> None:
    log(stub, 1, {"loss": 1}, {"note": "x"}, {"loss": 2, "note": "y"}, {"other": 1})
    for how, steps in (("any", [0, 1, 2]), ("all", [2])):
        frame = runs.scan_histories(keys=["note", "loss"], how=how).collect()  # type: ignore[arg-type]
        assert frame["_step"].to_list() == steps
        assert frame.columns == ["run_id", "_step", "note", "loss"]


def test_a_scan_stops_when_enough_rows_have_come(stub: ProjectStub, runs: Runs) -> None:
    for number in range(7):
        log(stub, number, *[{"loss": i} for i in range(5)])
    lazy = runs.scan_histories(keys=["loss"])
    assert lazy.head(3).collect().height == 3
    assert lazy.head(7).filter(pl.col("_step") == 1).collect().height == 2
    assert lazy.filter(pl.col("_step") == 4).select("run_id").collect().height == 7


def test_a_scan_as_record_batches_has_the_same_rows(stub: ProjectStub, runs: Runs) -> None:
    log(stub, 3, {"loss": 1}, {"loss": 2})
    reader = runs.scan_histories(keys=["loss"], format="arrow")
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all()["loss"].to_pylist() == [1.0, 2.0]


def test_a_key_nobody_logged_is_an_error_with_the_nearest_name(runs: Runs) -> None:
    with pytest.raises(QueryError, match="did you mean 'loss'"):
        runs.scan_histories(keys=["los"])


def test_a_key_that_appeared_since_the_plan_is_an_error_not_a_silent_loss(
    stub: ProjectStub, runs: Runs
) -> None:
    lazy = runs.scan_histories()
    log(stub, 0, {"new": 1})
    with pytest.raises(Exception, match="new") as caught:
        lazy.collect()
    assert isinstance(caught.value, IntegrityError) or "IntegrityError" in str(caught.value)


def test_keys_that_the_server_does_not_list_are_found_by_reading(
    stub: ProjectStub, runs: Runs
) -> None:
    listed = stub.operations["RunsKeys"]

    def unlisted(v: dict[str, Any]) -> Any:
        answer = listed(v)
        for edge in answer["project"]["runs"]["edges"]:
            edge["node"]["historyKeys"] = None
        return answer

    stub.operations["RunsKeys"] = unlisted
    log(stub, 0, {"a": 1})
    log(stub, 1, {"a": 2, "b": True}, {"c": [1]})
    frame = runs.scan_histories().collect()
    assert frame.rows() == [
        ("run-0", 0, 1.0, None, None),
        ("run-1", 0, 2.0, True, None),
        ("run-1", 1, None, None, "[1]"),
    ]


def test_members_of_logged_objects_fill_the_dotted_keys(stub: ProjectStub, runs: Runs) -> None:
    listed = stub.operations["RunsKeys"]

    def dotted(v: dict[str, Any]) -> Any:
        answer = listed(v)
        for edge in answer["project"]["runs"]["edges"]:
            number = {"typeCounts": [{"type": "number", "count": 1}]}
            edge["node"]["historyKeys"] = {"keys": {"nest.a.b": number}}
        return answer

    stub.operations["RunsKeys"] = dotted
    log(stub, 0, {"nest": {"a": {"b": 3}}})
    assert runs.scan_histories().collect().rows() == [("run-0", 0, 3.0)]


def test_runs_become_a_frame_with_config_and_summary_spread(stub: ProjectStub, runs: Runs) -> None:
    frame = runs.to_polars()
    assert frame["run_id"].to_list() == [f"run-{n}" for n in range(7)]
    assert frame["config.lr"].to_list() == [n / 10 for n in range(7)]
    assert frame["summary.nest.a"].to_list() == [1] * 7
    assert list(runs.to_pandas()["summary.loss"]) == list(range(7))
    assert stub.count("RunsFull") == 2


def test_a_run_has_the_servers_fields_under_pythons_names(connect: Connect) -> None:
    stub = ProjectStub(3)
    run = connect(stub).run("team/vision/run-2")
    assert (run.id, run.storage_id, run.name, run.state) == ("run-2", "id-2", "Run 2", "finished")
    assert (run.display_name, run.created_at) == ("Run 2", "2026-01-01T00:00:02Z")
    assert (run.path, run.project_internal_id) == (["team", "vision", "run-2"], 7)
    assert run.url == "http://127.0.0.1/team/vision/runs/run-2"
    assert (run.user.username, run.user.name) == ("ada", "Ada")
    assert (run.config, run.system_metrics) == ({"lr": 0.2}, {})
    assert run.rawconfig == {"lr": 0.2, "_wandb": {"t": {}}}
    assert run.history_keys["lastStep"] == 1
    with pytest.raises(AttributeError, match="nonsense"):
        _ = run.nonsense
    with pytest.warns(FutureWarning, match="entity"):
        assert run.username == "team"


def test_a_summary_is_a_dict_whose_members_are_summaries(connect: Connect) -> None:
    summary = connect(ProjectStub(3)).run("team/vision/run-2").summary
    assert (summary["loss"], summary.loss, summary.get("acc", 0)) == (2, 2, 0)
    assert sorted(summary.keys()) == ["loss", "nest"]
    summary["nest"]["a"] = 5
    assert summary.nest.a == 5
    assert dict(summary) == {"loss": 2, "nest": summary["nest"]}
    assert "acc" not in summary


def test_loading_again_shows_what_changed(connect: Connect) -> None:
    stub = ProjectStub(3)
    run = connect(stub).run("team/vision/run-2")
    stub.operations["Run"] = lambda _: {"project": {"run": full_node(2) | {"state": "crashed"}}}
    assert run.load()["state"] == "finished"
    assert run.load(force=True)["state"] == run.state == "crashed"


def test_waiting_ends_with_the_run(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = ProjectStub(3)
    states = iter(["running", "running", "killed"])
    stub.operations["RunState"] = lambda _: run_answer(state=next(states))
    naps: list[float] = []
    monkeypatch.setattr("time.sleep", naps.append)
    run = connect(stub).run("team/vision/run-2")
    run.wait_until_finished()
    assert (run.state, naps) == ("killed", [5.0, 5.0])


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", ["'\"><img src=x onerror=alert(1)>", "</iframe><script>", "a&b"])
def test_no_name_becomes_markup(connect: Connect, name: str) -> None:
    stub = ProjectStub(1)
    stub.operations["Run"] = lambda _: {"project": {"run": full_node(0) | {"state": name}}}
    run = connect(stub).run("team/vision/run-0")
    run._attrs["name"] = name
    for html, tags in (
        (run.to_html(), ["iframe"]),
        (run.to_html(hidden=True), ["details", "summary", "iframe"]),
        (run._repr_html_(), ["a"]),
    ):
        parser = Tags()
        parser.feed(html)
        assert [tag for tag, _ in parser.found] == tags
