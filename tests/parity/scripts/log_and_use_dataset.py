"""Log a version of a dataset from one run, and use it in another."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give what both runs say, and what the version says of them."""
    api = wandb.Api()
    maker = api.create_run(run_id="log-data", project="vision", entity="local")
    user = api.create_run(run_id="use-data", project="vision", entity="local")
    dataset = api.artifact("local/vision/digits:raw")
    maker.log_artifact(dataset, aliases=["again"], tags=["reused"])
    used = user.use_artifact(api.artifact("local/vision/digits:again"), use_as="train")
    fresh = wandb.Api()
    runs = [fresh.run(f"local/vision/{name}") for name in ("log-data", "use-data")]
    return {
        "used": [used.name, sorted(used.aliases)],
        "logged": [[each.name for each in run.logged_artifacts()] for run in runs],
        "uses": [[each.name for each in run.used_artifacts()] for run in runs],
        "users": sorted(run.id for run in fresh.artifact("local/vision/digits:raw").used_by()),
    }
