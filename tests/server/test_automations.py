"""Automations, integrations and charts over the raw protocol."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw, application
from tests.server.test_accounts import INVITE, add_user, message
from wbexport.server.service import utc_now
from wbexport.store.integrations import add_slack_integration

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATE = """mutation ($input: CreateFilterTriggerInput!) { createFilterTrigger(input: $input) {
    clientMutationId trigger { id name enabled description createdAt updatedAt
        scope { __typename ... on Project { id } ... on Entity { id entityType } }
        triggeringCondition { ... on FilterEventTriggeringCondition { eventType filter } }
        triggeredAction { __typename
            ... on QueueJobTriggeredAction { queue { name } template }
            ... on PushNotificationTriggeredAction { title body } } } } }"""
UPDATE = """mutation ($input: UpdateFilterTriggerInput!) { updateFilterTrigger(input: $input) {
    trigger { id name enabled description createdAt updatedAt } } }"""
DELETE = "mutation ($id: ID!) { deleteTrigger(input: {triggerID: $id}) { success } }"
LIST = """query ($entity: String!, $filters: JSONString, $order: String, $first: Int) {
    entity(name: $entity) { triggers(filters: $filters, order: $order, first: $first) {
        edges { node { name } } pageInfo { hasNextPage } } } }"""
WEBHOOK = """mutation ($input: CreateGenericWebhookIntegrationInput!) {
    createGenericWebhookIntegration(input: $input) {
        integration { id name urlEndpoint accessTokenRef } } }"""
CHART = """mutation ($input: CreateCustomChartInput!) {
    createCustomChart(input: $input) { chart { id } } }"""
PROJECT = """mutation ($name: String!) {
    upsertModel(input: {entityName: "team", name: $name}) { project { id } } }"""
QUEUE = """mutation { createRunQueue(input: {
    entityName: "team", projectName: "demo", queueName: "gpus", access: PROJECT}) { queueID } }"""

STATE = json.dumps(
    {"run_filter": '{"$and": []}', "run_state_filter": {"states": ["FAILED", "FINISHED"]}}
)
ANY = json.dumps({"$or": [{"$and": []}]})
NOTHING = {"triggeredActionType": "NO_OP", "triggeredActionConfig": {"noOpActionInput": {}}}


def metric(**parts: Any) -> str:
    return json.dumps({"run_filter": '{"$and": []}', "run_metric_filter": parts})


@pytest.fixture
def owner() -> Iterator[Raw]:
    with application() as raw:
        yield raw


@pytest.fixture
def scope(owner: Raw) -> str:
    """The id of a project."""
    found = owner.data(PROJECT, name="demo")["upsertModel"]["project"]["id"]
    return str(found)


def new(scope: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "alert",
        "enabled": True,
        "scopeType": "PROJECT",
        "scopeID": scope,
        "triggeringEventType": "RUN_STATE",
        "eventFilter": STATE,
        **NOTHING,
    } | changes


def status(client: Raw, query: str, **variables: Any) -> tuple[int, str]:
    body = {"query": query, "variables": variables}
    answer = client.call("POST", "/graphql", json=body, headers=client.headers)
    return answer.status_code, message(answer.json)


def names(client: Raw, **variables: Any) -> list[str]:
    found = client.data(LIST, entity="team", **variables)["entity"]["triggers"]
    return [edge["node"]["name"] for edge in found["edges"]]


def test_conditions_on_artifacts_come_back_one_level_deeper(owner: Raw, scope: str) -> None:
    given = new(scope, triggeringEventType="LINK_MODEL", eventFilter=ANY, clientMutationId="x")
    made = owner.data(CREATE, input=given)["createFilterTrigger"]
    condition = made["trigger"]["triggeringCondition"]
    assert json.loads(condition["filter"]) == {"filter": ANY}
    assert made["clientMutationId"] == "x"
    made = owner.data(CREATE, input=new(scope, name="b"))["createFilterTrigger"]["trigger"]
    assert made["triggeringCondition"] == {"eventType": "RUN_STATE", "filter": STATE}
    assert made["createdAt"] == made["updatedAt"]


def test_an_update_changes_what_is_given_alone(owner: Raw, scope: str) -> None:
    made = owner.data(CREATE, input=new(scope, description="why"))["createFilterTrigger"]["trigger"]
    given = {"id": made["id"], "enabled": False}
    changed = owner.data(UPDATE, input=given)["updateFilterTrigger"]["trigger"]
    assert changed["updatedAt"] > made["updatedAt"]
    same = ("id", "name", "description", "createdAt")
    assert [changed[key] for key in same] == [made[key] for key in same]
    assert changed["enabled"] is False
    assert status(owner, UPDATE, input=given | {"eventFilter": "{}"})[0] == 200


def test_statuses_tell_what_is_taken_and_what_is_gone(owner: Raw, scope: str) -> None:
    made = owner.data(CREATE, input=new(scope))["createFilterTrigger"]["trigger"]
    assert status(owner, CREATE, input=new(scope)) == (
        409,
        "this scope has an automation 'alert' already",
    )
    owner.data(CREATE, input=new(scope, name="other"))
    assert status(owner, UPDATE, input={"id": made["id"], "name": "other"})[0] == 409
    assert owner.data(DELETE, id=made["id"])["deleteTrigger"]["success"]
    for query, variables in (
        (DELETE, {"id": made["id"]}),
        (UPDATE, {"input": {"id": made["id"], "enabled": True}}),
        (CREATE, {"input": new("nothing")}),
    ):
        assert status(owner, query, **variables)[0] == 404
    assert names(owner) == ["other"]


def test_an_entity_lists_filters_orders_and_pages(owner: Raw, scope: str) -> None:
    for name in ("b", "c", "a"):
        owner.data(CREATE, input=new(scope, name=name))
    assert names(owner) == ["b", "c", "a"]
    assert names(owner, order="+name") == ["a", "b", "c"]
    assert names(owner, order="-createdAt", first=2) == ["a", "c"]
    assert names(owner, filters='{"name": "c"}') == ["c"]
    assert names(owner, filters='{"name": {"$in": ["a", "b"]}}', order="-name") == ["b", "a"]
    assert names(owner, filters="null") == ["b", "c", "a"]
    assert owner.data(LIST, entity="nobody")["entity"] is None
    for wrong in ({"filters": '{"colour": 1}'}, {"filters": "{"}, {"order": "+colour"}):
        assert "errors" in owner.graphql(LIST, entity="team", **wrong)


WRONG: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a long name": {"name": "x" * 256},
    "an event that can only be read": {"triggeringEventType": "UPDATE_ARTIFACT_ALIAS"},
    "creation in a project": {"triggeringEventType": "CREATE_ARTIFACT", "eventFilter": ANY},
    "no JSON": {"eventFilter": "{"},
    "a list": {"eventFilter": "[]"},
    "no run filter": {"eventFilter": '{"run_state_filter": {"states": ["FAILED"]}}'},
    "a run filter that is no text": {"eventFilter": STATE.replace('"{', "{").replace('}"', "}")},
    "a run filter of another form": {"eventFilter": STATE.replace("$and", "$or")},
    "no states": {"eventFilter": STATE.replace('"FAILED", "FINISHED"', "")},
    "an unknown state": {"eventFilter": STATE.replace("FAILED", "LOST")},
    "a metric filter for a state": {"eventFilter": metric(threshold_filter={"name": "x"})},
    "an artifact filter for a run": {"eventFilter": ANY},
    "two metric filters": {
        "triggeringEventType": "RUN_METRIC",
        "eventFilter": metric(threshold_filter={"name": "x"}, change_filter={"name": "x"}),
    },
    "a change for a limit": {
        "triggeringEventType": "RUN_METRIC",
        "eventFilter": metric(change_filter={"name": "x"}),
    },
    "a limit without a metric": {
        "triggeringEventType": "RUN_METRIC",
        "eventFilter": metric(threshold_filter={}),
    },
    "a limit that is no object": {
        "triggeringEventType": "RUN_METRIC",
        "eventFilter": metric(threshold_filter=3),
    },
    "an artifact filter of another form": {
        "triggeringEventType": "LINK_MODEL",
        "eventFilter": '{"$and": []}',
    },
    "an artifact filter without groups": {
        "triggeringEventType": "LINK_MODEL",
        "eventFilter": '{"$or": []}',
    },
    "an action of another kind": {"triggeredActionType": "ARIA"},
    "no action": {"triggeredActionConfig": {}},
    "two actions": {
        "triggeredActionConfig": {"noOpActionInput": {}, "ariaActionInput": {"prompt": "a"}}
    },
    "a long prompt": {
        "triggeredActionType": "ARIA",
        "triggeredActionConfig": {"ariaActionInput": {"prompt": "é" * 2001}},
    },
    "an empty prompt": {
        "triggeredActionType": "ARIA",
        "triggeredActionConfig": {"ariaActionInput": {"prompt": " "}},
    },
    "a scope of another kind": {"scopeType": "ARTIFACT_COLLECTION"},
}


def test_what_cannot_be_right_is_not_kept(owner: Raw, scope: str) -> None:
    for name, changes in WRONG.items():
        answer = owner.graphql(CREATE, input=new(scope, **changes))
        assert (name, answer["data"]) == (name, {"createFilterTrigger": None})
        assert message(answer) != "internal error"
    assert names(owner) == []


def test_an_integration_fits_its_action_and_its_entity(owner: Raw, scope: str) -> None:
    given = {"entityName": "team", "name": "my hook", "urlEndpoint": "https://example.com/a"}
    made = owner.data(WEBHOOK, input=given | {"accessTokenRef": "TOKEN"})
    hook = made["createGenericWebhookIntegration"]["integration"]
    assert (hook["name"], hook["accessTokenRef"]) == ("my hook", "TOKEN")
    for changes in (
        {},
        {"name": ""},
        {"name": "a" * 65},
        {"name": "a/b"},
        {"name": "b", "urlEndpoint": "ftp://example.com"},
        {"name": "b", "urlEndpoint": "https://"},
        {"name": "b", "urlEndpoint": "http://[1"},
        {"name": "b", "entityName": "nobody"},
    ):
        assert "errors" in owner.graphql(WEBHOOK, input=given | changes)
    owner.data(PROJECT.replace("team", "elsewhere"), name="demo")
    with owner.app.service.writing() as cur:
        slack = add_slack_integration(cur, "elsewhere", "t", "#c", now=utc_now())
    for kind, key, integration in (
        ("NOTIFICATION", "notificationActionInput", hook["id"]),
        ("NOTIFICATION", "notificationActionInput", slack.storage_id),
        ("GENERIC_WEBHOOK", "genericWebhookActionInput", slack.storage_id),
    ):
        config = {key: {"integrationID": integration}}
        action = {"triggeredActionType": kind, "triggeredActionConfig": config}
        assert "errors" in owner.graphql(CREATE, input=new(scope, **action))
    payload = {"integrationID": hook["id"], "requestPayload": "[1]"}
    config = {"genericWebhookActionInput": payload}
    action = {"triggeredActionType": "GENERIC_WEBHOOK", "triggeredActionConfig": config}
    assert "errors" in owner.graphql(CREATE, input=new(scope, **action))


def test_actions_that_only_other_clients_make_are_kept_too(owner: Raw, scope: str) -> None:
    queue = owner.data(QUEUE)["createRunQueue"]["queueID"]
    job = {"queueJobActionInput": {"queueID": queue, "template": "{}"}}
    given = new(scope, triggeredActionType="QUEUE_JOB", triggeredActionConfig=job)
    made = owner.data(CREATE, input=given)["createFilterTrigger"]["trigger"]["triggeredAction"]
    assert made["queue"] == {"name": "gpus"}
    viewer = owner.data("{ viewer { id } }")["viewer"]["id"]
    push = {"pushNotificationActionInput": {"userID": viewer, "title": "t"}}
    given = new(
        scope, name="p", triggeredActionType="PUSH_NOTIFICATION", triggeredActionConfig=push
    )
    answer = owner.graphql(CREATE, input=given)
    made = answer["data"]["createFilterTrigger"]["trigger"]["triggeredAction"]
    assert (made["title"], made["body"]) == ("t", None)


def test_strangers_neither_see_nor_change_the_automations_of_a_team(owner: Raw, scope: str) -> None:
    owner.data('mutation { createTeam(input: {teamName: "lab"}) { entity { name } } }')
    lab = owner.data(PROJECT.replace("team", "lab"), name="demo")["upsertModel"]["project"]["id"]
    made = owner.data(CREATE, input=new(lab))["createFilterTrigger"]["trigger"]
    hook = {"entityName": "lab", "name": "hook", "urlEndpoint": "https://example.com/a"}
    owner.data(WEBHOOK, input=hook)
    _, ada = add_user(owner, "ada@example.org")
    chart = {"entity": "lab", "name": "c", "displayName": "C", "type": "vega2"}
    chart |= {"access": "PRIVATE", "spec": "{}"}
    for query, variables in (
        (CREATE, {"input": new(lab, name="mine")}),
        (UPDATE, {"input": {"id": made["id"], "enabled": False}}),
        (DELETE, {"id": made["id"]}),
        (WEBHOOK, {"input": hook | {"name": "other"}}),
        (CHART, {"input": chart}),
    ):
        assert "errors" in ada.graphql(query, **variables)
    assert ada.data(LIST, entity="lab")["entity"] is None
    owner.data(INVITE, entity="lab", username="ada")
    assert ada.data(UPDATE, input={"id": made["id"], "enabled": False})
    found = ada.data(LIST, entity="lab")["entity"]["triggers"]["edges"]
    assert [edge["node"]["name"] for edge in found] == ["alert"]


def test_an_entity_is_a_scope_unless_it_is_a_user(owner: Raw, scope: str) -> None:
    ids = {}
    add_user(owner, "ada@example.org")
    for name in ("team", "ada"):
        ids[name] = owner.data(LIST.replace("triggers", "id t: triggers"), entity=name)["entity"]
    given = new(ids["team"]["id"], scopeType="ENTITY")
    made = owner.data(CREATE, input=given)["createFilterTrigger"]["trigger"]["scope"]
    assert (made["__typename"], made["entityType"]) == ("Entity", "team")
    answer = owner.graphql(CREATE, input=new(ids["ada"]["id"], scopeType="ENTITY"))
    assert "is a user" in message(answer)


def test_a_chart_is_kept_once_an_entity(owner: Raw, scope: str) -> None:
    given = {"entity": "team", "name": "bars", "displayName": "Bars", "type": "vega2"}
    given |= {"access": "PUBLIC", "spec": '{"mark": "bar"}'}
    made = owner.data(CHART, input=given)["createCustomChart"]["chart"]
    assert made == {"id": "team/bars"}
    for changes in (
        {},
        {"name": ""},
        {"name": "a/b"},
        {"access": "public"},
        {"type": "vega5"},
        {"name": "b", "spec": "{"},
        {"name": "b", "spec": "[]"},
        {"name": "b", "entity": "nobody"},
    ):
        answer = owner.graphql(CHART, input=given | changes)
        assert answer["data"] == {"createCustomChart": None}
