"""What SDKs up to 0.22 ask for besides, and newer ones no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.arrow.literals import parse_json
from wbexport.errors import NotFoundError, ResponseError
from wbexport.server.resolvers import collections, runs
from wbexport.store import attachments

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]

_METADATA = "wandb-metadata.json"


def _run_info(run: Node, info: Info) -> Node | None:
    """Read what the run's process said of itself, from the file in which it did."""
    try:
        found = attachments.read_files(info.context.cursor, run["run_no"], names=[_METADATA])
        (sha256,) = found["blob"].drop_null().to_pylist()
        said = parse_json(info.context.service.store.blobs.path(sha256).read_bytes())
    except (NotFoundError, ResponseError, ValueError):
        return None
    if not isinstance(said, dict):
        return None
    git = said.get("git") or {}
    return {
        **{name: said.get(name) for name in ("program", "os", "python", "colab", "executable")},
        "args": said.get("args") or [],
        "codeSaved": "codePath" in said,
        "cpuCount": said.get("cpu_count"),
        "gpuCount": said.get("gpu_count"),
        "gpu": said.get("gpu"),
        "git": {"remote": git.get("remote"), "commit": git.get("commit")},
    }


RESOLVERS = {
    "Project": {"buckets": runs.list_runs},
    "Run": {"runInfo": _run_info},
    "FileConnection": {"uploadHeaders": lambda page, info: []},
    "UpsertBucketPayload": {"serverSettings": lambda payload, info: {"serverMessages": []}},
    "ArtifactType": {
        "artifactSequence": collections.RESOLVERS["ArtifactType"]["artifactCollection"],
        "artifact": collections.RESOLVERS["Project"]["artifact"],
    },
}
