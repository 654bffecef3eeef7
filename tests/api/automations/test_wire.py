"""An automation is sent as the real SDK sends it, whatever it is built of."""

from __future__ import annotations

import json
from typing import Any

import pytest
import wandb.automations as theirs
from hypothesis import given, settings
from hypothesis import strategies as st
from wandb.automations._inputs import prepare_to_create
from wandb.automations.scopes import _ArtifactPortfolioScope, _ArtifactSequenceScope

import wbexport.automations as ours
from wbexport.api.automations.drafts import new_draft
from wbexport.api.automations.scopes import _PortfolioScope, _SequenceScope

SCOPES = {
    "project": "ProjectScope(id='UHI=', name='vision')",
    "registry": "RegistryScope(id='UmU=', name='wandb-registry-model')",
    "team": "TeamScope(id='VGU=', name='team')",
    "org": "OrgScope(id='T3I=', name='org')",
    "sequence": "Sequence(id='U2U=', name='model')",
    "portfolio": "Portfolio(id='UG8=', name='best')",
}
THEIRS = {name: getattr(theirs, name) for name in theirs.__all__} | {
    "Sequence": _ArtifactSequenceScope,
    "Portfolio": _ArtifactPortfolioScope,
}
OURS = {name: getattr(ours, name) for name in ours.__all__} | {
    "Sequence": _SequenceScope,
    "Portfolio": _PortfolioScope,
}

texts = st.text(alphabet="aé$.\"' _0", max_size=4).map(repr)
numbers = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False, width=32)
).map(repr)
scalars = st.one_of(texts, numbers, st.booleans().map(repr))
lists = st.lists(scalars, max_size=3).map(lambda items: f"[{', '.join(items)}]")
counts = st.integers(1, 100)
amounts = st.one_of(st.integers(1, 50), st.floats(0.001, 50))


def conditions(*fields: str) -> st.SearchStrategy[str]:
    """Python text of a condition on some fields."""
    field = st.sampled_from(fields)
    leaves = st.one_of(
        st.builds("{}.{}({})".format, field, st.sampled_from(["matches_regex", "contains"]), texts),
        st.builds("{}.exists({})".format, field, st.booleans()),
        st.builds("{}.{}({})".format, field, st.sampled_from(["lt", "gt", "lte", "gte"]), scalars),
        st.builds("({} {} {})".format, field, st.sampled_from(["==", "!=", "<", ">="]), scalars),
        st.builds("{}.{}({})".format, field, st.sampled_from(["eq", "ne"]), scalars),
        st.builds("{}.{}({})".format, field, st.sampled_from(["eq", "in_", "not_in"]), lists),
    )
    # The SDK joins a negated "or" with another one around it, which turns its meaning.
    negated = st.one_of(
        st.builds("~{}".format, leaves),
        st.builds("~~{}".format, leaves),
        st.builds("~({} {} {})".format, leaves, st.sampled_from("&|"), leaves),
    )
    return st.recursive(
        leaves | negated,
        lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("&|"), inner),
        max_leaves=6,
    )


