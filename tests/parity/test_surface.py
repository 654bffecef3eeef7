"""All members of the reference's classes are there, documented, and called by the proofs."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.parity.calls import READS, UNEVEN, WRITES
from tests.parity.surface import MEMBERS, problems


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


pytestmark = pytest.mark.xfail(reason="not every member is there yet")


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_there_as_the_reference_has_it(member: str) -> None:
    assert problems(MEMBERS[member]) == []


def test_every_member_is_called() -> None:
    missing = [
        member
        for member in MEMBERS
        if not any(mentions(line, member) for line in calls().get(member, ()))
    ]
    print(f"{len(MEMBERS) - len(missing)} of {len(MEMBERS)} members are called")
    assert missing == []
