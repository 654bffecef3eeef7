"""List who is in a team."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give the members with their roles."""
    team = wandb.Api().team("lab")
    return [team.name, sorted([each.name, each.admin] for each in team.members)]
