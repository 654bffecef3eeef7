"""The algebra of conditions: what it joins, what it leaves alone, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.api.automations.filters import Filter, event_form, run_form
from wbexport.api.automations.metrics import RunMetricFilter
from wbexport.automations import (
    ArtifactEvent,
    DoNothing,
    NewAutomation,
    OnCreateArtifact,
    OnLinkArtifact,
    OnRunMetric,
    OnRunState,
    ProjectScope,
    RunEvent,
    RunStateFilter,
    SendNotification,
    SendPromptToAria,
    SendWebhook,
    SlackIntegration,
    TeamScope,
    WebhookIntegration,
)
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = ProjectScope(id="UHI=", name="vision")
LOSS = RunEvent.metric("loss")

#: Conditions on the truth of some letters, as functions of which letters are true.
letters = st.sampled_from("abcd")
conditions = st.recursive(
    letters.map(lambda letter: Filter({letter: {"$eq": True}})),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda both: both[0] & both[1]),
        st.tuples(inner, inner).map(lambda both: both[0] | both[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=12,
)


def holds(document: dict[str, Any], true: set[str]) -> bool:
    """Read a condition as MongoDB does."""
    ((key, value),) = document.items()
    match key:
        case "$and":
            return all(holds(item, true) for item in value)
        case "$or":
            return any(holds(item, true) for item in value)
        case "$nor":
            return not any(holds(item, true) for item in value)
        case "$not":
            return not holds(value, true)
    return (key in true) == value["$eq"]


@given(conditions, conditions, st.sets(letters))
def test_operators_mean_what_python_means(one: Filter, other: Filter, true: set[str]) -> None:
    first, second = holds(one.document, true), holds(other.document, true)
    assert holds((one & other).document, true) == (first and second)
    assert holds((one | other).document, true) == (first or second)
    assert holds((~one).document, true) != first


@given(conditions, st.sets(letters))
def test_a_condition_means_the_same_in_the_form_that_is_sent(one: Filter, true: set[str]) -> None:
    for form in (run_form, event_form):
        assert holds(form(one).document, true) == holds(one.document, true)


@given(conditions)
def test_the_form_that_is_sent_is_stable_and_survives_json(one: Filter) -> None:
    for form in (run_form, event_form):
        sent = form(one)
        assert form(sent) == sent
        assert Filter(json.loads(json.dumps(sent.document))) == sent


@given(conditions)
def test_negating_twice_is_the_same(one: Filter) -> None:
    assert run_form(~~one) == run_form(one)


def test_plain_values_and_several_keys_are_spelled_out() -> None:
    assert Filter({"a": 1, "b": {"$gt": 2}}).document == {
        "$and": [{"a": {"$eq": 1}}, {"b": {"$gt": 2}}]
    }
    assert Filter().document == Filter({}).document == {"$and": []}
    assert Filter({"$where": "x"}).document == {"$where": "x"}


def test_metric_and_run_conditions_join_in_any_order() -> None:
    run = RunEvent.name == "base"
    for metric in (LOSS > 1, LOSS.changes_by(diff=1), LOSS.zscore(3) > 1):
        assert metric & run == run & metric == RunMetricFilter(run=run, metric=metric)
    state = RunEvent.state == "failed"
    assert state & run == run & state == RunStateFilter(run=run, state=state)


def test_states_are_sorted_once_each_and_a_crash_is_a_failure() -> None:
    chosen = RunEvent.state.in_(["finished", "CRASHED", "Failed"])
    assert chosen.model_dump(mode="json") == {"states": ["FAILED", "FINISHED"]}


def test_conditions_say_what_they_are() -> None:
    assert repr(LOSS.mean(5) > 10) == "MetricThresholdFilter(AVERAGE(loss) > 10)"
    assert repr(LOSS.max(2).increases_by(frac=0.5)) == (
        "MetricChangeFilter(MAX(loss) increases by 50.00%)"
    )
    assert repr(LOSS.changes_by(diff=2)) == "MetricChangeFilter(loss changes by 2)"
    scores = (abs(LOSS.zscore(30)) > 3, LOSS.zscore(30) > 3, LOSS.zscore(30) < -3)
    assert [repr(score) for score in scores] == [
        "MetricZScoreFilter(abs(zscore(loss)) > 3)",
        "MetricZScoreFilter(zscore(loss) > 3)",
        "MetricZScoreFilter(zscore(loss) < -3)",
    ]
    assert repr(RunEvent.name) == "FilterField('display_name')"
    assert repr(ArtifactEvent.tag == "x") == "Filter({'tag': {'$eq': 'x'}})"


def test_a_new_automation_takes_its_scope_from_its_event() -> None:
    new = OnRunState(scope=PROJECT, filter=RunEvent.state == "failed") >> DoNothing()
    assert new.scope == PROJECT
    new.scope = TeamScope(id="VA==", name="team")
    assert new.event is not None
    assert new.event.scope.name == "team"
    assert NewAutomation().scope is None
    with pytest.raises(InputError, match="event"):
        NewAutomation().scope = PROJECT


SLACK = SlackIntegration(id="U2w=", team_name="t", channel_name="#c")
WEBHOOK = WebhookIntegration(id="V2g=", name="w", url_endpoint="https://example.com")

WRONG: dict[str, Callable[[], object]] = {
    "text where a list is wanted": lambda: ArtifactEvent.alias.in_("abc"),
    "an object as a value": lambda: ArtifactEvent.alias.eq({"a": 1}),  # type: ignore[arg-type]
    "no value": lambda: ArtifactEvent.alias.eq(None),  # type: ignore[arg-type]
    "NaN": lambda: ArtifactEvent.alias > float("nan"),
    "a pattern that is no text": lambda: ArtifactEvent.alias.matches_regex(1),  # type: ignore[arg-type]
    "exists of text": lambda: ArtifactEvent.alias.exists("yes"),  # type: ignore[arg-type]
    "a filter that is no object": lambda: Filter([1]),  # type: ignore[arg-type]
    "a group that is no list": lambda: Filter({"$or": {"a": 1}}),
    "a group of text": lambda: Filter({"$and": ["a"]}),
    "a threshold that is text": lambda: LOSS > "high",  # type: ignore[operator]
    "an endless threshold": lambda: float("inf") < LOSS,
    "a window of nothing": lambda: LOSS.mean(0),
    "a change of nothing": lambda: LOSS.changes_by(),
    "a change of two kinds": lambda: LOSS.changes_by(diff=1, frac=1),
    "a change below zero": lambda: LOSS.increases_by(diff=-1),
    "a change by text": lambda: LOSS.decreases_by(frac="much"),  # type: ignore[arg-type]
    "a negative score above": lambda: LOSS.zscore(3) > -1,
    "a positive score below": lambda: LOSS.zscore(3) < 1,
    "an absolute score below": lambda: abs(LOSS.zscore(3)) < -1,
    "an unknown state": lambda: RunEvent.state == "sleeping",
    "a state that is no text": lambda: RunEvent.state == 3,
    "a run event without a filter": lambda: OnRunMetric(scope=PROJECT),  # type: ignore[call-arg]
    "a state filter on a metric": lambda: OnRunMetric(
        scope=PROJECT, filter=RunEvent.state == "failed"
    ),
    "a run filter alone": lambda: OnRunMetric(scope=PROJECT, filter=RunEvent.name == "a"),
    "a scope that is text": lambda: OnLinkArtifact(scope="vision"),
    "creation in a project": lambda: OnCreateArtifact(scope=PROJECT),
    "a webhook for a message": lambda: SendNotification.from_integration(WEBHOOK),  # type: ignore[arg-type]
    "a channel for a request": lambda: SendWebhook.from_integration(SLACK),  # type: ignore[arg-type]
    "an unknown level": lambda: SendNotification.from_integration(SLACK, level="LOUD"),
    "a payload that is no object": lambda: SendWebhook(integration_id="a", request_payload=[1]),
    "a payload that is no JSON": lambda: SendWebhook(integration_id="a", request_payload="{"),
    "an unknown field": lambda: SendWebhook(integration_id="a", colour=1),  # type: ignore[call-arg]
    "a long prompt": lambda: SendPromptToAria(prompt="é" * 2001),
    "an empty prompt": lambda: SendPromptToAria(prompt=" \n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_right_is_refused_when_it_is_written(name: str) -> None:
    with pytest.raises(InputError):
        WRONG[name]()


def test_what_is_wrong_is_named_with_its_field() -> None:
    with pytest.raises(InputError, match=r"^SendWebhook: integration_id: Field required\.$"):
        SendWebhook()  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"^OnRunMetric: scope: cannot be 5\.$"):
        OnRunMetric(scope=5, filter=LOSS > 1)
    message = SendWebhook(integration_id="a")
    with pytest.raises(InputError, match=r"^SendWebhook: integration_id: .* valid string\.$"):
        message.integration_id = 5  # type: ignore[assignment]


@pytest.mark.parametrize("other", [1, "x", None])
def test_conditions_join_with_conditions_alone(other: object) -> None:
    for condition in (ArtifactEvent.alias == "a", LOSS > 1, RunEvent.state == "failed"):
        with pytest.raises(TypeError):
            condition & other
    with pytest.raises(TypeError):
        (ArtifactEvent.alias == "a") | other
