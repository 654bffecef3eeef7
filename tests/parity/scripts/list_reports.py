"""List the reports of a project."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give title, description and author of each."""
    reports = wandb.Api().reports("local/tuned")
    return [
        [report.display_name, report.description, report.user["username"], sorted(report.spec)]
        for report in reports
    ]
