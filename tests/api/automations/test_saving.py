"""Automations saved, listed and refused by a server in this process, and by older ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.stub import Stub, StubError
from wbexport.api.automations.listings import Automations, EntityAutomations
from wbexport.api.client import Api
from wbexport.automations import (
    ArtifactEvent,
    Automation,
    DoNothing,
    NewAutomation,
    OnAddArtifactTag,
    OnRunMetric,
    OnRunState,
    OrgScope,
    RegistryScope,
    RunEvent,
    SendNotification,
    SendPromptToAria,
    SendWebhook,
    TeamScope,
)
from wbexport.errors import (
    ConflictError,
    GraphQLError,
    InputError,
    NotFoundError,
    ResponseError,
    UnsupportedError,
)
from wbexport.server.service import utc_now
from wbexport.store.integrations import add_slack_integration, add_webhook_integration
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from tests.api.conftest import Connect
    from wbexport.api.automations.integrations import SlackIntegration, WebhookIntegration
    from wbexport.api.projects import Project
    from wbexport.server.app import Application
    from wbexport.store.database import Store


@pytest.fixture
def project(api: Api) -> Project:
    api.create_project("vision", "team")
    return api.project("vision", "team")


@pytest.fixture
def failed(project: Project) -> NewAutomation:
    return OnRunState(scope=project, filter=RunEvent.state == "failed") >> DoNothing()


@pytest.fixture
def slack(api: Api, project: Project, store: Store) -> SlackIntegration:
    with store.transaction() as cur:
        add_slack_integration(cur, "team", "acme", "#ml", now=utc_now())
    return next(api.slack_integrations(entity="team"))  # type: ignore[no-any-return]


@pytest.fixture
def webhook(api: Api, project: Project, store: Store) -> WebhookIntegration:
    address = {"urlEndpoint": "https://example.com/hook"}
    with store.transaction() as cur:
        add_webhook_integration(cur, "team", "hook", address, now=utc_now())
    return next(api.webhook_integrations("team"))  # type: ignore[no-any-return]


def test_the_example_of_the_reference_works(
    api: Api, project: Project, slack: SlackIntegration
) -> None:
    event = OnRunMetric(scope=project, filter=RunEvent.metric("custom-metric") > 10)
    action = SendNotification.from_integration(slack)
    saved = api.create_automation(event >> action, name="my-automation", description="why")
    assert isinstance(saved, Automation)
    assert (saved.name, saved.description, saved.enabled) == ("my-automation", "why", True)
    assert saved.created_at == saved.updated_at
    saved.enabled = False
    assert api.update_automation(saved).enabled is False
    assert api.update_automation(saved, enabled=True).enabled is True
    assert api.delete_automation(saved) is True
    assert list(api.automations()) == []


def test_listings_give_all_pages_once(api: Api, failed: NewAutomation) -> None:
    names = [f"n{number}" for number in range(7)]
    for name in names:
        api.create_automation(failed, name=name)
    api.create_project("empty", "team")
    for listing in (
        api.automations("team", per_page=2),
        api.automations(per_page=1),
        Automations(api.client, "team", per_page=1),
    ):
        assert [each.name for each in listing] == names
    assert isinstance(api.automations("team"), EntityAutomations)
    assert next(api.automations("team", name="n3")).name == "n3"
    assert [each.name for each in Automations(api.client, "team", name="n4")] == ["n4"]


def test_a_name_is_taken_once_a_scope(api: Api, failed: NewAutomation) -> None:
    first = api.create_automation(failed, name="alert")
    assert repr(first) == "<Automation 'alert' (vision, RUN_STATE)>"
    with pytest.raises(ConflictError, match="'alert' in vision"):
        api.create_automation(failed, name="alert")
    assert api.create_automation(failed, name="alert", fetch_existing=True).id == first.id
    team = TeamScope(id=api.team("team").id, name="team")
    second = api.create_automation(failed, name="alert", scope=team)
    assert api.create_automation(failed, name="alert", scope=team, fetch_existing=True) == second
    with pytest.raises(ConflictError, match="several"):
        api.automation("alert", entity="team")
    assert api.automation("alert").id == first.id
    with pytest.raises(GraphQLError, match="already"):
        api.update_automation(second, scope=failed.scope)


def test_an_automation_that_is_gone_is_created_again_when_asked(
    api: Api, failed: NewAutomation
) -> None:
    saved = api.create_automation(failed, name="alert")
    api.delete_automation(saved.id)
    for call in (api.update_automation, api.delete_automation):
        with pytest.raises(NotFoundError, match=saved.id):
            call(saved)
    again = api.update_automation(saved, create_missing=True, description="back")
    assert (again.id != saved.id, again.description) == (True, "back")
    assert again.event == saved.event


def test_a_new_event_brings_its_scope_along(api: Api, failed: NewAutomation) -> None:
    saved = api.create_automation(failed, name="alert")
    event = OnAddArtifactTag(scope=api.team("team"), filter=ArtifactEvent.tag == "gold")
    changed = api.update_automation(saved, event=event)
    assert (changed.scope.name, type(changed.scope)) == ("team", TeamScope)
    changed.event = event
    assert api.update_automation(changed, scope=failed.scope).scope.name == "vision"
    with pytest.raises(InputError, match="scope"):
        api.update_automation(changed, event=event, scope="nowhere")


def test_what_cannot_be_saved_is_refused_before_a_request(
    api: Api, failed: NewAutomation, app: Application, token: str
) -> None:
    saved = api.create_automation(failed, name="alert")
    reader = Api(settings=replace(api.settings, read_only=True), transport=wsgi_transport(app))
    for call, words in (
        (lambda: api.create_automation(failed), "name"),
        (lambda: api.create_automation(failed, name=""), "name"),
        (lambda: api.create_automation(failed, name="x" * 256), "name"),
        (lambda: api.create_automation(failed, name="n", colour="red"), "colour"),
        (lambda: api.create_automation(NewAutomation(), name="n"), "event"),
        (lambda: api.create_automation(saved, name="n"), "event >> action"),  # type: ignore[arg-type]
        (lambda: api.update_automation(failed), "saved automation"),  # type: ignore[arg-type]
        (lambda: api.update_automation(saved, enabled="perhaps"), "enabled"),
        (lambda: api.delete_automation(failed), "its id"),  # type: ignore[arg-type]
        (lambda: reader.create_automation(failed, name="n"), "read-only"),
        (lambda: reader.delete_automation(saved), "read-only"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_the_server_refuses_what_it_has_not(
    api: Api, failed: NewAutomation, slack: SlackIntegration, webhook: WebhookIntegration
) -> None:
    for new in (
        failed.model_copy(update={"action": SendWebhook(integration_id=slack.id)}),
        failed.model_copy(update={"action": SendNotification(integration_id=webhook.id)}),
        failed.model_copy(update={"action": SendWebhook(integration_id="nothing")}),
    ):
        with pytest.raises(GraphQLError):
            api.create_automation(new, name="n")
    with pytest.raises(GraphQLError):
        api.create_automation(failed, name="n", scope=TeamScope(id="nothing", name="nobody"))
    for listing in (api.integrations, api.webhook_integrations, api.automations):
        with pytest.raises(NotFoundError, match="nobody"):
            list(listing("nobody"))
    assert list(api.automations()) == []


def test_integrations_are_told_apart(
    api: Api, slack: SlackIntegration, webhook: WebhookIntegration
) -> None:
    assert list(api.integrations("team", per_page=1)) == [slack, webhook]
    assert list(api.slack_integrations(entity="team")) == [slack]
    assert (slack.channel_name, webhook.url_endpoint) == ("#ml", "https://example.com/hook")


def trigger(**changes: Any) -> dict[str, Any]:
    """An automation as servers send it."""
    return {
        "id": "VA==",
        "name": "a",
        "description": None,
        "enabled": True,
        "createdAt": "2026-01-02T03:04:05Z",
        "updatedAt": None,
        "scope": {"__typename": "Project", "id": "UA==", "name": "vision"},
        "event": {
            "__typename": "FilterEventTriggeringCondition",
            "eventType": "RUN_STATE",
            "filter": '{"run_filter":"{\\"$and\\":[]}","run_state_filter":{"states":["FAILED"]}}',
        },
        "action": {"__typename": "NoOpTriggeredAction", "noOp": None},
    } | changes


def walked(*triggers: dict[str, Any]) -> dict[str, Any]:
    page = {"edges": [{"node": {"triggers": list(triggers)}}], "pageInfo": {"hasNextPage": False}}
    return {"projects": page}


def test_an_older_server_is_walked_project_by_project_and_asked_for_no_new_type(
    connect: Connect,
) -> None:
    old = Stub(
        {
            "ServerFeatures": lambda _: {"serverInfo": {"features": []}},
            "EntityProjectAutomations": lambda _: {"entity": walked(trigger())},
        }
    )
    api = connect(old)
    assert api.automation("a", entity="team").enabled
    listing = api.automations("team")
    assert isinstance(listing, Automations)
    for absent in ("ARIATriggeredAction", "on Entity", "PushNotification", "EntityScopeFields"):
        assert absent not in listing._query()
    event = OnRunState(scope=TeamScope(id="VA==", name="team"), filter=RunEvent.state == "failed")
    for new in (
        event >> DoNothing(),
        OnAddArtifactTag(scope=RegistryScope(id="UA==", name="wandb-registry-a")) >> DoNothing(),
        OnRunState(
            scope={"__typename": "Project", "id": "UA==", "name": "vision"},
            filter=RunEvent.state == "failed",
        )
        >> SendPromptToAria(prompt="why?"),
    ):
        with pytest.raises(UnsupportedError, match="newer W&B server"):
            api.create_automation(new, name="n")


#: Kinds that newer servers may have, and what is read of them.
KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "registry": (
        {"scope": {"__typename": "Project", "id": "UA==", "name": "wandb-registry-model"}},
        lambda found: isinstance(found.scope, RegistryScope) and found.scope.is_registry,
    ),
    "organization": (
        {
            "scope": {
                "__typename": "Entity",
                "id": "RQ==",
                "name": "org",
                "entityType": "organization",
            }
        },
        lambda found: isinstance(found.scope, OrgScope),
    ),
    "weave": (
        {
            "event": {
                "__typename": "FilterEventTriggeringCondition",
                "eventType": "WEAVE_METRIC_THRESHOLD",
                "filter": '{"some": "thing"}',
            }
        },
        lambda found: found.event.filter == {"some": "thing"},
    ),
    "unknown event": (
        {
            "event": {
                "__typename": "FilterEventTriggeringCondition",
                "eventType": "MOON_IS_FULL",
                "filter": "{}",
            }
        },
        lambda found: found.event.event_type == "MOON_IS_FULL",
    ),
    "queue job": (
        {
            "action": {
                "__typename": "QueueJobTriggeredAction",
                "queue": {"id": "UQ==", "name": "gpus"},
                "template": "{}",
            }
        },
        lambda found: found.action.queue.name == "gpus",
    ),
    "push notification": (
        {"action": {"__typename": "PushNotificationTriggeredAction", "title": "t", "body": None}},
        lambda found: found.action.title == "t",
    ),
    "legacy limit": (
        {
            "event": {
                "__typename": "FilterEventTriggeringCondition",
                "eventType": "RUN_METRIC",
                "filter": '{"run_filter":"{\\"$and\\":[]}","run_metric_filter":'
                '{"threshold_filter":{"name":"x","agg_op":null,"window_size":1,"cmp_op":"$gt",'
                '"threshold":1}},"metric_filter":"{\\"name\\":\\"x\\",\\"cmp_op\\":\\"$gt\\",'
                '\\"threshold\\":1}"}',
            }
        },
        lambda found: found.event.filter.legacy_metric_filter.threshold == 1,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_saved_automation_can_be_read(connect: Connect, kind: str) -> None:
    changes, is_right = KINDS[kind]
    stub = Stub(
        {
            "ServerFeatures": lambda _: {"serverInfo": {"features": []}},
            "Automations": lambda _: {"viewer": walked(trigger(**changes))},
            "UpdateAutomation": lambda _: {"result": {"trigger": trigger(**changes)}},
        }
    )
    api = connect(stub)
    found = api.automation("a")
    assert is_right(found)
    if kind in ("weave", "queue job", "push notification"):
        with pytest.raises(InputError, match="can only be read"):
            api.update_automation(found, enabled=False)


def test_an_answer_of_the_wrong_shape_is_an_error(connect: Connect) -> None:
    stub = Stub(
        {
            "ServerFeatures": lambda _: {"serverInfo": None},
            "Automations": lambda _: {"viewer": walked(trigger(action={"__typename": "New"}))},
            "CreateAutomation": lambda _: {"result": None},
            "DeleteAutomation": lambda _: {"deleteTrigger": None},
            "CreateCustomChart": lambda _: {"createCustomChart": None},
        }
    )
    api = connect(stub)
    with pytest.raises(ResponseError, match="action"):
        list(api.automations())
    scope = {"__typename": "Project", "id": "UA==", "name": "vision"}
    new = OnRunState(scope=scope, filter=RunEvent.state == "failed") >> DoNothing()
    with pytest.raises(ResponseError, match="'n'"):
        api.create_automation(new, name="n")
    with pytest.raises(NotFoundError, match="gone"):
        api.delete_automation("gone")
    with pytest.raises(ResponseError, match="bars"):
        api.create_custom_chart("team", "bars", "Bars", "vega2", "private", {})


def test_an_unknown_kind_of_integration_is_left_out(connect: Connect) -> None:
    nodes = [
        {"__typename": "GitHubOAuthIntegration"},
        {"__typename": "SlackIntegration", "id": "a", "teamName": "t", "channelName": "c"},
    ]
    page = {"edges": [{"node": each} for each in nodes], "pageInfo": {"hasNextPage": False}}
    api = connect(Stub({"Integrations": lambda _: {"entity": {"integrations": page}}}))
    assert [each.id for each in api.integrations("team")] == ["a"]


def test_a_chart_is_checked_before_a_request(api: Api, project: Project) -> None:
    good = {"entity": "team", "name": "bars", "display_name": "Bars", "spec_type": "vega2"}
    good |= {"access": "private", "spec": {"mark": "bar"}}
    for changes, words in (
        ({"access": "secret"}, "access"),
        ({"access": None}, "access"),
        ({"spec_type": "vega5"}, "spec_type"),
        ({"name": ""}, "name"),
        ({"display_name": None}, "displayName"),
        ({"spec": "{"}, "spec"),
        ({"spec": "[1]"}, "spec"),
        ({"spec": 3}, "spec"),
        ({"spec": {"a": float("nan")}}, "spec"),
        ({"spec": {"a": object()}}, "spec"),
    ):
        with pytest.raises(InputError, match=words):
            api.create_custom_chart(**(good | changes))  # type: ignore[arg-type]
    assert api.create_custom_chart(**good | {"access": "PUBLIC"}) == "team/bars"  # type: ignore[arg-type]
    with pytest.raises(GraphQLError, match="already"):
        api.create_custom_chart(**good)  # type: ignore[arg-type]


def test_a_server_without_charts_says_so(connect: Connect) -> None:
    def refuse(_: object) -> None:
        raise StubError('Cannot query field "createCustomChart" on type "Mutation".')

    api = connect(Stub({"CreateCustomChart": refuse}))
    with pytest.raises(UnsupportedError, match="custom charts"):
        api.create_custom_chart("team", "bars", "Bars", "vega2", "private", {})
