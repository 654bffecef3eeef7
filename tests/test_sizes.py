"""Holds the limits that keep every piece small enough to read at once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "wbexport"
MODULE_LINES = 500
FUNCTION_LINES = 60
PUBLIC_METHODS = 15
POSITIONAL = 5

#: Classes of the Import & Export API: W&B fixes their members, and scripts rely on them.
MANDATED_CLASSES = {
    "Artifact",
    "ArtifactCollection",
    "ArtifactContents",
    "ArtifactFields",
    "Registry",
    "Run",
    "RunFields",
    "Sweep",
}
#: Functions whose positional parameters are W&B's own, in W&B's order.
MANDATED_MODULES = {"api"}

MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


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


def public_methods(node: ast.ClassDef) -> list[str]:
    names = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
    return [name for name in names if not name.startswith("_")]


def every_function() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in MODULES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.relative_to(PACKAGE)}:{node.name}", node


def test_modules_are_short() -> None:
    lines = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in MODULES
    }
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


def test_functions_are_short() -> None:
    lengths = {name: length(function) for name, function in every_function()}
    assert {name: count for name, count in lengths.items() if count > FUNCTION_LINES} == {}


def test_functions_take_few_positional_parameters() -> None:
    counts = {
        name: positional(function)
        for name, function in every_function()
        if Path(name).parts[0] not in MANDATED_MODULES
    }
    assert {name: count for name, count in counts.items() if count > POSITIONAL} == {}


def test_classes_have_few_public_methods() -> None:
    large = {
        node.name: count
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef) and node.name not in MANDATED_CLASSES
        if (count := len(public_methods(node))) > PUBLIC_METHODS
    }
    assert large == {}


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "base", "misc"}
    assert not [path for path in MODULES if path.stem in drawers]


def test_length_leaves_out_the_docstring() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert length(function) == 2
