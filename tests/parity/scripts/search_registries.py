"""Look for models in the registries of an organization."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give registries, their collections and the versions linked into them."""
    api = wandb.Api()
    registries = api.registries(filter={"name": {"$regex": "model"}})
    collections = api.registries().collections(filter={"name": "nets"})
    return {
        "registries": [[each.name, each.visibility, each.description] for each in registries],
        "collections": [each.name for each in collections],
        "versions": [
            [each.name, sorted(each.aliases)] for each in api.registries().collections().versions()
        ],
        "by path": api.artifact("wandb-registry-models/nets:latest").source_name,
    }
