"""Call a webhook whenever a version gets an alias."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give the automation as the server has it, changed, and gone."""
    from importlib import import_module

    automations = import_module(f"{wandb.__name__}.automations")
    api = wandb.Api()
    event = automations.OnAddArtifactAlias(
        scope=api.artifact_collection("model", "local/vision/net"),
        filter=automations.ArtifactEvent.alias.eq("production"),
    )
    made = api.create_automation(event >> automations.DoNothing(), name="on production")
    changed = api.update_automation(made, enabled=False, description="paused")
    found = wandb.Api().automation("on production", entity="local")
    answer = [made.name, made.enabled, changed.enabled, found.description, found.event.event_type]
    api.delete_automation(found)
    return [*answer, len(list(wandb.Api().automations("local", name="on production")))]
