"""Move the alias of the model in production to a newer version."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give the version with the alias before and after, and all aliases of the collection."""
    api = wandb.Api()
    before = api.artifact("local/vision/net:production").version
    newest = api.artifact("local/vision/net:latest")
    newest.aliases.append("production")
    newest.description = "the best so far"
    newest.metadata["promoted"] = True
    newest.save()
    fresh = wandb.Api()
    after = fresh.artifact("local/vision/net:production")
    aliases = {
        each.version: sorted(each.aliases) for each in fresh.artifacts("model", "local/vision/net")
    }
    return [before, after.version, after.description, after.metadata, aliases]
