"""Read every value of one metric, not a sample."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give all losses of a run, and the step of the smallest."""
    run = wandb.Api().run("local/vision/train-2")
    losses = [row["loss"] for row in run.scan_history(keys=["loss"], page_size=7)]
    rows = list(run.scan_history(min_step=5, max_step=8))
    smallest = min(run.scan_history(keys=["_step", "loss"]), key=lambda row: row["loss"])
    return [losses, smallest, [[row["_step"], row["acc"]] for row in rows], run.lastHistoryStep]
