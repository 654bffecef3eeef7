"""List the versions of a collection that carry a tag."""

from __future__ import annotations

from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give types, collections and versions, narrowed step by step."""
    api = wandb.Api()
    versions = api.artifacts("dataset", "local/vision/digits")
    small = api.artifacts(type_name="dataset", name="local/vision/digits", tags=["small"])
    collection = api.artifact_collection("dataset", "local/vision/digits")
    return {
        "types": sorted(each.name for each in api.artifact_types("local/vision")),
        "collections": [each.name for each in api.artifact_collections("local/vision", "dataset")],
        "versions": [[each.version, sorted(each.aliases)] for each in versions],
        "small": [each.version for each in small],
        "all aliases": sorted(collection.aliases),
        "there": api.artifact_exists("local/vision/digits:raw"),
        "not there": api.artifact_exists("local/vision/digits:v9"),
    }
