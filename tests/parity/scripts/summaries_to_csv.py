"""Export the summary of every run to one CSV file."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give the text of the file."""
    rows = []
    for run in wandb.Api().runs("local/vision", order="+created_at"):
        summary = {key: value for key, value in run.summary.items() if not key.startswith("_")}
        config = {key: value for key, value in run.config.items() if not key.startswith("_")}
        rows.append({"name": run.name, "state": run.state, "lr": config.get("lr"), **summary})
    columns = sorted({column for row in rows for column in row})
    path = Path(tempfile.mkdtemp()) / "runs.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path.read_text()
