"""Correct settings and tags of runs that have long ended."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give what the runs say afterwards."""
    api = wandb.Api()
    for run in api.runs("local/vision", filters={"group": "baseline"}):
        run.config["dataset"] = "digits"
        run.tags = [*run.tags, "checked"]
        run.summary["reviewed_by"] = "ada"
        run.update()
    found = wandb.Api().runs("local/vision", filters={"tags": "checked"})
    return [
        [
            run.id,
            run.config["dataset"],
            run.config["lr"],
            sorted(run.tags),
            run.summary["reviewed_by"],
        ]
        for run in found
    ]
