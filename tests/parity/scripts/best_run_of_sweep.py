"""Find the best run of a sweep, and the settings that made it best."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give the sweep's goal, and its best run."""
    api = wandb.Api()
    sweeps = api.project("tuned", entity="local").sweeps()
    (listed,) = [each for each in sweeps if each.name == "learning rates"]
    sweep = api.sweep(f"local/tuned/{listed.id}")
    best = sweep.best_run()
    losses = sorted(run.summary["loss"] for run in sweep.runs)
    return {
        "sweep": [sweep.name, sweep.state, sweep.config["method"], sweep.order],
        "best": [best.config["lr"], best.summary.get("loss"), best.state],
        "is best": best.summary["loss"] == losses[0],
        "runs": [len(losses), sweep.expected_run_count],
    }
