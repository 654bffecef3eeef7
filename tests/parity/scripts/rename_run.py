"""Give a run another name, and notes."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give the names in the listing afterwards."""
    run = wandb.Api().run("local/vision/train-3")
    run.name = "Train 3, diverged"
    run.notes = "See the loss."
    run.save()
    runs = wandb.Api().runs("local/vision", filters={"display_name": "Train 3, diverged"})
    return [[each.id, each.name, each.notes] for each in runs]
