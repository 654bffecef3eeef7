"""Makes the same calls through the real SDK and through wbexport, each on a copy of one store."""

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

__all__ = ["PACKAGES", "answers_of"]

PACKAGES = ("wandb", "wbexport")

_PROGRAM = "from tests.parity.calling import main; main()"
_SIGNATURE = re.compile(r"(?<=\?)expires=\d+&signature=\w+")
_TOKEN = "local-" + "0123456789abcdef" * 3


def answers_of(
    package: str, calls: Iterable[str], filled: Path, place: Path
) -> list[dict[str, Any]]:
    """Make calls in a process of its own, on a fresh copy of a store.

    Args:
        package: `wandb` or `wbexport`.
        calls: Lines, made in order.
        filled: The folder of the store.
        place: A folder that does not exist yet.

    Returns:
        Per call its `value`, or its `error`; with the address of the server taken out.
    """
    with serve_copy(filled, place / "store", _TOKEN) as server:
        (home := place / "home").mkdir()
        env = sdk_environment(home, server.url, server.token)
        env |= {"PYTHONPATH": ROOT, "WANDB_HTTP_TIMEOUT": "5"}
        text = json.dumps({"calls": list(calls), "objects": OBJECTS})
        done = run_program(_PROGRAM, package, env=env, text=text)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.strip().splitlines()[-1].replace(server.url, "SERVER")
    answers: list[dict[str, Any]] = json.loads(_SIGNATURE.sub("SIGNED", said))
    return answers
