"""Holds the limits that keep every piece small enough to read at once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "wbexport"
MODULE_LINES = 500
FUNCTION_LINES = 60
PUBLIC_METHODS = 15
POSITIONAL = 5

#: Classes of the Import & Export API: W&B fixes their members, and scripts rely on them.
MANDATED_CLASSES = {"Api", "Project", "Run", "Runs", "File", "Files"}
#: Functions whose positional parameters are W&B's own, in W&B's order.
MANDATED_MODULES = {"api", "views"}

MODULES = sorted(PACKAGE.rglob("*.py"))
each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    """Lines of a function from `def` to its end, without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def positional(function: ast.FunctionDef) -> int:
    names = [parameter.arg for parameter in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in {"self", "cls"}])


@each_module
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES


@each_module
def test_functions_are_short(path: Path) -> None:
    long = {f.name: length(f) for f in functions(parse(path)) if length(f) > FUNCTION_LINES}
    assert long == {}


@each_module
def test_functions_take_few_positional_parameters(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in MANDATED_MODULES:
        return
    wide = {f.name: positional(f) for f in functions(parse(path)) if positional(f) > POSITIONAL}
    assert wide == {}


@each_module
def test_classes_have_few_public_methods(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ClassDef) and node.name not in MANDATED_CLASSES:
            public = [
                item.name
                for item in node.body
                if isinstance(item, ast.FunctionDef) and not item.name.startswith("_")
            ]
            assert len(public) <= PUBLIC_METHODS, f"{node.name}: {public}"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "base", "misc"}
    assert not [path for path in MODULES if path.stem in drawers]


def test_length_leaves_out_the_docstring() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert [length(function) for function in functions(ast.parse(text))] == [2]
