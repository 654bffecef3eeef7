"""Run queues and agents over the raw protocol, and with the launch client of the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw, application
from tests.server.test_accounts import add_user, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = """mutation { upsertModel(input: {
    entityName: "team", name: "model-registry"}) { project { id } } }"""
CREATE = """mutation ($input: CreateRunQueueInput!) {
    createRunQueue(input: $input) { success queueID } }"""
PUSH = """mutation ($queue: ID!, $spec: JSONString!, $values: JSONString) { pushToRunQueue(
    input: {queueID: $queue, runSpec: $spec, templateVariableValues: $values}
    ) { runQueueItemId } }"""
POP = """mutation ($agent: ID) { popFromRunQueue(input: {entityName: "team",
    projectName: "model-registry", queueName: "gpus", launchAgentId: $agent}
    ) { runQueueItemId runSpec } }"""
ITEMS = """{ project(entityName: "team", name: "model-registry") { runQueue(name: "gpus") {
    runQueueItems(first: 2) { edges { node { id state } } pageInfo { hasNextPage } } } } }"""
REMOVE = """mutation ($queue: ID!, $id: ID!) {
    deleteFromRunQueue(input: {queueID: $queue, runQueueItemId: $id}) { success } }"""
DELETE = "mutation ($ids: [ID!]!) { deleteRunQueues(input: {queueIDs: $ids}) { success } }"
AGENT = """mutation ($queues: [ID!]!, $config: JSONString) { createLaunchAgent(input: {
    entityName: "team", projectName: "model-registry", runQueues: $queues, hostname: "box",
    agentConfig: $config}) { launchAgentId } }"""
STATUS = """mutation ($id: ID!, $status: String) {
    updateLaunchAgent(input: {launchAgentId: $id, agentStatus: $status}) { success } }"""
READ_AGENT = """query ($id: ID!) { launchAgent(id: $id) {
    id name runQueues hostname agentStatus stopPolling heartbeatAt } }"""

PLACE = {"entityName": "team", "projectName": "model-registry"}


@pytest.fixture
def owner() -> Iterator[Raw]:
    with application() as raw:
        raw.data(PROJECT)
        yield raw


def create(client: Raw, name: str = "gpus", **given: Any) -> str:
    queue = PLACE | {"queueName": name, "access": "USER"} | given
    made = client.data(CREATE, input=queue)["createRunQueue"]
    assert made["success"]
    return str(made["queueID"])


def push(client: Raw, queue: str, spec: str = "{}", values: str | None = None) -> Any:
    answer = client.graphql(PUSH, queue=queue, spec=spec, values=values)
    return answer["data"]["pushToRunQueue"] and answer["data"]["pushToRunQueue"]["runQueueItemId"]


def test_runs_leave_a_queue_in_the_order_they_came(owner: Raw) -> None:
    queue = create(owner)
    pushed = [push(owner, queue, f'{{"number": {number}}}') for number in range(3)]
    listed = owner.data(ITEMS)["project"]["runQueue"]["runQueueItems"]
    assert [edge["node"]["id"] for edge in listed["edges"]] == pushed[:2]
    assert listed["pageInfo"]["hasNextPage"]
    popped = [owner.data(POP)["popFromRunQueue"] for _ in range(4)]
    assert [each and each["runQueueItemId"] for each in popped] == [*pushed, None]
    assert [each["runSpec"] for each in popped[:3]] == [{"number": n} for n in range(3)]


def test_what_does_not_fit_a_queue_is_refused(owner: Raw) -> None:
    queue, other = create(owner), create(owner, "other")
    item = push(owner, queue)
    for spec, values in (("[]", None), ("{", None), ("{}", "[]"), ("{}", '{"a": 1}')):
        assert push(owner, queue, spec, values) is None
    for name, changes in (
        ("", {}),
        ("x" * 65, {}),
        ("gpus", {}),
        ("q", {"projectName": "nothing"}),
        ("q", {"defaultResourceConfigID": "nothing"}),
    ):
        given = PLACE | {"queueName": name, "access": "PROJECT"} | changes
        assert "errors" in owner.graphql(CREATE, input=given)
    assert "errors" in owner.graphql(REMOVE, queue=other, id=item)
    assert "errors" in owner.graphql(REMOVE, queue=queue, id="nothing")
    assert "errors" in owner.graphql(DELETE, ids=[queue, "nothing"])
    assert "errors" in owner.graphql(AGENT, queues=["nothing"])
    assert "errors" in owner.graphql(AGENT, queues=[queue], config="[]")
    assert len(owner.data(ITEMS)["project"]["runQueue"]["runQueueItems"]["edges"]) == 1
    assert owner.data(DELETE, ids=[queue, other])["deleteRunQueues"]["success"]
    assert owner.data(ITEMS)["project"]["runQueue"] is None


def test_an_agent_is_seen_as_it_last_said(owner: Raw) -> None:
    queue = create(owner)
    made = owner.data(AGENT, queues=[queue], config='{"max_jobs": 1}')["createLaunchAgent"]
    agent = made["launchAgentId"]
    first = owner.data(READ_AGENT, id=agent)["launchAgent"]
    assert (first["hostname"], first["agentStatus"], first["stopPolling"]) == (
        "box",
        "POLLING",
        False,
    )
    assert first["runQueues"] == [queue]
    assert owner.data(STATUS, id=agent, status="RUNNING")["updateLaunchAgent"]["success"]
    assert owner.data(STATUS, id=agent)["updateLaunchAgent"]["success"]
    later = owner.data(READ_AGENT, id=agent)["launchAgent"]
    assert later["agentStatus"] == "RUNNING"
    assert later["heartbeatAt"] > first["heartbeatAt"]
    assert owner.data(READ_AGENT, id="nothing")["launchAgent"] is None
    assert "no launch agent" in message(owner.graphql(STATUS, id=queue))


def test_strangers_neither_see_nor_use_a_queue(owner: Raw) -> None:
    queue = create(owner)
    agent = owner.data(AGENT, queues=[queue])["createLaunchAgent"]["launchAgentId"]
    _, ada = add_user(owner, "ada@example.org")
    for query, variables in (
        (PUSH, {"queue": queue, "spec": "{}"}),
        (POP, {}),
        (DELETE, {"ids": [queue]}),
        (AGENT, {"queues": [queue]}),
        (STATUS, {"id": agent}),
        (CREATE, {"input": PLACE | {"queueName": "q", "access": "PROJECT"}}),
    ):
        assert "errors" in ada.graphql(query, **variables)
    assert ada.data(READ_AGENT, id=agent)["launchAgent"] is None
    assert ada.data(ITEMS)["project"] is None


AGENT_SCRIPT = """
import json
from wandb.sdk.launch.api import LaunchApi
import wandb
api = LaunchApi()
public = wandb.Api()
public.create_run_queue("gpus", "local-process", "local")
place = ("local", "model-registry")
seen = {"queues": [[q["name"], q["access"], q["createdBy"]]
    for q in api.get_project_run_queues(*place)]}
