"""Sweeps over the raw protocol: agents that ask, runs that end, states that change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw, application, authorization
from wbexport.store.sweeps import read_sweeps, upsert_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 1, 1)
GRID = "method: grid\nmetric: {name: loss}\nparameters: {lr: {values: [1, 2, 3]}}"

UPSERT = """mutation ($input: UpsertSweepInput!) { upsertSweep(input: $input) {
    sweep { id name state runCountExpected project { name entity { name } } }
    configValidationWarnings } }"""
BEAT = """mutation ($input: AgentHeartbeatInput!) { agentHeartbeat(input: $input) {
    agent { id state } commands } }"""
AGENT = (
    """mutation ($input: CreateAgentInput!) { createAgent(input: $input) { agent { id name } } }"""
)
ENQUEUE = """mutation ($input: EnqueueSweepRunInput!) { enqueueSweepRun(input: $input) {
    id runQueueItemId } }"""


class Sweep:
    """A sweep of a project that no other test uses."""

    def __init__(self, raw: Raw, config: str = GRID, **given: Any) -> None:
        self.raw = raw.elsewhere()
        self.clock = NOW
        raw.app.service.clock = lambda: self.clock
        self.row = self.upsert(config=config, **given)["sweep"]

    def upsert(self, **given: Any) -> dict[str, Any]:
        names = {"entityName": "team", "projectName": self.raw.project}
        answer: dict[str, Any] = self.raw.data(UPSERT, input=names | given)["upsertSweep"]
        return answer

    def set_state(self, state: str) -> dict[str, Any]:
        return self.raw.graphql(UPSERT, input={"id": self.row["id"], "state": state})

    def agent(self) -> str:
        self.clock += timedelta(seconds=1)
        names = {"entityName": "team", "projectName": self.raw.project, "sweep": self.row["name"]}
        created = self.raw.data(AGENT, input=names | {"host": "box"})["createAgent"]
        return str(created["agent"]["id"])

    def beat(self, agent: str, *running: str) -> list[dict[str, Any]]:
        state = json.dumps(dict.fromkeys(running, True))
        given = {"id": agent, "runState": state, "metrics": "{}"}
        answer = self.raw.data(BEAT, input=given)["agentHeartbeat"]
        commands: list[dict[str, Any]] = json.loads(answer["commands"])
        return commands

    def start(self, command: dict[str, Any]) -> str:
        self.clock += timedelta(seconds=1)
        config = json.dumps(command["args"])
        self.raw.upsert(command["run_id"], sweep=self.row["name"], config=config)
        return str(command["run_id"])

    def end(self, run: str, loss: float, exitcode: int = 0) -> None:
        summary = {"wandb-summary.json": {"offset": 0, "content": [json.dumps({"loss": loss})]}}
        self.raw.stream(run, files=summary, complete=True, exitcode=exitcode)

    def read(self, fields: str) -> Any:
        return self.raw.in_project(f'sweep(sweepName: "{self.row["name"]}") {{ {fields} }}')[
            "sweep"
        ]

    @property
    def state(self) -> str:
        return str(self.read("state")["state"])


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    with application() as client:
        yield client


def test_a_grid_is_handed_out_run_by_run_and_then_ends(raw: Raw) -> None:
    sweep = Sweep(raw)
    assert (sweep.row["state"], sweep.row["runCountExpected"]) == ("PENDING", 3)
    agent = sweep.agent()
    for number in (1, 2, 3):
        (command,) = sweep.beat(agent)
        assert (command["type"], command["args"]) == ("run", {"lr": {"value": number}})
        run = sweep.start(command)
        assert sweep.beat(agent, run) == []
        assert sweep.state == "RUNNING"
        sweep.end(run, 10 - number)
    # The last run ended it, before any agent asked again.
    assert sweep.state == "FINISHED"
    assert sweep.beat(agent) == [{"type": "exit"}]
    found = sweep.read("bestLoss runCount runs { edges { node { sweepName state } } }")
    assert (found["bestLoss"], found["runCount"]) == (7, 3)
    assert [e["node"]["sweepName"] for e in found["runs"]["edges"]] == [sweep.row["name"]] * 3


def test_agents_at_work_at_once_share_the_grid(raw: Raw) -> None:
    sweep = Sweep(raw)
    agents = [sweep.agent() for _ in range(4)]
    commands = [sweep.beat(agent)[0] for agent in agents]
    assert sorted(c["args"]["lr"]["value"] for c in commands[:3]) == [1, 2, 3]
    # Nothing is left for the fourth, but the sweep has not ended: three runs are under way.
    assert (commands[3], sweep.state) == ({"type": "exit"}, "RUNNING")
    for command in commands[:3]:
        sweep.end(sweep.start(command), 1)
    assert sweep.state == "FINISHED"


def test_what_an_agent_never_started_is_given_to_another(raw: Raw) -> None:
    sweep = Sweep(raw)
    gone, slow, other = sweep.agent(), sweep.agent(), sweep.agent()
    (lost,), (kept,) = sweep.beat(gone), sweep.beat(slow)
    sweep.clock += timedelta(minutes=4)
    # It loads its data, and says that it is at work.
    assert sweep.beat(slow, kept["run_id"]) == []
    sweep.clock += timedelta(minutes=2)
    assert sweep.beat(slow, kept["run_id"]) == []
    (again,) = sweep.beat(other)
    assert again["args"] == lost["args"]
    assert again["run_id"] != lost["run_id"]
    states = sweep.read("agents { edges { node { state totalRuns } } }")["agents"]["edges"]
    assert [edge["node"]["state"] for edge in states] == ["CRASHED", "RUNNING", "RUNNING"]


def test_chance_does_not_repeat_itself_when_runs_are_lost(raw: Raw) -> None:
    sweep = Sweep(raw, "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}")
    gone, agent = sweep.agent(), sweep.agent()
    drawn = [sweep.beat(gone)[0], sweep.beat(agent)[0]]
    run = sweep.start(drawn[1])
    for _ in range(3):
        sweep.end(run, 1)
        sweep.clock += timedelta(minutes=6)
        drawn.append(sweep.beat(agent)[0])
        run = sweep.start(drawn[-1])
    assert len({command["args"]["lr"]["value"] for command in drawn}) == 5


def test_a_paused_sweep_keeps_its_agents_waiting(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent = sweep.agent()
    sweep.set_state("PAUSED")
    assert sweep.beat(agent) == []
    sweep.set_state("RUNNING")
    assert sweep.beat(agent)[0]["type"] == "run"


def test_a_stopped_sweep_lets_runs_end_and_sends_agents_home(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent = sweep.agent()
    run = sweep.start(sweep.beat(agent)[0])
    sweep.set_state("FINISHED")
    assert sweep.beat(agent, run) == []
    assert sweep.beat(agent) == [{"type": "exit"}]
    refused = sweep.raw.graphql(
        AGENT,
        input={"host": "box", "sweep": sweep.row["name"], "entityName": "team"}
        | {"projectName": sweep.raw.project},
    )
    assert "is not running" in refused["errors"][0]["message"]
    sweep.set_state("RUNNING")
    assert sweep.beat(sweep.agent())[0]["args"] == {"lr": {"value": 2}}


def test_a_canceled_sweep_stops_its_runs_at_once_and_for_good(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent = sweep.agent()
    run = sweep.start(sweep.beat(agent)[0])
    sweep.set_state("CANCELED")
    assert sweep.beat(agent, run) == [{"type": "exit"}]
    assert sweep.raw.run(run, "shouldStop") == {"shouldStop": True}
    assert "CANCELED and cannot become" in sweep.set_state("RUNNING")["errors"][0]["message"]


def test_an_enqueued_run_goes_first_and_one_whose_agent_is_gone_goes_again(raw: Raw) -> None:
    sweep = Sweep(raw)
    given = {"id": sweep.row["id"], "config": json.dumps({"lr": 9}), "displayName": "mine"}
    queued = sweep.raw.data(ENQUEUE, input=given)["enqueueSweepRun"]["id"]
    gone, agent = sweep.agent(), sweep.agent()
    (command,) = sweep.beat(gone)
    fields = sweep.raw.run(command["run_id"], "displayName state config")
    assert command["run_id"] == queued
    assert (fields["displayName"], fields["state"]) == ("mine", "pending")
    assert command["args"] == {"lr": {"value": 9}}
    assert json.loads(fields["config"])["lr"]["value"] == 9
    assert sweep.beat(agent)[0]["args"] == {"lr": {"value": 1}}
    sweep.clock += timedelta(minutes=6)
    assert sweep.beat(agent)[0]["run_id"] == command["run_id"]


def test_a_sweep_scheduled_from_outside_waits_for_what_is_enqueued(raw: Raw) -> None:
    sweep = Sweep(raw, "scheduler: {type: optuna}\nparameters: {lr: {min: 0.0, max: 1.0}}")
    agent = sweep.agent()
    assert sweep.beat(agent) == []
    sweep.raw.data(ENQUEUE, input={"id": sweep.row["id"], "config": '{"lr": {"value": 0.5}}'})
    (command,) = sweep.beat(agent)
    sweep.end(sweep.start(command), 1)
    assert (command["args"], sweep.beat(agent)) == ({"lr": {"value": 0.5}}, [])


def test_a_controller_outside_schedules_stops_and_ends(raw: Raw) -> None:
    sweep = Sweep(raw, "controller: {type: local}\n" + GRID)
    agent = sweep.agent()
    assert sweep.beat(agent) == []

    def control(schedule: list[Any], **more: Any) -> dict[str, Any]:
        given = {"id": sweep.row["id"], "controller": json.dumps({"schedule": schedule} | more)}
        return sweep.raw.graphql(UPSERT, input=given)

    first = {"id": "s1", "data": {"args": {"lr": {"value": 2}}}}
    control([first])
    control([first])
    (command,) = sweep.beat(agent)
    run = sweep.start(command)
    assert command["args"] == {"lr": {"value": 2}}
    done = json.loads(sweep.read("scheduler")["scheduler"])
    assert done == {"scheduled": [{"id": "s1", "runid": run}]}
    control([], earlystop=[run])
    assert sweep.raw.run(run, "shouldStop") == {"shouldStop": True}
    sweep.end(run, 1)
    assert sweep.beat(agent) == []
    control([{"id": "s2", "data": {"args": None}}])
    assert (sweep.state, sweep.beat(agent)) == ("FINISHED", [{"type": "exit"}])
    assert "schedules runs as" in control(["x"])["errors"][0]["message"]


def test_a_sweep_of_another_server_may_say_what_is_not_understood_here(raw: Raw) -> None:
    for config in ("[1", "method: quantum", "metric: loss", "metric: [{name: loss}]", "a: !x 1"):
        sweep = Sweep(raw)
        agent = sweep.agent()
        run = sweep.start(sweep.beat(agent)[0])
        with raw.app.service.store.transaction() as cursor:
            (row,) = read_sweeps(cursor, storage_id=sweep.row["id"])
            upsert_sweep(cursor, replace(row, config=config, best_loss=0.5))
        sweep.end(run, 1)
        assert sweep.raw.run(run, "state") == {"state": "finished"}
        fields = "config bestLoss runCount controllerRunName state"
        assert sweep.read(fields) == {
            "config": config,
            "bestLoss": 0.5,
            "runCount": 1,
            "controllerRunName": None,
            "state": "RUNNING",
        }


def test_hyperband_stops_the_run_that_is_behind(raw: Raw) -> None:
    rule = "early_terminate: {type: hyperband, min_iter: 2}\n"
    sweep = Sweep(raw, rule + GRID)
    agents = [sweep.agent() for _ in range(3)]
    runs = [sweep.start(sweep.beat(agent)[0]) for agent in agents]
    for loss, run in enumerate(runs):
        sweep.raw.log(run, [json.dumps({"_step": step, "loss": loss}) for step in range(2)])
    commands = [sweep.beat(agent, run) for agent, run in zip(agents, runs, strict=True)]
    assert commands == [[], *([{"type": "stop", "run_id": run}] for run in runs[1:])]


def test_the_best_of_a_metric_to_maximize_is_its_largest(raw: Raw) -> None:
    metric = "metric: {name: loss, goal: maximize}"
    sweep = Sweep(raw, f"method: random\nrun_cap: 2\n{metric}\nparameters: {{a: {{value: 1}}}}")
    agent = sweep.agent()
    for loss in (3, 8):
        sweep.end(sweep.start(sweep.beat(agent)[0]), loss)
    assert (sweep.read("bestLoss")["bestLoss"], sweep.state) == (8, "FINISHED")
    assert sweep.row["runCountExpected"] == 2


def test_failed_runs_are_not_tried_again(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent = sweep.agent()
    sweep.end(sweep.start(sweep.beat(agent)[0]), 1, exitcode=1)
    assert sweep.beat(agent)[0]["args"] == {"lr": {"value": 2}}


def test_runs_of_before_belong_to_a_sweep_that_names_them(raw: Raw) -> None:
    other = raw.elsewhere()
    for name, lr in (("old", 1), ("older", 7)):
        other.upsert(name, config=json.dumps({"lr": {"value": lr}}))
        other.stream(name, complete=True, exitcode=0)
    names = {"entityName": "team", "projectName": other.project, "config": GRID}
    prior = json.dumps({"$or": [{"name": "old"}]})
    found = other.data(UPSERT, input=names | {"priorRunsFilters": prior})["upsertSweep"]["sweep"]
    assert other.run("old", "sweepName") == {"sweepName": found["name"]}
    assert other.run("older", "sweepName") == {"sweepName": None}
    agent = other.data(
        AGENT,
        input={"host": "box", "sweep": found["name"], "entityName": "team"}
        | {"projectName": other.project},
    )["createAgent"]["agent"]["id"]
    answer = other.data(BEAT, input={"id": agent})["agentHeartbeat"]
    assert json.loads(answer["commands"])[0]["args"] == {"lr": {"value": 2}}


def test_a_sweep_is_changed_by_its_id_and_warnings_name_what_is_ignored(raw: Raw) -> None:
    sweep = Sweep(raw)
    wider = GRID.replace("[1, 2, 3]", "[1, 2, 3, 4]") + "\ncolour: red"
    changed = sweep.upsert(
        id=sweep.row["id"], config=wider, displayName="wider", controller='{"a":1}'
    )
    assert changed["sweep"]["name"] == sweep.row["name"]
    assert changed["sweep"]["runCountExpected"] == 4
    assert changed["configValidationWarnings"] == ["'colour' is not a key of a sweep configuration"]
    assert sweep.read("displayName controller config method description") == {
        "displayName": "wider",
        "controller": '{"a":1}',
        "config": wider,
        "method": "grid",
        "description": None,
    }


def test_agents_and_their_runs_are_found_by_id_and_by_name(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent, idle = sweep.agent(), sweep.agent()
    runs = []
    for _ in range(3):
        runs.append(sweep.start(sweep.beat(agent)[0]))
        sweep.end(runs[-1], 1)
    page = "totalRuns runs(first: 2) { edges { node { name } cursor } pageInfo { hasNextPage } }"
    found = sweep.read(f'agent(agentName: "{agent}") {{ name host heartbeatAt {page} }}')["agent"]
    assert (found["totalRuns"], found["host"]) == (3, "box")
    assert [edge["node"]["name"] for edge in found["runs"]["edges"]] == runs[:2]
    assert found["runs"]["pageInfo"]["hasNextPage"]
    second = found["runs"]["edges"][1]["cursor"]
    pages = f'rest: runs(after: "{second}") {{ edges {{ node {{ name }} }} }}'
    pages += f' first: runs(before: "{second}") {{ edges {{ node {{ name }} }} }}'
    pages += " last: runs(last: 1) { edges { node { name } } }"
    by_name = sweep.read(f'agent(agentName: "{found["name"]}") {{ {pages} }}')["agent"]
    names = {key: [e["node"]["name"] for e in part["edges"]] for key, part in by_name.items()}
    assert names == {"rest": runs[2:], "first": runs[:1], "last": runs[2:]}
    assert sweep.read(f'agent(agentName: "{idle}") {{ totalRuns }}')["agent"]["totalRuns"] == 0
    assert sweep.read('agent(agentName: "nobody") { id }')["agent"] is None


def test_sweeps_are_listed_in_pages_the_newest_first(raw: Raw) -> None:
    sweep = Sweep(raw)
    names = [sweep.row["name"]]
    for _ in range(2):
        sweep.clock += timedelta(seconds=1)
        names.append(sweep.upsert(config=GRID)["sweep"]["name"])
    page = "edges { node { name } } pageInfo { endCursor hasNextPage }"
    first = sweep.raw.in_project(f"totalSweeps sweeps(first: 2) {{ {page} }}")
    end = first["sweeps"]["pageInfo"]["endCursor"]
    second = sweep.raw.in_project(f'sweeps(first: 2, after: "{end}") {{ {page} }}')["sweeps"]
    edges = first["sweeps"]["edges"] + second["edges"]
    assert [edge["node"]["name"] for edge in edges] == names[::-1]
    assert (first["totalSweeps"], second["pageInfo"]["hasNextPage"]) == (3, False)
    assert sweep.raw.in_project('sweep(sweepName: "nothing") { id }') == {"sweep": None}


def test_sweeps_are_filtered_by_what_is_known_of_them(raw: Raw) -> None:
    sweep = Sweep(raw, displayName="first of all")
    other = sweep.upsert(config=GRID.replace("grid", "random"), state="PAUSED")["sweep"]["name"]
    ask = """query ($entity: String!, $project: String!, $filters: JSONString) {
        project(name: $project, entityName: $entity) {
            sweeps(filters: $filters) { edges { node { name } } } } }"""

    def names(filters: str) -> list[str]:
        given = {"entity": "team", "project": sweep.raw.project, "filters": filters}
        answer = sweep.raw.graphql(ask, **given)
        if "errors" in answer:
            return [answer["errors"][0]["message"]]
        return [edge["node"]["name"] for edge in answer["data"]["project"]["sweeps"]["edges"]]

    assert names("{}") == [other, sweep.row["name"]]
    assert names('{"state": "PAUSED"}') == names('{"method": {"$ne": "grid"}}') == [other]
    assert names('{"display_name": {"$regex": "^first"}}') == [sweep.row["name"]]
    assert (
        names(json.dumps({"$and": [{"name": other}, {"createdAt": {"$gt": "2027-01-01"}}]})) == []
    )
    assert "no sweep field is called 'tags'" in names('{"tags": "x"}')[0]
    assert names("[1") == ["filters is not JSON"]


def test_an_agent_that_is_not_known_is_told_so_by_status_too(raw: Raw) -> None:
    body = {"query": BEAT, "variables": {"input": {"id": "QWdlbnQ="}}}
    answer = raw.call("POST", "/graphql", json=body, headers=raw.headers)
    assert answer.status_code == 404
    assert "no agent" in json.loads(answer.data)["errors"][0]["message"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"config": "method: guess"}, "method must be"),
        ({"config": "[1"}, "not YAML"),
        ({}, "needs a config"),
        ({"config": GRID, "state": "DANCING"}, "cannot be set to 'DANCING'"),
        ({"config": GRID, "controller": "[1"}, "controller is not JSON"),
        ({"config": GRID, "scheduler": "[1]"}, "scheduler must be a JSON object"),
        ({"config": GRID, "priorRunsFilters": '{"$where": 1}'}, "unknown operator"),
        ({"id": "U3dlZXA=", "state": "PAUSED"}, "no sweep with id"),
    ],
)
def test_what_cannot_become_a_sweep_leaves_nothing_behind(
    raw: Raw, given: dict[str, Any], problem: str
) -> None:
    other = raw.elsewhere()
    names = {"entityName": "team", "projectName": other.project}
    refused = other.graphql(UPSERT, input=names | given)
    assert problem in refused["errors"][0]["message"]
    found = other.data(
        f'{{ project(name: "{other.project}", entityName: "team") {{ totalSweeps }} }}'
    )
    assert found["project"] is None


@pytest.mark.parametrize(
    ("mutation", "given", "problem"),
    [
        (AGENT, {"host": "box", "sweep": "nothing", "entityName": "team"}, "no sweep nothing"),
        (ENQUEUE, {"id": "U3dlZXA=", "config": "{}"}, "no sweep with id"),
        (BEAT, {"id": "QWdlbnQ=", "runState": "[1"}, "runState is not JSON"),
        (BEAT, {"id": "QWdlbnQ=", "runState": "[1]"}, "runState must be an object"),
    ],
)
def test_requests_of_nobody_are_refused_by_name(
    raw: Raw, mutation: str, given: dict[str, Any], problem: str
) -> None:
    assert problem in raw.graphql(mutation, input=given)["errors"][0]["message"]


def test_a_sweep_that_has_ended_takes_no_runs(raw: Raw) -> None:
    sweep = Sweep(raw)
    sweep.set_state("FINISHED")
    refused = sweep.raw.graphql(ENQUEUE, input={"id": sweep.row["id"], "config": "{}"})
    assert "resume it first" in refused["errors"][0]["message"]
    assert "cannot become PAUSED" in sweep.set_state("PAUSED")["errors"][0]["message"]


def test_sweeps_and_reports_of_others_are_out_of_reach(raw: Raw) -> None:
    sweep = Sweep(raw)
    agent = sweep.agent()
    view = """mutation ($input: UpsertViewInput!) {
        upsertView(input: $input) { view { id } } }"""
    place = {"entityName": "team", "projectName": sweep.raw.project}
    saved = sweep.raw.data(view, input=place | {"spec": "{}"})["upsertView"]["view"]
    user = raw.data("""mutation { createUser(input: {email: "eve@example.org", admin: false}) {
        user { apiKeys { edges { node { name } } } } } }""")["createUser"]["user"]
    (key,) = user["apiKeys"]["edges"]
    eve = sweep.raw.with_headers(authorization(key["node"]["name"]))
    asked = [
        (UPSERT, {"id": sweep.row["id"], "state": "CANCELED"}),
        (UPSERT, place | {"config": GRID}),
        (ENQUEUE, {"id": sweep.row["id"], "config": "{}"}),
        (AGENT, place | {"host": "box", "sweep": sweep.row["name"]}),
        (BEAT, {"id": agent}),
        (view, {"id": saved["id"], "displayName": "mine"}),
        ("mutation ($input: DeleteViewInput!) { deleteView(input: $input) { success } }",
         {"id": saved["id"]}),
    ]  # fmt: skip
    for mutation, given in asked:
        assert eve.graphql(mutation, input=given)["errors"], mutation
    assert eve.data("query ($id: ID!) { view(id: $id) { spec } }", id=saved["id"]) == {"view": None}
    assert eve.data(f'{{ project(name: "{eve.project}", entityName: "team") {{ id }} }}') == {
        "project": None
    }
    assert sweep.state == "PENDING"
    assert sweep.beat(agent)[0]["type"] == "run"
