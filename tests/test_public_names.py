"""Keeps `__all__` sorted, complete and documented in every module."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

import wbexport

if TYPE_CHECKING:
    from types import ModuleType

#: Modules whose import needs packages that users do not have.
DEVELOPMENT = ("wbexport.data.",)
NAMES = sorted(
    module.name
    for module in pkgutil.walk_packages(wbexport.__path__, "wbexport.")
    if module.name != "wbexport.__main__" and not module.name.startswith(DEVELOPMENT)
)


@cache
def modules() -> list[ModuleType]:
    return [wbexport, *map(importlib.import_module, NAMES)]


def listed(module: ModuleType) -> list[str]:
    return list(getattr(module, "__all__", []))


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order ruff keeps as well."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def own_names(module: ModuleType) -> set[str]:
    """Functions and classes without an underscore that the module itself defines at its top."""
    tree = ast.parse(inspect.getsource(module))
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {node.name for node in definitions if not node.name.startswith("_")}


def test_every_list_of_names_is_sorted_and_holds_what_exists() -> None:
    for module in modules():
        names = listed(module)
        assert names == sorted(set(names), key=sort_key), module.__name__
        assert [name for name in names if not hasattr(module, name)] == [], module.__name__


def test_every_public_function_and_class_is_listed() -> None:
    missing = {module.__name__: own_names(module) - set(listed(module)) for module in modules()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_listed_functions_and_classes_are_documented() -> None:
    for module in modules():
        assert module.__doc__, module.__name__
        for name in listed(module):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), f"{module.__name__}.{name} has no docstring"


SCRIPT = """
import sys
import wbexport as wandb

light = {name for name in sys.modules if name.startswith("wbexport.")}
assert not light, light
assert wandb.Artifact and wandb.Api and wandb.automations.OnRunMetric
assert wandb.Error is wandb.errors.Error and wandb.CommError is wandb.errors.CommError
assert issubclass(wandb.errors.AuthenticationError, wandb.errors.CommError)
for caught in (wandb.Error, wandb.CommError, wandb.UsageError, ValueError):
    try:
        wandb.Artifact("a/b", "dataset")
    except caught:
        continue
"""


def test_a_script_written_for_wandb_finds_its_names_without_importing_them() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ["", ".artifacts", ".automations", ".registries"])
def test_the_map_of_a_room_of_the_api_names_each_module_in_it(room: str) -> None:
    package = importlib.import_module(f"wbexport.api{room}")
    there = {module.name for module in pkgutil.iter_modules(package.__path__)}
    named = set(re.findall(r"`(\w+)`", str(package.__doc__)))
    assert there - named == set()


def test_sorting_puts_constants_first_and_functions_last() -> None:
    assert sorted(["read", "Store", "LONG"], key=sort_key) == ["LONG", "Store", "read"]
