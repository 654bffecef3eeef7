"""A program for the real SDK's process: lists the runs of every case on standard input.

It imports nothing of wbexport, and prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["list_runs", "main"]


def list_runs(api: Any, path: str, filters: Any, order: str | None, per_page: int) -> Any:
    """Give `len()` and the ids in order, as any client with W&B's interface has them."""
    runs = api.runs(path, filters=filters, order=order, per_page=per_page)
    return [len(runs), [run.id for run in runs]]


def main() -> None:
    """Answer each case `[path, filters, order, per_page]`; a refusal is the error's class."""
    import wandb

    api = wandb.Api()
    answers = []
    for case in json.load(sys.stdin):
        try:
            answers.append(list_runs(api, *case))
        except Exception as error:
            answers.append(type(error).__name__)
    sys.stdout.write(json.dumps({"answers": answers}) + "\n")
