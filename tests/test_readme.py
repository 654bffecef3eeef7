"""Runs what README.md shows, against the sample project on a local server."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from wbexport.data import DEMO_STORE
from wbexport.server.serve import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
#: Commands that set up an environment; `.ci/run` runs them for real.
SET_UP = "python3 -m venv .venv"


class Block(NamedTuple):
    """One fenced block of README.md."""

    language: str
    text: str
    line: int


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text[: found.start()].count("\n") + 2)
        for found in FENCE.finditer(text)
    ]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder to work in, with the settings that `wbexport serve` prints."""
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch, LocalServer(DEMO_STORE) as server:
        patch.chdir(folder)
        patch.setenv("WANDB_BASE_URL", server.url)
        patch.setenv("WANDB_API_KEY", server.token)
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """What earlier Python blocks have defined."""
    return {"__name__": "readme"}


@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"line-{block.line}")
def test_a_block_of_the_readme_runs(
    block: Block, environment: Path, names: dict[str, object]
) -> None:
    if block.language == "python":
        run_python(block, names)
    elif block.language == "sql":
        run_command(f"wbexport sql {shlex.quote(block.text)}")
    elif block.language in {"sh", "console"}:
        for command in commands(block):
            run_command(command)


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    shown = [line for block in blocks() for line in commands(block) if line.startswith(SET_UP)]
    assert [line for line in shown if line.endswith("pytest")]
    assert all(line in script for line in shown if line.endswith("pytest"))


def commands(block: Block) -> list[str]:
    """Command lines of a shell block: those after `$`, or every line if none has one."""
    lines = [line for line in block.text.splitlines() if line and not line.startswith("#")]
    if block.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return lines if block.language == "sh" else []


def run_command(command: str) -> None:
    if command.startswith((SET_UP, ".venv/", "export ", "pip ", "wbexport serve", "git ")):
        return
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def run_python(block: Block, names: dict[str, object]) -> None:
    if ">>>" not in block.text:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile("\n" * (block.line - 1) + block.text, "README.md", "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, "README", "README.md", block.line)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    result = runner.run(test, out=said.append, clear_globs=False)
    names |= test.globs
    assert result.failed == 0, "".join(said)
