"""Reads everything of a project through any client that has W&B's interface.

The same code runs in the real SDK's process, where nothing of wbexport is imported, and in the
tests. What it gives is JSON: there `1`, `1.0`, `"1"`, `true`, `null` and `NaN` are six things.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ONLINE", "RUN_PARTS", "SCANS", "main", "read_project"]

Part = Callable[[Any], Any]

_FIELDS = (
    *("id", "storage_id", "name", "display_name", "state", "entity", "project", "path", "tags"),
    *("notes", "description", "group", "job_type", "commit", "read_only", "created_at"),
    *("heartbeat_at", "sweep_name", "history_line_count", "lastHistoryStep", "config"),
    *("rawconfig", "system_metrics"),
)


def plain(value: Any) -> Any:
    """Turn mappings of any class into dicts, and arrays into lists."""
    if hasattr(type(value), "tolist"):
        value = value.tolist()
    if hasattr(value, "items"):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def pandas_frame(frame: Any) -> Any:
    """Give columns, types and rows of a pandas frame."""
    types = [str(kind) for kind in frame.dtypes]
    return [list(frame.columns), types, list(frame.index), plain(frame.to_dict("records"))]


def polars_frame(frame: Any) -> Any:
    """Give columns, types and rows of a polars frame."""
    return [frame.columns, [str(kind) for kind in frame.dtypes], plain(frame.rows())]


def scan(run: Any, **options: Any) -> Any:
    """Give every row of a complete history."""
    return plain(list(run.scan_history(**options)))


def history(run: Any, **options: Any) -> Any:
    """Give the rows of a sampled history."""
    return plain(run.history(pandas=False, **options))


def files(run: Any) -> Any:
    """Give what is said of each file, and what is in it."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in run.files(per_page=2):
            file.download(root=folder).close()
            content = (Path(folder) / file.name).read_bytes()
            md5 = hashlib.md5(content).hexdigest()
            found[file.name] = [file.size, file.md5, file.mimetype, len(content), md5]
    return found


#: Complete histories, by what they are asked with.
SCANS: dict[str, dict[str, Any]] = {
    "scan": {},
    "scan by 3": {"page_size": 3, "max_step": 40},
    "scan of loss": {"keys": ["loss"]},
    "scan of _step, loss": {"keys": ["_step", "loss"]},
    "scan of two keys": {"keys": ["loss", "acc"]},
    "scan from 4": {"min_step": 4},
    "scan to 6": {"max_step": 6},
    "scan without cache": {"use_cache": False},
    "scan from 2 to 9 of loss": {"min_step": 2, "max_step": 9, "keys": ["loss"]},
}

#: What one run is asked.
RUN_PARTS: dict[str, Part] = {
    **{name: (lambda run, name=name: plain(getattr(run, name))) for name in _FIELDS},
    "summary": lambda run: plain(dict(run.summary.items())),
    "history": history,
    "history of 5": lambda run: history(run, samples=5),
    "history of loss": lambda run: history(run, keys=["loss"]),
    "history of 3 of loss": lambda run: history(run, samples=3, keys=["loss"]),
    "history of two keys": lambda run: history(run, keys=["loss", "acc"]),
    "history by epoch": lambda run: history(run, keys=["val/acc"], x_axis="epoch"),
    "history of nest.a": lambda run: history(run, keys=["nest.a"]),
    "history frame": lambda run: pandas_frame(run.history()),
    "history frame of loss": lambda run: pandas_frame(run.history(samples=7, keys=["loss"])),
    "system": lambda run: history(run, stream="system"),
    "system of 2": lambda run: history(run, samples=2, stream="system"),
    **{name: (lambda run, o=o: scan(run, **o)) for name, o in SCANS.items()},
    "url": lambda run: run.url,
    "user": lambda run: [run.user.name, run.user.username],
    "summary_metrics": lambda run: plain(run.summary_metrics),
    "summary as a dict": lambda run: plain(run.summary._json_dict),
    "nested summary": lambda run: plain(run.summary.get("nest", {}).get("a")),
    "metadata": lambda run: plain(run.metadata),
    "files": files,
    "json files": lambda run: [file.name for file in run.files(pattern="%.json")],
}

#: What only a server offers, not the runs of an archive.
ONLINE = ["url", "user", "metadata", "files", "json files"]

_EVEN = {"tags": "even"}


def read_listing(api: Any, path: str) -> dict[str, Any]:
    """Read what is asked of many runs at once."""

    def runs(**options: Any) -> Any:
        return api.runs(path, **options)

    found: dict[str, Any] = {
        "oldest first": [run.id for run in runs()],
        "by loss": [run.id for run in runs(order="-summary_metrics.loss")],
        "by page": [run.id for run in runs(order="-created_at", per_page=3)],
        "length": [len(runs()), len(runs(filters=_EVEN)), len(runs(filters={"state": "nope"}))],
        "parts": [runs()[1].id, [run.id for run in runs()[2:5]]],
        "histories": plain(runs().histories()),
        "histories of 4": plain(runs().histories(samples=4)),
        "histories of loss": plain(runs().histories(keys=["loss"])),
        "system histories": plain(runs().histories(samples=3, stream="system")),
        "pandas": pandas_frame(runs(filters=_EVEN).histories(format="pandas")),
        "pandas of all": pandas_frame(runs().histories(samples=9, format="pandas", keys=["loss"])),
        "pandas of none": pandas_frame(runs(filters={"name": "no"}).histories(format="pandas")),
    }
    for name, options in {"polars": {}, "polars of 5": {"samples": 5, "keys": ["acc"]}}.items():
        found[name] = polars_frame(runs(filters=_EVEN).histories(format="polars", **options))
    return found


def read_project(api: Any, path: str, leave_out: list[str] | None = None) -> dict[str, Any]:
    """Read a project: what its listing says, and every part of every run."""
    warnings.simplefilter("ignore")
    parts = [name for name in RUN_PARTS if name not in (leave_out or [])]
    runs = {run.id: {name: RUN_PARTS[name](run) for name in parts} for run in api.runs(path)}
    return {"listing": read_listing(api, path), "runs": runs}


def main() -> None:
    """Read the project that the first argument names, with the real SDK."""
    import wandb

    api = wandb.Api()
    answer = read_project(api, sys.argv[1])
    for run_id in answer["runs"]:
        run = api.run(f"{sys.argv[1]}/{run_id}")
        answer["runs"][run_id]["console"] = [line.content for line in run.console_logs()]
    sys.stdout.write(json.dumps(answer) + "\n")
