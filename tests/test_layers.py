"""Holds the table of rooms: who may import whom, and which room owns which library."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "wbexport"

#: Rooms by row, lowest first. A module imports from lower rows and from its own room.
ROWS = (
    ("errors",),
    (
        "settings",
        "paths",
        "sqlfiles",
        "summary",
        "sweepconfig",
        "garbage",
        "decoding",
        "query",
        "arrow",
        "tensorboard",
    ),
    ("transport",),
    ("graphql",),
    ("api", "store"),
    ("sync", "views", "export", "server", "ingest"),
    ("offline",),
    ("archive", "automations", "data"),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(ROWS) for room in rooms}
KNOW_ONLY_ERRORS = {"query", "arrow", "tensorboard"}
OWNED = {
    "httpx": "transport",
    "httpcore": "transport",
    "typer": "cli",
    "wandb": "data",
    # What an artifact holds is never loaded as YAML: only a sweep's configuration is.
    "yaml": "sweepconfig",
}
BANNED = {"pickle", "cPickle", "joblib", "torch", "marshal", "shelve", "dill"}


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


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def every_import() -> list[tuple[Path, Import]]:
    return [(path, found) for path in MODULES for found in imports_of(parse(path))]


def where(path: Path, found: Import) -> str:
    return f"{path.relative_to(PACKAGE)}:{found.line} imports {found.module}"


def is_allowed(room: str, target: str) -> bool:
    """Tells whether a room may import from another, or from itself."""
    if target == room:
        return True
    return LEVEL[target] < LEVEL[room] and (room not in KNOW_ONLY_ERRORS or target == "errors")


def test_every_room_has_its_row() -> None:
    assert {room_of(path) for path in MODULES} <= set(LEVEL)


def test_a_module_imports_from_lower_rows_and_its_own_room() -> None:
    wrong = [
        where(path, found)
        for path, found in every_import()
        if (target := target_room(found.module)) and not is_allowed(room_of(path), target)
    ]
    assert wrong == []


def test_imports_stand_at_the_top_but_for_libraries_of_frames_and_commands() -> None:
    wrong = [
        where(path, found)
        for path, found in every_import()
        if found.local
        and found.module.split(".")[0] not in {"pandas", "polars"}
        and room_of(path) != "cli"
    ]
    assert wrong == []


def test_a_sync_loads_no_library_of_frames() -> None:
    script = (
        "import sys, wbexport.sync.engine\n"
        "sys.exit(bool({'pandas', 'polars'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_pandas_is_loaded_only_by_functions() -> None:
    script = (
        "import sys, pkgutil, importlib, wbexport\n"
        "for each in pkgutil.walk_packages(wbexport.__path__, 'wbexport.'):\n"
        "    if 'make_demo' not in each.name and '__main__' not in each.name:\n"
        "        importlib.import_module(each.name)\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_no_banned_library_is_imported() -> None:
    wrong = [
        where(path, found) for path, found in every_import() if found.module.split(".")[0] in BANNED
    ]
    assert wrong == []


def test_each_library_stays_in_its_room() -> None:
    wrong = [
        where(path, found)
        for path, found in every_import()
        if OWNED.get(found.module.split(".")[0], room_of(path)) != room_of(path)
    ]
    assert wrong == []


def test_every_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[ ]", each)[0].lower() for each in project["dependencies"]}
    distributions = packages_distributions()
    used = {
        found.module.split(".")[0] for path, found in every_import() if path.stem != "make_demo"
    } - sys.stdlib_module_names
    undeclared = {
        module
        for module in used - {"wbexport", "pandas", "_typeshed"}
        if not declared & {name.lower() for name in distributions.get(module, [module])}
    }
    assert undeclared == set()


def test_only_the_store_opens_duckdb() -> None:
    callers = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and isinstance(node.value, ast.Name)
        and node.value.id == "duckdb"
    }
    assert callers == {"store/database.py"}


def test_the_import_reader_sees_types_functions_and_conditions() -> None:
    text = "if TYPE_CHECKING:\n    import a.b\ndef f():\n    from wbexport import paths\n"
    assert list(imports_of(ast.parse(text))) == [
        Import("a.b", local=False, line=2),
        Import("wbexport.paths", local=True, line=4),
    ]
