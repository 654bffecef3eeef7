"""Holds the table of rooms: who may import whom, and which room owns which library."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "wbexport"

#: Rooms by row, lowest first. A module imports from lower rows and from its own room.
ROWS = (
    ("errors",),
    ("settings", "paths", "sqlfiles", "query", "arrow"),
    ("transport",),
    ("graphql",),
    ("api", "store"),
    ("sync", "views", "export", "server"),
    ("archive", "data"),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(ROWS) for room in rooms}
KNOW_ONLY_ERRORS = {"query", "arrow"}
OWNED = {"httpx": "transport", "httpcore": "transport", "typer": "cli", "wandb": "data"}
BANNED = {"pickle", "cPickle", "joblib", "torch", "yaml", "marshal", "shelve", "dill"}


@dataclass(frozen=True)
class Import:
    """One imported module, and whether the statement stands inside a function."""

    module: str
    local: bool
    line: int


def imports_of(tree: ast.AST, local: bool = False) -> Iterator[Import]:
    """Yields every import of a module; those for types count too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, local, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            assert node.module is not None
            if node.module == "wbexport":
                names = (f"wbexport.{alias.name}" for alias in node.names)
                yield from (Import(name, local, node.lineno) for name in names)
            else:
                yield Import(node.module, local, node.lineno)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports_of(node, local or function)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def target_room(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "wbexport":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LEVEL else "__init__"


MODULES = sorted(PACKAGE.rglob("*.py"))
each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def read_imports(path: Path) -> list[Import]:
    return list(imports_of(parse(path)))


def test_every_room_has_its_row() -> None:
    assert {room_of(path) for path in MODULES} <= set(LEVEL)


@each_module
def test_a_module_imports_from_lower_rows_and_its_own_room(path: Path) -> None:
    room = room_of(path)
    for found in read_imports(path):
        target = target_room(found.module)
        if target is None or target == room:
            continue
        lower = LEVEL[target] < LEVEL[room] and (room not in KNOW_ONLY_ERRORS or target == "errors")
        assert lower, f"line {found.line}: {room} may not import {found.module}"


@each_module
def test_imports_stand_at_the_top_but_for_pandas_and_commands(path: Path) -> None:
    if room_of(path) in {"cli", "data"}:
        return
    local = [found for found in read_imports(path) if found.local and found.module != "pandas"]
    assert not local


@each_module
def test_pandas_is_imported_only_where_a_frame_is_made(path: Path) -> None:
    assert not [
        found for found in read_imports(path) if found.module == "pandas" and not found.local
    ] or _only_for_types(path, "pandas")


@each_module
def test_each_library_stays_in_its_room(path: Path) -> None:
    for found in read_imports(path):
        top = found.module.split(".")[0]
        assert top not in BANNED, f"line {found.line}: {found.module} is banned"
        assert OWNED.get(top, room_of(path)) == room_of(path), f"line {found.line}: {found.module}"


def test_every_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[ ]", each)[0].lower() for each in project["dependencies"]}
    distributions = packages_distributions()
    used = {
        found.module.split(".")[0]
        for path in MODULES
        if path.stem != "make_demo"
        for found in read_imports(path)
    } - sys.stdlib_module_names
    undeclared = {
        module
        for module in used - {"wbexport", "pandas", "_typeshed"}
        if not declared & {name.lower() for name in distributions.get(module, [module])}
    }
    assert undeclared == set()


@each_module
def test_only_the_store_opens_duckdb(path: Path) -> None:
    tree = parse(path)
    calls = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and isinstance(node.value, ast.Name)
        and node.value.id == "duckdb"
    ]
    assert not calls or path == PACKAGE / "store" / "database.py"


def test_the_import_reader_sees_types_functions_and_conditions() -> None:
    text = "if TYPE_CHECKING:\n    import a.b\ndef f():\n    from wbexport import paths\n"
    assert list(imports_of(ast.parse(text))) == [
        Import("a.b", local=False, line=2),
        Import("wbexport.paths", local=True, line=4),
    ]


def _only_for_types(path: Path, module: str) -> bool:
    """Tells whether a top-level import of the module stands under `if TYPE_CHECKING`."""
    tree = parse(path)
    return all(
        found.module != module
        for node in tree.body
        if not isinstance(node, ast.If)
        for found in imports_of(ast.Module([node], []))
        if not found.local
    )
