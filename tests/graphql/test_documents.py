"""The documents, each with its fragments, alone and in batches."""

from __future__ import annotations

import re
from pathlib import Path

import graphql
import pytest

from wbexport.graphql import documents
from wbexport.server.execute import read_schema

FOLDER = Path(documents.__file__).parent / "documents"
PATHS = {path.stem: path for path in FOLDER.glob("*/*.graphql")}
STEMS = sorted(PATHS)
FRAGMENTS = [stem for stem in STEMS if "fragment " in PATHS[stem].read_text()]
OPERATIONS = sorted(set(STEMS) - set(FRAGMENTS))


@pytest.fixture(scope="module")
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(read_schema())


@pytest.mark.parametrize("stem", OPERATIONS)
def test_every_document_is_valid_for_the_protocol(stem: str, schema: graphql.GraphQLSchema) -> None:
    document = documents.load(stem)
    assert graphql.validate(schema, graphql.parse(document.text)) == []
    assert document.name == stem


@pytest.mark.parametrize("stem", FRAGMENTS)
def test_a_fragment_is_named_as_its_file(stem: str) -> None:
    text = PATHS[stem].read_text()
    assert re.findall(r"fragment (\w+) on", text) == [stem]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_batch_is_valid_and_asks_once_per_item(count: int, schema: graphql.GraphQLSchema) -> None:
    items = [{"name": f"run{index}"} for index in range(count)]
    shared = {"entity": "team", "project": "vision"}
    batch = documents.aliased("RunState", items, shared=shared)
    tree = graphql.parse(batch.text)
    assert graphql.validate(schema, tree) == []
    fields = tree.definitions[0].selection_set.selections  # type: ignore[attr-defined]
    assert [field.alias.value for field in fields] == [f"b{index}" for index in range(count)]
    names = {f"name_{index}": f"run{index}" for index in range(count)}
    assert batch.variables == shared | names


def test_a_batch_of_a_document_with_fragments_holds_each_fragment_once(
    schema: graphql.GraphQLSchema,
) -> None:
    items = [{"name": "a"}, {"name": "b"}]
    shared = {"entity": "team", "project": "vision"}
    batch = documents.aliased("RunHistorySource", items, shared=shared)
    assert graphql.validate(schema, graphql.parse(batch.text)) == []


def test_a_document_without_a_fragment_is_valid_and_does_not_name_it(
    schema: graphql.GraphQLSchema,
) -> None:
    absent = frozenset({"AriaActionFields", "EntityScopeFields"})
    whole, less = documents.load("Automations"), documents.load("Automations", absent)
    assert graphql.validate(schema, graphql.parse(less.text)) == []
    assert all(name in whole.text and name not in less.text for name in absent)
    assert "TriggerFields" in less.text


def test_an_unknown_document_is_an_error() -> None:
    with pytest.raises(KeyError):
        documents.load("Nothing")


@pytest.mark.parametrize("stem", FRAGMENTS[:1])
def test_a_fragment_is_not_an_operation(stem: str) -> None:
    with pytest.raises(KeyError):
        documents.load(stem)
    with pytest.raises(KeyError):
        documents.aliased(stem, [])


def test_a_mutation_is_not_repeated_in_a_batch() -> None:
    mutation = next(stem for stem in OPERATIONS if documents.load(stem).kind == "mutation")
    with pytest.raises(KeyError):
        documents.aliased(mutation, [{}])
