"""Keeps `__all__` sorted, complete and documented in every module."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
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
each_module = pytest.mark.parametrize("name", ["wbexport", *NAMES])


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order ruff keeps as well."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def own_names(module: ModuleType) -> set[str]:
    """Functions and classes without an underscore that the module itself defines at its top."""
    tree = ast.parse(inspect.getsource(module))
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {node.name for node in definitions if not node.name.startswith("_")}


@each_module
def test_all_is_sorted_and_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", []))
    assert listed == sorted(set(listed), key=sort_key)
    assert [entry for entry in listed if not hasattr(module, entry)] == []


@each_module
def test_a_public_name_is_listed(name: str) -> None:
    module = importlib.import_module(name)
    assert own_names(module) <= set(getattr(module, "__all__", []))


@each_module
def test_listed_functions_and_classes_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for entry in getattr(module, "__all__", []):
        value = getattr(module, entry)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{name}.{entry} has no docstring"


def test_sorting_puts_constants_first_and_functions_last() -> None:
    assert sorted(["read", "Store", "LONG"], key=sort_key) == ["LONG", "Store", "read"]
