"""Every field of the server's schema answers, whatever it is asked with, and in bounds."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import graphql
import pytest

from tests.parity.test_documents import SCALARS, SCHEMA, value_of
from tests.server.test_accounts import add_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.client import Raw

OBJECTS = {
    name: kind
    for name, kind in SCHEMA.type_map.items()
    if graphql.is_object_type(kind) and not name.startswith("__")
}
#: Types that only mutations give.
WRITTEN = {"CustomChart", "Invite", "RunFileUpload", "ServerMessage", "ServerSettings"}


def spelled(name: str, field: Any, style: str) -> str:
    """A field with all its arguments, the optional ones too."""
    given = []
    for key, argument in field.args.items():
        node = graphql.ast_from_value(value_of(argument.type, key, style), argument.type)
        given.append(f"{key}: {'null' if node is None else graphql.print_ast(node)}")
    return f"{name}({', '.join(given)})" if given else name


#: Steps that need a name to find something.
STEPS = {
    "Query.artifact": "",
    "Query.artifactCollection": "",
    "Query.clientIDMapping": 'clientIDMapping(clientID: "x")',
    "Query.entity": 'entity(name: "local")',
    "Query.launchAgent": 'launchAgent(id: "x")',
    "Query.model": "",
    "Query.models": 'models(entityName: "local")',
    "Query.organization": 'organization(name: "local")',
    "Query.project": "",
    "Entity.project": "",
    "Entity.defaultResourceConfig": 'defaultResourceConfig(id: "x")',
    "Organization.featureFlags": "featureFlags(rampIDType: OrgName)",
    "Project.artifactType": 'artifactType(name: "dataset")',
    "Project.run": 'run(name: "train-1")',
    "Run.parquetHistory": 'parquetHistory(liveKeys: ["loss"])',
}


def step_to(owner: str, name: str, field: Any) -> str:
    """A field on the way to others; empty where it would find nothing."""
    needs = any(graphql.is_required_argument(each) for each in field.args.values())
    return STEPS.get(f"{owner}.{name}", "" if needs else name)


def ways() -> dict[str, tuple[str, ...]]:
    """The shortest way from the root of queries to each type, as nested selections."""
    found: dict[str, tuple[str, ...]] = {"Query": ()}
    queue = deque(["Query"])
    while queue:
        owner = queue.popleft()
        for name, field in OBJECTS[owner].fields.items():
            step = step_to(owner, name, field)
            for kind, steps in targets(step, field):
                if step and kind not in found:
                    found[kind] = (*found[owner], *steps)
                    queue.append(kind)
    return found


def targets(step: str, field: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The object types that a field may give, and the selections that lead there."""
    target = graphql.get_named_type(field.type)
    if graphql.is_abstract_type(target):
        kinds = [kind.name for kind in SCHEMA.get_possible_types(target)]
        return [(kind, (step, f"... on {kind}")) for kind in kinds]
    return [(target.name, (step,))] if graphql.is_object_type(target) else []


WAYS = ways()


def below(owner: str, text: str) -> str:
    """A query for a selection on a type."""
    for step in reversed(WAYS[owner]):
        text = f"{step} {{ {text} }}"
    return f"{{ {text} }}"


def everything(owner: str, style: str | None) -> str:
    """A query for all fields of a type; without a style, only for those that need no argument."""
    parts = ["__typename"]
    for name, field in OBJECTS[owner].fields.items():
        is_leaf = graphql.is_leaf_type(graphql.get_named_type(field.type))
        inner = "" if is_leaf else " { __typename }"
        step = spelled(name, field, style) if style else step_to(owner, name, field)
        if step:
            parts.append(f"a_{name}: {step}{inner}")
    return below(owner, " ".join(parts))


@pytest.mark.parametrize("style", SCALARS)
def test_every_field_of_every_type_answers(raw: Raw, style: str) -> None:
    faults = {}
    for owner in WAYS:
        document = graphql.parse(everything(owner, style))
        assert graphql.validate(SCHEMA, document) == []
        answer = raw.graphql(graphql.print_ast(document))
        said = [error for error in answer.get("errors", ()) if error["message"] == "internal error"]
        if said:
            faults[owner] = said
    assert faults == {}


def test_every_type_is_reached_by_queries_or_is_of_mutations_alone() -> None:
    payloads = {name for name in OBJECTS if name.endswith("Payload")} | {"Mutation"}
    assert OBJECTS.keys() - payloads - WAYS.keys() == WRITTEN


def connections(answer: Any) -> Iterator[list[Any]]:
    """Every list of edges in an answer."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key == "edges" and isinstance(value, list):
                yield value
            yield from connections(value)
    elif isinstance(answer, list):
        for each in answer:
            yield from connections(each)


def test_no_connection_gives_more_than_a_page_holds(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = raw.app.service
    monkeypatch.setattr(service, "limits", replace(service.limits, page=1))
    longer, filled = {}, 0
    for owner in WAYS:
        for name, field in OBJECTS[owner].fields.items():
            target = OBJECTS.get(graphql.get_named_type(field.type).name)
            if target is not None and "edges" in target.fields and "first" in field.args:
                selected = f"{name}(first: 1000) {{ edges {{ __typename }} }}"
                answer = raw.graphql(below(owner, selected))
                lengths = [len(edges) for edges in connections(answer.get("data"))]
                filled += max(lengths, default=0)
                if max(lengths, default=0) > 1:
                    longer[f"{owner}.{name}"] = lengths
    assert longer == {}
    assert filled > 5


def test_selections_that_lead_in_circles_are_refused(raw: Raw) -> None:
    text = "id"
    for _ in range(4):
        text = f"runs(first: 1000) {{ edges {{ node {{ project {{ {text} }} }} }} }}"
    answer = raw.graphql(f'{{ project(name: "vision", entityName: "local") {{ {text} }} }}')
    assert "nest deeper" in answer["errors"][0]["message"]


#: Texts of what the scenario keeps in projects and teams, which no query here names.
PRIVATE = ("notes of 1", "Train 1", "baseline", "learning rates", "What helped", "low loss",
           "https://example.com/hook", "tell us", "training data", "labels.csv")  # fmt: skip


def test_who_belongs_to_nothing_sees_nothing_of_it(raw: Raw) -> None:
    _, stranger = add_user(raw, "stranger@example.org")
    shown = {}
    for who, client in {"owner": raw, "stranger": stranger}.items():
        answers = [repr(client.graphql(everything(owner, None))) for owner in WAYS]
        assert [answer for answer in answers if "internal error" in answer] == []
        shown[who] = {text for text in PRIVATE if any(text in answer for answer in answers)}
    assert len(shown["owner"]) > 6
    assert shown["stranger"] == set()
