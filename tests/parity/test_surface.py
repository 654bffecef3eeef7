"""All members of the reference's classes are there, documented, and called by the proofs."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import wbexport.api
from tests.parity.calls import ERRORS, READS, UNEVEN, WRITES
from tests.parity.surface import MEMBERS, extras, find_class, has_extra, problems

ROOT = Path(__file__).parents[2]

#: Members whose proof is a test of its own, and why.
ELSEWHERE = {
    "Api.sync_tensorboard": (
        "tests/api/test_tensorboard.py",
        "test_the_sdk_logs_the_same_values",
        "the SDK's needs the tensorboard package; what it logs while a run goes on is compared",
    ),
}

#: What the SDK has beyond the reference and we do not, and why.
NOT_TAKEN = {
    # Media objects other than tables: their classes are the SDK's; their files are files.
    # The identity of a version that several processes build is for the SDK's runs alone.
    "Artifact": {"__setitem__", "add", "distributed_id"},
    # Deprecated; it is the path.
    "ArtifactManifestEntry": {"name"},
    # Values in HDF5 files, which nobody writes any more; `load` does nothing.
    "HTTPSummary": {"load", "open_h5", "read_h5", "write_h5"},
}
#: The SDK's names of classes that are called otherwise here.
RENAMED = {"HTTPSummary": "RunSummary"}


@cache
def calls() -> dict[str, list[str]]:
    """The calls of each member, whatever they are made for."""
    found: dict[str, list[str]] = {}
    for table in (READS, WRITES):
        for member, lines in table.items():
            found.setdefault(member, []).extend(lines)
    for member, (ours, _) in UNEVEN.items():
        found.setdefault(member, []).append(ours)
    return found


def mentions(line: str, member: str) -> bool:
    """Whether a call uses a member, as Python reads it."""
    owner, name = member.split(".")
    nodes = list(ast.walk(ast.parse(line)))
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    if name == "__init__":
        return f"new('{owner}')" in called
    if name == "__getitem__":
        return any(isinstance(node, ast.Subscript) for node in nodes)
    if name == "__iter__":
        return "list" in called or any(isinstance(node, ast.comprehension) for node in nodes)
    if name == "__len__":
        return "len" in called
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return name in words


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_there_as_the_reference_has_it(member: str) -> None:
    assert problems(MEMBERS[member]) == []


def test_the_classes_of_the_reference_are_imported_from_one_place() -> None:
    assert {member.owner for member in MEMBERS.values()} <= set(wbexport.api.__all__)


def test_every_member_is_called() -> None:
    missing = [
        member
        for member in MEMBERS
        if member not in ELSEWHERE
        if not any(mentions(line, member) for line in calls().get(member, ()))
    ]
    print(f"{len(MEMBERS) - len(missing)} of {len(MEMBERS)} members are called")
    assert missing == []


@pytest.mark.parametrize("member", ELSEWHERE)
def test_a_proof_elsewhere_is_there_and_uses_the_member(member: str) -> None:
    path, name, _ = ELSEWHERE[member]
    assert mentions(text_of(path, name), member)


def text_of(path: str, name: str) -> str:
    """The source of a test."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    tests = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    assert len(tests) == 1, name
    return ast.unparse(tests[0])


#: Documented failures whose proof is a test of its own: here the key has an entity.
FAILS_ELSEWHERE = {
    "Api.projects": ("tests/api/test_client.py", "test_no_entity_at_all_is_an_input_error"),
}


def test_every_documented_failure_is_provoked() -> None:
    documented = {name for name, member in MEMBERS.items() if member.raises}
    assert documented - ERRORS.keys() == FAILS_ELSEWHERE.keys()
    for member, (path, name) in FAILS_ELSEWHERE.items():
        assert mentions(text_of(path, name), member)


@pytest.mark.parametrize("title", [title for title in extras() if " (fields" not in title])
def test_what_the_sdk_has_beyond_the_reference_is_there(title: str) -> None:
    name = title.split()[0]
    owner = find_class(RENAMED.get(name, name))
    assert owner is not None
    missing = {each for each in extras()[title] if not has_extra(owner, each)}
    assert missing == NOT_TAKEN.get(name, set())
