"""Runs programs that use the real SDK, each in a process of its own.

The SDK does its work in a service process, which outlives its parent for a moment and, after it
has read parquet files, now and then never ends when it is asked to. So a program leaves at once
after its last line, and what it prints goes to files: a pipe stays open as long as the service.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["end_service", "run_program", "sdk_environment"]

_LEAVE = "\nimport os, sys\nsys.stdout.flush()\nsys.stderr.flush()\nos._exit(0)\n"


def run_program(
    program: str,
    *arguments: str,
    env: Mapping[str, str],
    text: str = "",
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a Python program in the home folder of its environment.

    Args:
        program: Its source; runs it starts are finished by it.
        arguments: Its arguments.
        env: Its whole environment.
        text: What it reads from standard input.
        timeout: Seconds after which it is killed.

    Returns:
        Exit code, and what it printed.
    """
    command = [sys.executable, "-c", program + _LEAVE, *arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        done = subprocess.run(
            command,
            env=dict(env),
            cwd=env["HOME"],
            input=text,
            stdout=out,
            stderr=err,
            text=True,
            timeout=timeout,
            check=False,
        )
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, out.read(), err.read())


def sdk_environment(home: Path, url: str, token: str) -> dict[str, str]:
    """Give an environment in which the SDK talks to one server and touches only one folder."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ
    }
    return kept | {
        "HOME": str(home),
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": token,
        "WANDB_DIR": str(home),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_DATA_DIR": str(home / "data"),
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_DISABLE_CODE": "true",
        "PYTHONWARNINGS": "ignore",
    }


def end_service() -> None:
    """Kill the service of the SDK in this process, so that its use of the machine is counted."""
    for listing in Path("/proc/self/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            os.kill(child, 9)
            os.waitpid(child, 0)