metrics = st.one_of(
    st.builds("RunEvent.metric({})".format, texts),
    st.builds(
        "RunEvent.metric({}).{}({})".format,
        texts,
        st.sampled_from(["max", "min", "avg", "mean"]),
        counts,
    ),
)
metric_filters = st.one_of(
    st.builds("({} {} {})".format, metrics, st.sampled_from([">", ">=", "<", "<="]), numbers),
    st.builds("{}.{}({})".format, metrics, st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.builds(
        "{}.{}({}={!r})".format,
        metrics,
        st.sampled_from(["changes_by", "increases_by", "decreases_by"]),
        st.sampled_from(["diff", "frac"]),
        amounts,
    ),
    st.builds("(RunEvent.metric({}).zscore({}) > {!r})".format, texts, counts, amounts),
    st.builds("(RunEvent.metric({}).zscore({}) <= -{!r})".format, texts, counts, amounts),
    st.builds("(abs(RunEvent.metric({}).zscore({})) >= {!r})".format, texts, counts, amounts),
    st.builds("RunEvent.metric({}).zscore({}).abs().gt({!r})".format, texts, counts, amounts),
)
states = st.sampled_from(["running", "finished", "failed", "FAILED"]).map(repr)
state_filters = st.one_of(
    st.builds("RunEvent.state.eq({})".format, states),
    st.builds("(RunEvent.state == {})".format, states),
    st.builds(
        "RunEvent.state.in_([{}])".format, st.lists(states, min_size=1, max_size=3).map(", ".join)
    ),
)


def with_runs(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Python text of a condition on runs, alone or beside one on which runs."""
    runs = conditions("RunEvent.name")
    both = st.one_of(st.tuples(inner, runs), st.tuples(runs, inner))
    return inner | both.map(" & ".join)


def places(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from([SCOPES[name] for name in names or SCOPES])


ON_ARTIFACTS = [
    "OnLinkArtifact",
    "OnUnlinkArtifact",
    "OnAddArtifactAlias",
    "OnAddArtifactTag",
    "OnRemoveArtifactTag",
    "OnAddCollectionTag",
    "OnRemoveCollectionTag",
]
on_artifacts = conditions("ArtifactEvent.alias", "ArtifactEvent.tag")
events = st.one_of(
    st.builds("{}(scope={})".format, st.sampled_from(ON_ARTIFACTS), places()),
    st.builds(
        "{}(scope={}, filter={})".format, st.sampled_from(ON_ARTIFACTS), places(), on_artifacts
    ),
    st.builds("OnCreateArtifact(scope={})".format, places("sequence", "portfolio")),
    st.builds(
        "OnRunMetric(scope={}, filter={})".format,
        places("project", "team", "org"),
        with_runs(metric_filters),
    ),
    st.builds(
        "OnRunState(scope={}, filter={})".format,
        places("project", "team", "org"),
        with_runs(state_filters),
    ),
)
SLACK = "SlackIntegration(id='U2w=', team_name='t', channel_name='#c')"
WEBHOOK = "WebhookIntegration(id='V2g=', name='w', url_endpoint='https://example.com')"
payloads = st.dictionaries(st.text("ab${}", max_size=3), st.integers() | st.none(), max_size=2)
actions = st.one_of(
    st.just("DoNothing()"),
    st.builds("SendPromptToAria(prompt='say ' + {})".format, texts),
    st.builds("SendWebhook(integration_id='V2g=', request_payload={!r})".format, payloads),
    st.builds(f"SendWebhook.from_integration({WEBHOOK}, payload={{!r}})".format, payloads),
    st.just(f"SendWebhook.from_integration({WEBHOOK})"),
    st.builds(
        "SendNotification(integration_id='U2w=', title={}, {}={}, {}={})".format,
        texts,
        st.sampled_from(["message", "text"]),
        texts,
        st.sampled_from(["severity", "level"]),
        st.sampled_from(["'INFO'", "'warn'", "'Error'", "None"]),
    ),
    st.builds(f"SendNotification.from_integration({SLACK}, text={{}})".format, texts),
)
changes = st.fixed_dictionaries(
    {"name": st.text("abc", min_size=1, max_size=5)},
    optional={"description": st.text(max_size=5), "enabled": st.booleans()},
)


def unfolded(sent: dict[str, Any]) -> dict[str, Any]:
    """An automation with the JSON texts in it read: numbers can be spelled in several ways."""
    event = json.loads(sent["eventFilter"])
    if "run_filter" in event:
        event["run_filter"] = json.loads(event["run_filter"])
    return json.loads(json.dumps(sent)) | {"eventFilter": event}


# The SDK reads a field of its own that it has deprecated.
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@settings(deadline=None)
@given(events, actions, changes)
def test_a_new_automation_is_sent_as_the_sdk_sends_it(
    event: str, action: str, given: dict[str, Any]
) -> None:
    source = f"({event}).then({action})" if given.get("enabled") else f"{event} >> {action}"
    expected = prepare_to_create(eval(source, THEIRS), **given).model_dump()
    found = new_draft(eval(source, OURS), given).sent()
    assert unfolded(found) == unfolded(expected)


def test_the_public_names_are_those_of_the_sdk() -> None:
    assert sorted(ours.__all__) == sorted(theirs.__all__)
