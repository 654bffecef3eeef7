"""Takes in what a running client posts: history, metrics, summary, console lines, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.literals import parse_rows
from wbexport.server import lookup
from wbexport.server.limits import gunzip
from wbexport.server.posts import Seen, parse_console_line, parse_post
from wbexport.server.recorder import change_run
from wbexport.server.sweeps import conductor
from wbexport.store import writer
from wbexport.store.logged import CONSOLE, latest_metrics, logged_events, logged_rows

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    from werkzeug.datastructures import Headers

    from wbexport.server.posts import Lines, Post
    from wbexport.server.service import Node, Service

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["receive"]

#: What a post builds upon; the wide columns stay unread.
_COLUMNS = (*lookup.ALWAYS, "sweep_id", "system_metrics")


def receive(
    service: Service,
    headers: Headers,
    body: bytes,
    *,
    entity: str,
    project: str,
    run: str,
) -> dict[str, Any]:
    """Store one file stream request in one transaction; `stopped` in the answer ends the client.

    Raises:
        ReadOnlyError: When the server does not write.
        NotFoundError: When there is no such run.
    """
    service.require_writable()
    if headers.get("Content-Encoding", "").lower() == "gzip":
        body = gunzip(body, limit=service.limits.stream_body)
    post = parse_post(body, shared=bool(headers.get("X-WANDB-USE-ASYNC-FILESTREAM")))
    process = headers.get("X-WANDB-ASYNC-CLIENT-ID") or headers.get("X-WANDB-CLIENT-ID") or ""
    with service.writing(soon=post.complete) as cur:
        found = lookup.get_run(cur, entity, project, run, columns=_COLUMNS)
        seen = service.processes.get((found["storage_id"], process), Seen())
        new = seen.fresh(post, _counts(found)) if post.shared else post
        _store(cur, found, new, now=service.clock())
        if post.complete and found["sweep_id"]:
            conductor.settle_sweep_of(cur, found, now=service.clock())
    if post.shared:
        service.processes[found["storage_id"], process] = seen.after(post)
    answer: dict[str, Any] = {"exitcode": None, "limits": {}}
    return answer | {"stopped": True} if found["stop_requested"] else answer


def _counts(run: Node) -> Seen:
    return Seen(
        history=run["history_line_count"] or 0,
        events=run["events_line_count"] or 0,
        console=run["log_line_count"] or 0,
    )


def _store(cur: Cursor, run: Node, post: Post, *, now: datetime) -> None:
    changes: Node = {"heartbeat_at": now, "duration": (now - run["created_at"]).total_seconds()}
    if post.history:
        changes |= _store_history(cur, run, post)
    if post.events:
        changes |= _store_events(cur, run, post.events)
    if post.console:
        changes |= _store_console(cur, run, post.console)
    if post.summary is not None:
        changes["summary"] = post.summary
    change_run(cur, run, changes | _state_after(run, post), now=now)


def _state_after(run: Node, post: Post) -> Node:
    if post.complete:
        ended = "finished" if not post.exit_code else "failed"
        stopped = bool(post.exit_code and run["stop_requested"])
        return {"state": "killed" if stopped else ended, "exit_code": post.exit_code}
    return {"state": "preempting" if post.preempting else "running"}


def _store_history(cur: Cursor, run: Node, post: Post) -> Node:
    lines = post.history.after(run["history_line_count"] or 0)
    if not lines:
        return {}
    rows = [
        {"_step": number} | row
        for number, row in enumerate(parse_rows(lines.content), start=lines.offset)
    ]
    last = -1 if run["last_step"] is None else run["last_step"]
    if post.shared:
        # Processes that share a run each count steps from 0; here every row gets one of its own.
        rows = [row | {"_step": step} for step, row in enumerate(rows, start=last + 1)]
    long = logged_rows(rows)
    writer.write_history(cur, [(run["run_no"], long, "append")])
    last = max(pc.max(long["step"]).as_py(), last)
    return {"history_line_count": lines.end, "last_step": last}


def _store_events(cur: Cursor, run: Node, posted: Lines) -> Node:
    lines = posted.after(run["events_line_count"] or 0)
    if not lines:
        return {}
    rows = parse_rows(lines.content)
    for row in rows:
        row.pop("_wandb", None)
    long = logged_events(rows, first=lines.offset)
    writer.write_history(cur, [(run["run_no"], long, "append")], stream="system")
    latest = latest_metrics(run["system_metrics"], rows)
    return {"events_line_count": lines.end, "system_metrics": latest}


def _store_console(cur: Cursor, run: Node, lines: Lines) -> Node:
    parsed = [
        {"number": number, "logged_at": line.logged_at, "level": line.level, "line": line.text}
        for number, line in enumerate(map(parse_console_line, lines.content), start=lines.offset)
    ]
    writer.write_console(cur, run["run_no"], pa.Table.from_pylist(parsed, schema=CONSOLE))
    return {"log_line_count": max(run["log_line_count"] or 0, lines.end)}
