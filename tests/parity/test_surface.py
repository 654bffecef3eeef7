"""All members of the reference's classes are there, documented, and called by the proofs."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.parity.calls import READS, UNEVEN, WRITES
from tests.parity.surface import MEMBERS, problems

ROOT = Path(__file__).parents[2]

#: Members whose proof is a test of its own, and why.
ELSEWHERE = {
    "Api.sync_tensorboard": (
        "tests/api/test_tensorboard.py",
        "test_the_sdk_logs_the_same_values",
        "the SDK's needs the tensorboard package; what it logs while a run goes on is compared",
    ),
}


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
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    (test,) = (
        each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name
    )
    assert mentions(ast.unparse(test), member)
