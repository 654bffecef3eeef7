"""Runs programs with the real SDK and with wbexport, each on a copy of one store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.parity.calls import OBJECTS
from tests.parity.conftest import ROOT, serve_copy
from tests.sdk import run_program, sdk_environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["answers_of", "run_on_copy"]

_SIGNATURE = re.compile(r"(?<=\?)expires=\d+&signature=\w+")
_TOKEN = "local-" + "0123456789abcdef" * 3


def run_on_copy(program: str, package: str, place: Path, *, filled: Path, text: str = "") -> Any:
    """Run a program in a process of its own, whose server is a fresh copy of a store.

    Args:
        program: Its source.
        package: Its argument, `wandb` or `wbexport`.
        place: An empty folder.
        filled: The folder of the store.
        text: What it reads from standard input.

    Returns:
        The JSON it prints last, without the address of the server and the signatures of URLs.
    """
    with serve_copy(filled, place / "store", _TOKEN) as server:
        (home := place / "home").mkdir()
        env = sdk_environment(home, server.url, server.token)
        env |= {"PYTHONPATH": ROOT, "WANDB_HTTP_TIMEOUT": "5"}
        done = run_program(program, package, env=env, text=text, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.strip().splitlines()[-1].replace(server.url, "SERVER")
    return json.loads(_SIGNATURE.sub("SIGNED", said))


def answers_of(
    package: str, calls: Iterable[str], filled: Path, place: Path
) -> list[dict[str, Any]]:
    """Make calls in order; give the `value` of each, or its `error`."""
    program = "from tests.parity.calling import main; main()"
    text = json.dumps({"calls": list(calls), "objects": OBJECTS})
    answers: list[dict[str, Any]] = run_on_copy(program, package, place, filled=filled, text=text)
    return answers
