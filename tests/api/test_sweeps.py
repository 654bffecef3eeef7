"""Sweeps as the client sees them, where there is no SDK to compare with."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.stub import Stub, StubError, connection
from wbexport.errors import (
    InputError,
    NotFoundError,
    PathError,
    QueryError,
    ResponseError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from tests.api.conftest import Connect
    from wbexport.api.client import Api
    from wbexport.api.sweeps import Sweep

GRID = "method: grid\nname: rates\nmetric: {name: val/loss}\nparameters: {lr: {values: [1, 2]}}"
UPSERT = "mutation U($input: UpsertSweepInput!) { upsertSweep(input: $input) { sweep { name } } }"
RUN = "mutation B($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }"


def make_sweep(api: Api, config: str = GRID, **given: Any) -> Sweep:
    names = {"entityName": "team", "projectName": "vision", "config": config}
    made = api.client.execute_text(UPSERT, {"input": names | given})
    return api.sweep(f"team/vision/{made['upsertSweep']['sweep']['name']}")


def make_run(api: Api, name: str, sweep: Sweep, **summary: float) -> None:
    given = {"entityName": "team", "modelName": "vision", "name": name, "sweep": sweep.id}
    given["summaryMetrics"] = json.dumps(summary)
    api.client.execute_text(RUN, {"input": given})


def node(**fields: Any) -> dict[str, Any]:
    return {"id": "s", "name": "abc", "state": "RUNNING", "config": GRID} | fields


def test_a_sweep_tells_its_name_order_and_address(api: Api) -> None:
    sweep = make_sweep(api)
    assert (sweep.name, sweep.order, sweep.expected_run_count) == (
        "rates",
        "+summary_metrics.val/loss",
        2,
    )
    assert sweep.url == f"http://127.0.0.1/team/vision/sweeps/{sweep.id}"
    assert repr(sweep) == f"<Sweep team/vision/{sweep.id} (PENDING)>"
    assert repr(sweep).strip("<>") in sweep._repr_html_()
    assert make_sweep(api, displayName="mine").name == "mine"
    assert make_sweep(api, GRID.replace("name: rates", "run_cap: 1")).expected_run_count == 1


def test_the_username_of_a_sweep_is_deprecated(api: Api) -> None:
    sweep = make_sweep(api)
    with pytest.warns(FutureWarning, match=r"use Sweep\.entity"):
        assert sweep.username == sweep.entity == "team"


def test_the_best_run_is_first_in_the_sweeps_order_or_in_the_order_given(api: Api) -> None:
    sweep = make_sweep(api)
    assert sweep.best_run() is None
    for name, loss, acc in (("a", 3, 0.1), ("b", 1, 0.2), ("c", 2, 0.3)):
        make_run(api, name, sweep, **{"val/loss": loss, "acc": acc})
    orders = {None: "b", "acc": "c", "+acc": "a", "summary_metrics.acc": "c", "-name": "c"}
    for order, name in orders.items():
        best = sweep.best_run(order)
        assert best is not None
        assert (order, best.id) == (order, name)
    assert sweep.best_loss is None
    assert sweep.load(force=True)["bestLoss"] == sweep.best_loss == 1


def test_the_best_run_of_a_sweep_without_a_metric_is_its_newest(api: Api) -> None:
    sweep = make_sweep(api, "method: random\nparameters: {lr: {value: 1}}")
    assert sweep.order is None
    make_run(api, "old", sweep)
    make_run(api, "new", sweep)
    with pytest.warns(UserWarning, match="has no metric"):
        best = sweep.best_run()
    assert best is not None
    assert best.id == "new"


def test_an_order_that_cannot_be_is_an_error_before_any_request(api: Api) -> None:
    sweep = make_sweep(api)
    with pytest.raises(QueryError):
        sweep.best_run("+" + "x" * 2000)


def test_the_runs_of_a_sweep_share_it_until_flush(api: Api) -> None:
    sweep = make_sweep(api)
    make_run(api, "a", sweep)
    make_run(api, "b", sweep)
    first, second = sweep.runs
    assert first.sweep is second.sweep is sweep
    api.flush()
    assert first.sweep is not sweep
    api.create_run(run_id="alone", project="vision", entity="team")
    assert api.run("team/vision/alone").sweep is None


def test_a_run_whose_sweep_is_gone_has_none(connect: Connect) -> None:
    run = {"id": "r", "name": "x", "state": "finished", "sweepName": "gone", "config": "{}"}
    api = connect(
        Stub(
            {
                "Run": lambda _: {"project": {"run": run}},
                "Sweep": lambda _: {"project": {"sweep": None}},
            }
        )
    )
    assert api.run("team/vision/x").sweep is None


def test_a_listing_needs_no_request_per_sweep(connect: Connect) -> None:
    nodes = [node(name=f"s{n}") for n in range(5)]
    stub = Stub(
        {
            "Sweeps": lambda given: {
                "project": {"totalSweeps": 5, "sweeps": connection(nodes, given)}
            }
        }
    )
    sweeps = connect(stub).project("vision", "team").sweeps(per_page=2)
    assert (sweeps.length, len(sweeps)) == (5, 5)
    assert [sweep.config["name"] for sweep in sweeps] == ["rates"] * 5
    assert [operation for operation, _ in stub.asked] == ["Sweeps"] * 3


def test_an_old_server_tells_what_it_knows(connect: Connect) -> None:
    def fail(_: object) -> None:
        raise StubError('Cannot query field "runCountExpected" on type "Sweep"')

    stub = Stub({"Sweep": fail, "SweepLegacy": lambda _: {"project": {"sweep": node()}}})
    sweep = connect(stub).sweep("team/vision/abc")
    assert (sweep.name, sweep.state, sweep.expected_run_count) == ("rates", "RUNNING", None)


@pytest.mark.parametrize("config", ["[1", "- 1", "!!python/object:os.system {}"])
def test_a_configuration_that_is_no_use_is_an_answer_of_the_wrong_shape(
    connect: Connect, config: str
) -> None:
    api = connect(Stub({"Sweep": lambda _: {"project": {"sweep": node(config=config)}}}))
    with pytest.raises(ResponseError, match="configuration of sweep team/vision/abc"):
        _ = api.sweep("team/vision/abc").config


def test_what_is_not_there_is_named(api: Api) -> None:
    sweep = make_sweep(api)
    with pytest.raises(NotFoundError, match="Could not find sweep team/vision/nope"):
        api.sweep("team/vision/nope")
    with pytest.raises(NotFoundError, match="no agent 'nope'"):
        sweep.agent("nope")
    with pytest.raises(NotFoundError, match="Could not find project team/nope"):
        len(api.project("nope", "team").sweeps())
    with pytest.raises(PathError):
        api.sweep("")
    with pytest.raises(InputError, match="per_page"):
        api.project("vision", "team").sweeps(per_page=0)
    assert sweep.agents() == []
    assert type(sweep).get(api, "team", "vision", "nope") is None
    assert type(sweep).get(api.client, "team", "nope", "nope") is None


def test_a_copied_sweep_still_knows_itself(api: Api) -> None:
    sweep = make_sweep(api)
    assert copy.copy(sweep).config == sweep.config


def test_what_a_server_cannot_do_is_refused_by_name(connect: Connect) -> None:
    features = {"serverInfo": {"features": []}}
    stub = Stub(
        {"ServerFeatures": lambda _: features, "Sweep": lambda _: {"project": {"sweep": node()}}}
    )
    api = connect(stub)
    with pytest.raises(UnsupportedError, match="SWEEPS_LOCAL_SCHEDULER"):
        api.sweep("team/vision/abc").enqueue_run({"lr": 1})
    with pytest.raises(UnsupportedError, match="SWEEPS_QUERY_FILTERING"):
        api.project("vision", "team").sweeps(filters={"state": "RUNNING"})


def test_a_run_is_enqueued_with_its_configuration(api: Api) -> None:
    sweep = make_sweep(api)
    run = api.run(f"team/vision/{sweep.enqueue_run({'lr': 9}, 'by hand')}")
    assert (run.name, run.state, run.config) == ("by hand", "pending", {"lr": 9})
    assert run.sweep is sweep