spec = {"entity": "local", "project": "vision", "job": "j", "number": 1}
items = [api.push_to_run_queue("gpus", spec | {"number": n}, None, "model-registry")
    for n in range(2)]
missing = api.push_to_run_queue("default", spec, None, "model-registry")
seen["default"] = bool(missing["runQueueItemId"])
seen["nothing"] = api.push_to_run_queue("nothing", spec, None, "model-registry")
agent = api.create_launch_agent(*place, ["gpus"], {"max_jobs": 1}, "0.31.0")["launchAgentId"]
def state(item):
    return public.queued_run("local", "vision", "gpus", item["runQueueItemId"],
        "model-registry").state
seen["states"] = [[state(item) for item in items]]
for run in ("one", "two"):
    popped = api.pop_from_run_queue("gpus", *place, agent)
    seen[run] = popped["runSpec"]["number"]
    seen["states"].append([state(item) for item in items])
seen["empty"] = api.pop_from_run_queue("gpus", *place, agent)
first, second = (item["runQueueItemId"] for item in items)
api.update_run_queue_item_warning(first, "slow", "agent")
api.ack_run_queue_item(first, "one")
try:
    api.ack_run_queue_item(first, "one")
except Exception as error:
    seen["twice"] = "already been acknowledged" in str(error)
api.fail_run_queue_item(second, "broken", "agent", ["log.txt"])
seen["states"].append([state(item) for item in items])
api.update_launch_agent_status(agent, "RUNNING")
found = api.get_launch_agent(agent)
seen["agent"] = [found["agentStatus"], found["stopPolling"], len(found["runQueues"])]
print(json.dumps(seen))
"""


def test_the_sdk_takes_runs_out_of_a_queue(log_run: Callable[..., dict[str, Any]]) -> None:
    assert log_run(AGENT_SCRIPT) == {
        "queues": [["gpus", "PROJECT", "local"]],
        "default": True,
        "nothing": None,
        "states": [
            ["pending", "pending"],
            ["leased", "pending"],
            ["leased", "leased"],
            ["claimed", "failed"],
        ],
        "one": 0,
        "two": 1,
        "empty": None,
        "twice": True,
        "agent": ["RUNNING", False, 1],
    }
