"""Read the machine's metrics of a run, and its metadata."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give the names of the metrics, some rows, and what the run says of its machine."""
    run = wandb.Api().run("local/vision/prepare")
    rows = run.history(stream="system", pandas=False)
    names = sorted({name for row in rows for name in row if name.startswith("system.")})
    frame = run.history(stream="system")
    metadata = run.metadata
    return [names, len(rows) == len(frame), sorted(run.system_metrics), sorted(metadata)]
