"""Follow a model back to the data it was made from, and forward to its users."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give runs and artifacts in the order in which they follow each other."""
    api = wandb.Api()
    model = api.artifact("local/vision/net:v0")
    trainer = model.logged_by()
    data = [each.name for each in trainer.used_artifacts()]
    made = sorted(each.name for each in trainer.logged_artifacts())
    source = api.artifact(f"local/vision/{data[0]}")
    return {
        "trained by": trainer.id,
        "from": data,
        "made": made,
        "prepared by": source.logged_by().id,
        "used by": sorted(run.id for run in source.used_by()),
    }
