"""Delete the runs that a filter finds, and what they logged."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give how many runs there were, and which are left."""
    api = wandb.Api()
    for number in range(3):
        api.create_run(run_id=f"old-{number}", project="scrap", entity="local")
    runs = api.runs("local/scrap", filters={"name": {"$in": ["old-0", "old-2"]}})
    count = len(runs)
    for run in list(runs):
        run.delete(delete_artifacts=True)
    return [count, [run.id for run in wandb.Api().runs("local/scrap")]]
