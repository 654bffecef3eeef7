"""Commands and programs in processes of their own, as users have them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wbexport.server.serve import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Runs `python ARGUMENTS` and waits for it.
    Command = Callable[..., subprocess.CompletedProcess[str]]
    #: Starts `python ARGUMENTS`, with pipes for its input and output.
    Start = Callable[..., subprocess.Popen[str]]

ROOT = os.fspath(Path(__file__).parents[2])
_TIMEOUT = 60


@pytest.fixture(scope="module")
def demo() -> Iterator[LocalServer]:
    """A server with the sample project."""
    from wbexport.data import DEMO_STORE

    with LocalServer(DEMO_STORE) as running:
        yield running


@pytest.fixture
def env(demo: LocalServer, tmp_path: Path) -> dict[str, str]:
    """Settings that point to the sample project, and nothing of this machine's."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(home),
        "PYTHONPATH": ROOT,
        "WANDB_BASE_URL": demo.url,
        "WANDB_API_KEY": demo.token,
    }


@pytest.fixture
def command(env: dict[str, str], tmp_path: Path) -> Command:
    """Runs one `wbexport` command."""

    def run(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wbexport", *map(str, arguments)],
            env=env | changes,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    return run


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts processes, and ends those that are still there at the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, **changes: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=env | changes,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()
