"""Bring the histories of many runs into one frame, for pandas and for polars."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give the mean of the last losses, by run, from both frames."""
    runs = wandb.Api().runs("local/vision", filters={"group": "baseline"})
    pandas = runs.histories(samples=100, keys=["loss", "acc"], format="pandas")
    polars = runs.histories(samples=100, keys=["loss", "acc"], format="polars")
    late = pandas[pandas["_step"] >= 20]
    means = late.groupby("run_id")["loss"].mean().round(6).to_dict()
    best = {run: rows["acc"].max() for (run,), rows in polars.group_by("run_id")}
    return [sorted(pandas.columns), pandas.shape, polars.shape, means, dict(sorted(best.items()))]
