"""The wheel holds everything that the program reads at run time, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = {".sql", ".graphql", ".typed", ".duckdb"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built here, offline, by the build backend of `pyproject.toml`."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


def in_tree() -> set[str]:
    package = {path.relative_to(ROOT) for path in (ROOT / "wbexport").rglob("*") if path.is_file()}
    sql = {Path("wbexport") / path.relative_to(ROOT) for path in (ROOT / "sql").rglob("*.sql")}
    return {path.as_posix() for path in package | sql}


def test_the_wheel_holds_every_data_file_of_the_tree(wheel: set[str]) -> None:
    expected = {name for name in in_tree() if Path(name).suffix in DATA}
    assert {name for name in wheel if Path(name).suffix in DATA} == expected
    assert any(name.endswith(".sql") for name in expected)
    assert "wbexport/py.typed" in wheel


def test_the_wheel_holds_every_module_but_the_maker_of_the_sample(wheel: set[str]) -> None:
    modules = {name for name in in_tree() if name.endswith(".py")}
    assert {name for name in wheel if name.endswith(".py")} == modules - {
        "wbexport/data/make_demo.py"
    }


def test_the_wheel_holds_no_stray_file(wheel: set[str]) -> None:
    stray = {
        name
        for name in wheel
        if ".dist-info/" not in name and Path(name).suffix not in DATA | {".py"}
    }
    assert stray == set()
