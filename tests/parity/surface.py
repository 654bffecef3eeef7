"""The surface of W&B's Import & Export API, and what of it our classes have.

`surface.json` lists the members of the reference's classes, and those the SDK has beyond them. A
parameter is written `name=default`, with `*` before those that take a keyword only. Where the SDK
0.31 differs, `sdk` holds its parameters, or "absent".
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import wbexport.api

__all__ = [
    "MEMBERS",
    "OF_THE_CLOUD",
    "Member",
    "extras",
    "find_class",
    "has_extra",
    "main",
    "problems",
]

_SURFACE = json.loads(Path(__file__).with_name("surface.json").read_text("utf-8"))


@dataclass(frozen=True)
class Member:
    """One member of the reference.

    Attributes:
        owner: Its class.
        name: Its name.
        kind: `method`, `classmethod`, `property`, `attribute` or `class_variable`.
        params: Its parameters, without the first.
        raises: The errors that the reference documents.
        sdk: The SDK's parameters where they differ, or "absent".
    """

    owner: str
    name: str
    kind: str
    params: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    sdk: Any = None

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


#: All members, by `Class.name`.
MEMBERS = {
    f"{owner}.{name}": Member(
        owner,
        name,
        entry["kind"],
        tuple(entry.get("params", ())),
        tuple(entry.get("raises", ())),
        entry.get("sdk"),
    )
    for owner, members in _SURFACE["classes"].items()
    for name, entry in members.items()
}


#: Members that answer in full on W&B's cloud only, and why; the rest of them is compared.
OF_THE_CLOUD = {
    "Api.slack_integrations": "only W&B's app connects a Slack workspace",
    "Api.create_custom_chart": "the chart is kept, and W&B's app draws it",
    "BetaReport.to_html": "what the frame shows is W&B's app",
    "Run.to_html": "what the frame shows is W&B's app",
    "Sweep.to_html": "what the frame shows is W&B's app",
}


def extras() -> dict[str, list[str]]:
    """Give the members that the SDK has beyond the reference, by class."""
    found: dict[str, list[str]] = _SURFACE["extras"]
    return found


@cache
def _classes() -> dict[str, type]:
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(wbexport.api.__path__, "wbexport.api."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and value.__module__ == module.name:
                found.setdefault(name, value)
    return found


def find_class(name: str) -> type | None:
    """Find one of our classes by the name W&B gives it, among those of users first."""
    return getattr(wbexport.api, name, None) or _classes().get(name)


def problems(member: Member) -> list[str]:
    """Tell what of a member is missing: the class, the member, its parameters, its docstring."""
    owner = find_class(member.owner)
    if owner is None:
        return ["no such class"]
    found = inspect.getattr_static(owner, member.name, None)
    if found is None and not _is_field(owner, member):
        return ["no such member"]
    faults = [] if _is_documented(owner, found, member) else ["no docstring"]
    if member.kind in ("method", "classmethod"):
        faults += _parameter_problems(getattr(owner, member.name), member)
    return faults


def has_extra(owner: type, name: str) -> bool:
    """Whether a class has a member on it, or sets it on its instances."""
    if inspect.getattr_static(owner, name, None) is not None or f"`{name}`" in (
        owner.__doc__ or ""
    ):
        return True
    fields = {key for base in owner.__mro__ for key in vars(base).get("__annotations__", ())}
    bodies = [inspect.getsource(base) for base in owner.__mro__ if _is_ours(base)]
    return name in fields or any(re.search(rf"self\.{name}\b.* = ", body) for body in bodies)


def _is_ours(owner: type) -> bool:
    return owner.__module__.startswith("wbexport")


def _is_field(owner: type, member: Member) -> bool:
    """Whether it is set on instances only, and told of where the class is documented."""
    return member.kind in ("attribute", "property") and f"`{member.name}`" in (owner.__doc__ or "")


def _is_documented(owner: type, found: Any, member: Member) -> bool:
    if member.name == "__init__":
        return bool(owner.__doc__ and "Args:" in owner.__doc__)
    # The meaning of `len(x)`, of a loop and of the text of a query needs no words.
    if member.name.startswith("__") or member.kind == "class_variable":
        return True
    return _is_field(owner, member) or bool(inspect.getdoc(found))


def _parameter_problems(function: Any, member: Member) -> list[str]:
    ours = [
        parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "cls")
    ]
    faults = []
    for position, wanted in enumerate(member.params):
        name, _, default = wanted.lstrip("*").partition("=")
        found = next((each for each in ours if each.name == name), None)
        if found is None:
            faults.append(f"no parameter {name}")
        elif not wanted.startswith("*") and ours.index(found) != position:
            faults.append(f"parameter {name} is not at place {position + 1}")
        elif default and found.default != ast.literal_eval(default):
            faults.append(f"{name} is {found.default!r}, not {default}, by default")
        elif not default and found.default is not found.empty:
            faults.append(f"{name} has a default")
    known = {re.split("=", name.lstrip("*"))[0] for name in member.params}
    faults += [
        f"parameter {extra.name} is not of the reference"
        for extra in ours
        if extra.name not in known and not _is_harmless(extra, member)
    ]
    return faults


def _is_harmless(extra: inspect.Parameter, member: Member) -> bool:
    """Whether a parameter of ours disturbs no call that the reference allows."""
    if extra.kind in (extra.KEYWORD_ONLY, extra.VAR_KEYWORD, extra.VAR_POSITIONAL):
        return True
    theirs = member.sdk if isinstance(member.sdk, list) else []
    return extra.default is not extra.empty and extra.name in {p.split("=")[0] for p in theirs}


def main() -> None:
    """Print what is missing, and how many members are there."""
    there = 0
    for member in MEMBERS.values():
        faults = problems(member)
        there += not faults
        for fault in faults:
            print(f"{member}: {fault}")
    print(f"{there} of {len(MEMBERS)}")
    for name, reason in OF_THE_CLOUD.items():
        print(f"{name} is there, but answers in full on W&B's cloud only: {reason}")
    sys.exit(there < len(MEMBERS))


if __name__ == "__main__":
    main()
