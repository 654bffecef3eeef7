"""Find runs by their settings, tags, names and results."""

from __future__ import annotations

from typing import Any

CHANGES = False

FILTERS = [
    {"config.lr": {"$gte": 0.2}},
    {"tags": {"$in": ["try-1", "try-2"]}},
    {"$and": [{"config.model.name": "mlp"}, {"state": "finished"}]},
    {"$or": [{"display_name": "Train 3"}, {"summary_metrics.loss": {"$lt": 0.05}}]},
    {"display_name": {"$regex": "^Train"}, "group": "baseline"},
    {"state": {"$ne": "finished"}},
    {"job_type": "train", "config.lr": {"$nin": [0.1]}},
]


def main(wandb: Any) -> Any:
    """Give the names of the runs that each filter finds, best accuracy first."""
    api = wandb.Api()
    return [
        [run.name for run in api.runs("local/vision", filters=each, order="-summary_metrics.acc")]
        for each in FILTERS
    ]
