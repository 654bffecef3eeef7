"""Every GraphQL document of the SDK is valid for our schema, and runs without a crash."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import graphql
import pytest

from tests.parity.documents import core_documents, python_documents
from wbexport.server.execute import read_schema
from wbexport.server.resolvers import RESOLVERS

if TYPE_CHECKING:
    from tests.server.client import Raw

SCHEMA = graphql.build_schema(read_schema())
DOCUMENTS = python_documents() | core_documents()

#: Values for a request that finds something, by the name of a variable or an input field.
NAMES = {
    "entity": "local", "entityName": "local", "project": "vision", "projectName": "vision",
    "modelName": "vision", "name": "train-1", "run": "train-1", "runName": "train-1",
    "run_id": "train-1", "artifactTypeName": "dataset", "artifactCollectionName": "digits",
    "collectionName": "digits", "artifactType": "dataset", "organization": "local",
}  # fmt: skip

HOSTILE = "../..\0'\"; drop table runs; -- \U0001f600"
SCALARS = {
    "likely": {"String": "name", "ID": base64.b64encode(b"Run:v1:train-1:vision:local").decode(),
               "Int": 5, "Int64": 5, "Float": 0.5, "Boolean": True, "JSONString": "{}", "JSON": {},
               "DateTime": "2026-01-02T03:04:05Z", "Duration": 60_000},
    "empty": {"String": "", "ID": "", "Int": 0, "Int64": 0, "Float": 0.0, "Boolean": False,
              "JSONString": "null", "JSON": None, "DateTime": "", "Duration": 0},
    "hostile": {"String": HOSTILE, "ID": HOSTILE, "Int": -(2**31), "Int64": 2**63 - 1,
                "Float": -1e308, "Boolean": True, "JSONString": '[{"$where": [1e999, {}]}]',
                "JSON": [HOSTILE], "DateTime": HOSTILE, "Duration": -1},
}  # fmt: skip


def operation(text: str) -> graphql.OperationDefinitionNode:
    nodes = graphql.parse(text).definitions
    (found,) = (node for node in nodes if isinstance(node, graphql.OperationDefinitionNode))
    return found


def variables(text: str, style: str) -> dict[str, Any]:
    """Values for the variables of a document: likely ones, empty ones, or hostile ones."""
    values = {}
    for definition in operation(text).variable_definitions or ():
        name = definition.variable.name.value
        wanted = graphql.type_from_ast(SCHEMA, definition.type)
        if style != "empty" or graphql.is_non_null_type(wanted):
            values[name] = value_of(wanted, name, style)
    return values


def value_of(wanted: Any, name: str, style: str, depth: int = 0) -> Any:
    if graphql.is_non_null_type(wanted):
        return value_of(wanted.of_type, name, style, depth)
    if graphql.is_list_type(wanted):
        return [] if style == "empty" else [value_of(wanted.of_type, name, style, depth)]
    if graphql.is_enum_type(wanted):
        return next(iter(wanted.values))
    if graphql.is_input_object_type(wanted):
        return {
            key: value_of(field.type, key, style, depth + 1)
            for key, field in wanted.fields.items()
            if graphql.is_required_input_field(field) or (style != "empty" and depth < 4)
        }
    scalar = SCALARS[style][wanted.name]
    return NAMES.get(name, scalar) if style == "likely" else scalar


def test_the_documents_of_the_sdk_are_found() -> None:
    kinds = [operation(text).operation.value for text in DOCUMENTS.values()]
    assert len(set(DOCUMENTS.values())) >= 160
    assert min(kinds.count("query"), kinds.count("mutation")) > 60
    names = {node.name.value for text in DOCUMENTS.values() if (node := operation(text)).name}
    assert {
        "Runs",
        "RunFiles",
        "GetViewer",
        "UpsertBucket",
        "CreateArtifact",
        "UseArtifact",
    } <= names


@pytest.mark.parametrize("place", DOCUMENTS)
def test_a_document_is_valid_for_the_schema(place: str) -> None:
    assert graphql.validate(SCHEMA, graphql.parse(DOCUMENTS[place])) == []


@pytest.mark.parametrize("style", SCALARS)
def test_no_document_makes_the_server_fail(raw: Raw, style: str) -> None:
    faults = {}
    ordered = sorted(DOCUMENTS, key=lambda place: "mutation" in DOCUMENTS[place])
    for place in ordered:
        text = DOCUMENTS[place]
        body = {"query": text, "variables": variables(text, style), "operationName": ""}
        answer = raw.call("POST", "/graphql", json=body, headers=raw.headers)
        messages = [error["message"] for error in answer.json.get("errors", ())]
        if answer.status_code >= 500 or "internal error" in messages:
            faults[place] = operation(text).name.value, messages
    assert faults == {}


def test_what_no_document_asks_for_is_an_error(raw: Raw) -> None:
    for text in (
        "{ nothing }",
        "{ viewer { nothing } }",
        "mutation { nothing { id } }",
        "{ viewer }",
    ):
        answer = raw.graphql(text)
        assert answer["errors"][0]["message"] != "internal error"


@pytest.mark.parametrize("root", ["Query", "Mutation"])
def test_every_root_field_has_a_resolver(root: str) -> None:
    assert set(SCHEMA.type_map[root].fields) - RESOLVERS[root].keys() == set()
