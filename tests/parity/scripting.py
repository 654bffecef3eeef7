"""A program that runs the scripts with one module in the place of `wandb`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import warnings
from typing import Any

from tests.parity import scripts
from tests.parity.calling import plain

__all__ = ["SCRIPTS", "main", "run_scripts"]

#: Those that only read come first.
SCRIPTS = sorted(
    map(
        importlib.import_module,
        [each.name for each in pkgutil.iter_modules(scripts.__path__, f"{scripts.__name__}.")],
    ),
    key=lambda script: (script.CHANGES, script.__name__),
)


def run_scripts(wandb: Any, *, changes: bool) -> dict[str, Any]:
    """Run the scripts, those that change the server only if `changes`; give their answers."""
    answers = {}
    for script in SCRIPTS:
        if changes or not script.CHANGES:
            name = script.__name__.rpartition(".")[2]
            try:
                answers[name] = plain(script.main(wandb))
            except Exception as error:
                answers[name] = {"error": f"{type(error).__name__}: {error}"}
    return answers


def main() -> None:
    """Run all scripts with the module that the first argument names."""
    warnings.simplefilter("ignore")
    answers = run_scripts(importlib.import_module(sys.argv[1]), changes=True)
    sys.stdout.write("\n" + json.dumps(answers, default=str) + "\n")
