"""History in W&B's three forms: JSON rows, sampled keys, and parquet with a live tail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow.compute as pc

from wbexport.arrow.convert import long_to_rows
from wbexport.arrow.lines import long_to_lines
from wbexport.errors import QueryError
from wbexport.server import blobs
from wbexport.server.execute import Leaves
from wbexport.server.resolvers.runs import json_numbers
from wbexport.store import reader

if TYPE_CHECKING:
    import pyarrow as pa

    from wbexport.server.exports import Export
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]

_SAMPLES = 500


def _export(run: Node, info: Info) -> Export | None:
    return info.context.service.exports.of(info.context.cursor, run)


def _read(
    run: Node,
    info: Info,
    *,
    first: int | None,
    last: int | None,
    samples: int | None,
    keys: list[str] | None = None,
    stream: Literal["history", "system"] = "history",
) -> pa.Table:
    """Read the rows of a step range, both ends included, thinned to `samples` of them."""
    cursor, known = info.context.service.recall.known(info.context)
    return reader.read_long(
        cursor,
        [run["run_no"]],
        keys=keys,
        how="all",
        min_step=first,
        max_step=last,
        samples=_SAMPLES if samples is None else max(samples, 0),
        stream=stream,
        known=known,
    )


def _lines(long: pa.Table) -> list[str]:
    return Leaves(long_to_lines(long))


def _live_range(
    run: Node, info: Info, first: int | None, last: int | None
) -> tuple[int | None, int | None]:
    """Cut a range that a reader pages through to what it does not get as parquet.

    A run that is exported whole is not cut: readers of parquet do not page through it, and clients
    before 0.23 know no parquet.
    """
    export = None if first is None and last is None else _export(run, info)
    if export is None or export.live_from is None:
        return first, last
    return max(export.live_from, first or 0), last


def _history(
    run: Node,
    info: Info,
    *,
    minStep: int | None = None,
    maxStep: int | None = None,
    samples: int | None = None,
) -> list[str]:
    first, last = _live_range(run, info, minStep, None if maxStep is None else maxStep - 1)
    return _lines(_read(run, info, first=first, last=last, samples=samples))


def _events(
    run: Node,
    info: Info,
    *,
    minStep: int | None = None,
    maxStep: int | None = None,
    samples: int | None = None,
) -> list[str]:
    last = None if maxStep is None else maxStep - 1
    long = _read(run, info, first=minStep, last=last, samples=samples, stream="system")
    return Leaves(long_to_lines(long, step_key=None, more={"_wandb": "true"}))


def _sampled_history(run: Node, info: Info, specs: list[str]) -> list[list[Node]]:
    return Leaves(_sampled(run, info, _spec(text)) for text in specs)


def _spec(text: str) -> Node:
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QueryError("a sampling spec is not JSON") from error
    if not isinstance(spec, dict):
        raise QueryError("a sampling spec must be an object")
    keys = spec.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise QueryError("keys of a sampling spec must be a list of names")
    numbers = [spec.get(name) for name in ("minStep", "maxStep", "samples")]
    if not all(number is None or type(number) is int for number in numbers):
        raise QueryError("minStep, maxStep and samples of a sampling spec must be whole numbers")
    return spec


def _sampled(run: Node, info: Info, spec: Node) -> list[Node]:
    first, last, samples = (spec.get(name) for name in ("minStep", "maxStep", "samples"))
    if first is not None and last is not None and last - first == samples:
        # Clients before 0.23 ask for pages of `samples` steps and mean the end of a page exclusive.
        last -= 1
    first, last = _live_range(run, info, first, last)
    keys = list(dict.fromkeys(spec.get("keys") or []))
    logged = [key for key in keys if key != "_step"]
    long = _read(run, info, first=first, last=last, samples=samples, keys=logged or None)
    rows = long_to_rows(long)
    if not keys:
        return [json_numbers(row) for row in rows]
    return [json_numbers({key: row[key] for key in keys}) for row in rows]


def _parquet_history(run: Node, info: Info, liveKeys: list[str]) -> Node:
    export = _export(run, info)
    if export is None:
        return {"parquetUrls": [], "liveData": lambda _: _live_data(run, info, None, liveKeys)}
    urls = [
        blobs.export_url(info.context, run["storage_id"], export.version, number)
        for number in range(len(export.files))
    ]
    live = [] if export.live_from is None else _live_data(run, info, export.live_from, liveKeys)
    return {"parquetUrls": urls, "liveData": live}


def _live_data(run: Node, info: Info, first: int | None, keys: list[str]) -> list[Node]:
    """Return the given keys of the rows that no parquet file holds."""
    long = reader.read_long(info.context.cursor, [run["run_no"]], min_step=first)
    if keys == ["_step"]:
        steps = np.sort(pc.unique(long.column("step")).to_numpy())
        return Leaves({"_step": step} for step in steps.tolist())
    return Leaves(
        json_numbers({key: row[key] for key in keys if key in row}) for row in long_to_rows(long)
    )


def _history_tail(run: Node, info: Info) -> str:
    if run["last_step"] is None:
        return "[]"
    return json.dumps(_lines(_read(run, info, first=run["last_step"], last=None, samples=1)))


def _events_tail(run: Node, info: Info) -> str:
    count = run["events_line_count"] or 0
    return json.dumps(_events(run, info, minStep=count - 1, samples=1) if count else [])


RESOLVERS = {
    "Run": {
        "history": _history,
        "events": _events,
        "sampledHistory": _sampled_history,
        "parquetHistory": _parquet_history,
        "historyTail": _history_tail,
        "eventsTail": _events_tail,
    }
}
