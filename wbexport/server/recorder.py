"""Writes what clients send: projects, runs, streamed data, files."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.convert import parse_rows, rows_to_long, unwrap_config
from wbexport.arrow.literals import parse_json, write_json
from wbexport.arrow.schema import RUNS
from wbexport.errors import InputError, NotFoundError
from wbexport.paths import DEFAULT_PROJECT
from wbexport.server import lookup
from wbexport.server.posts import parse_console_line
from wbexport.store import reader, writer

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.server.posts import Lines, Post
    from wbexport.server.service import Node
    from wbexport.store.blobs import Blob

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "HEARTBEAT",
    "change_run",
    "delete_file",
    "delete_run",
    "ensure_project",
    "has_silent_runs",
    "mark_crashed",
    "record",
    "record_file",
    "rewind",
    "upsert_run",
]

#: A running run that is silent for longer has crashed; clients report at least every 30 s.
HEARTBEAT = timedelta(minutes=5)

#: Where projects come from that were logged to this server.
_ORIGIN = "local"

#: Input field of `upsertBucket` to column; what is null stays as it was.
_PLAIN = {
    "displayName": "display_name",
    "description": "description",
    "notes": "notes",
    "tags": "tags",
    "groupName": "group_name",
    "jobType": "job_type",
    "commit": "git_commit",
    "host": "host",
    "jobProgram": "program",
    "sweep": "sweep_id",
    "state": "state",
}

_SILENT = "status = 'live' and state in ('running', 'preempting') and heartbeat_at < ?"

_CONSOLE = pa.schema(
    [
        ("number", pa.int64()),
        ("logged_at", pa.timestamp("us")),
        ("level", pa.string()),
        ("line", pa.string()),
    ]
)


def ensure_project(cur: Cursor, entity: str, name: str, *, now: datetime, **changes: Any) -> bool:
    """Create a project unless it is there, and change what is given.

    Args:
        cur: Cursor of a transaction.
        entity: Its owner.
        name: Its name.
        now: The time.
        **changes: `description` or `access`; None leaves them.

    Returns:
        Whether it is new.
    """
    found = lookup.find_project(cur, entity, name)
    given = {key: value for key, value in changes.items() if value is not None}
    if found is not None and not given:
        return False
    known: Node = found or {
        "origin": _ORIGIN,
        "storage_id": lookup.opaque_id(f"Project:v1:{name}:{entity}"),
        "entity": entity,
        "project": name,
        "created_at": now,
    }
    columns: Node = {key: known.get(key) for key in writer.ProjectRow.__dataclass_fields__} | given
    writer.upsert_project(cur, writer.ProjectRow(**columns))
    return found is None


def upsert_run(cur: Cursor, given: Node, *, now: datetime) -> tuple[Node, bool]:
    """Create a run, or change what the input names.

    Args:
        cur: Cursor of a transaction.
        given: The input of `upsertBucket`.
        now: The time.

    Returns:
        The run as stored, and whether it is new.

    Raises:
        NotFoundError: No run has the given id.
        InputError: The config or summary is not a JSON object.
    """
    changes = _changes(given)
    if given.get("id") is not None:
        run = lookup.find_run_by_storage_id(cur, given["id"])
        if run is None:
            raise NotFoundError(f"there is no run {given['id']} here")
        inserted = False
    else:
        run, inserted = _run_by_name(cur, given, now=now)
    # Only a process that runs names its host: it starts the run, or takes it up again.
    if given.get("host") is not None:
        started = {"heartbeat_at": now, "stop_requested": False, "exit_code": None}
        changes = {"state": "running"} | started | changes
    if inserted:
        project_no = run.pop("project_no")
        writer.upsert_runs(cur, project_no, _one_row(run | changes))
    else:
        change_run(cur, run, changes, now=now)
    stored = lookup.find_run_by_storage_id(cur, run["storage_id"])
    assert stored is not None
    return stored, inserted


def change_run(cur: Cursor, run: Node, changes: Node, *, now: datetime) -> None:
    """Set columns of a run.

    Args:
        cur: Cursor of a transaction.
        run: The run.
        changes: Column to value.
        now: The time.
    """
    row = {"storage_id": run["storage_id"], "updated_at": now} | changes
    writer.upsert_runs(cur, run["project_no"], _one_row(row))


def record(cur: Cursor, run: Node, post: Post, *, now: datetime) -> bool:
    """Store what a running client posted.

    Args:
        cur: Cursor of a transaction.
        run: The run.
        post: The request.
        now: The time.

    Returns:
        Whether the client is asked to stop.
    """
    changes: Node = {"heartbeat_at": now, "duration": (now - run["created_at"]).total_seconds()}
    if post.history:
        changes |= _record_history(cur, run, post)
    if post.events:
        changes |= _record_events(cur, run, post.events)
    if post.console:
        changes |= _record_console(cur, run, post.console)
    if post.summary is not None:
        changes["summary"] = post.summary
    change_run(cur, run, changes | _state_after(run, post), now=now)
    return bool(run["stop_requested"])


def record_file(
    cur: Cursor, run: Node, name: str, blob: Blob, *, mimetype: str | None, now: datetime
) -> None:
    """Note that a run file's bytes are stored.

    Args:
        cur: Cursor of a transaction.
        run: The run.
        name: The file's name.
        blob: Its bytes.
        mimetype: Its type, as far as the name tells.
        now: The time.
    """
    file = {
        "run_no": run["run_no"],
        "name": name,
        "storage_id": lookup.file_id(run, name),
        "size": blob.size,
        "md5": base64.b64encode(bytes.fromhex(blob.md5)).decode(),
        "mimetype": mimetype or "application/octet-stream",
        "updated_at": now,
        "uploaded": True,
        "blob": blob.sha256,
    }
    writer.write_files(cur, pa.Table.from_pylist([file]))


def delete_file(cur: Cursor, file_id: str) -> None:
    """Forget a run file."""
    cur.execute("delete from stored.files where storage_id = ?", [file_id])


def delete_run(cur: Cursor, run: Node) -> None:
    """Forget a run and all that was logged to it."""
    writer.delete_runs(cur, [run["run_no"]])


def rewind(cur: Cursor, run: Node, step: int, *, now: datetime) -> None:
    """Drop what a run logged after a step, so that it may go on from there.

    Args:
        cur: Cursor of a transaction.
        run: The run.
        step: The last step to keep.
        now: The time.
    """
    kept = reader.read_long(cur, [run["run_no"]], max_step=step).drop_columns(["run_no"])
    writer.write_history(cur, [(run["run_no"], kept, "replace")])
    changes = {
        "state": "running",
        "heartbeat_at": now,
        "history_line_count": pc.count_distinct(kept["step"]).as_py(),
        "last_step": pc.max(kept["step"]).as_py(),
    }
    change_run(cur, run, changes, now=now)


def has_silent_runs(cur: Cursor, now: datetime) -> bool:
    """Tell whether `mark_crashed` has something to do."""
    found = cur.execute(f"select 1 from stored.runs where {_SILENT} limit 1", _silence(now))
    return bool(found.fetchall())


def mark_crashed(cur: Cursor, now: datetime) -> None:
    """Give up the runs that were logging here and have fallen silent."""
    cur.execute(f"update stored.runs set state = 'crashed' where {_SILENT}", _silence(now))


def _silence(now: datetime) -> list[datetime]:
    return [now - HEARTBEAT]


def _one_row(row: Node) -> pa.Table:
    fields = [
        RUNS.field(name) if name in RUNS.names else pa.field(name, pa.string()) for name in row
    ]
    return pa.Table.from_pylist([row], schema=pa.schema(fields))


def _changes(given: Node) -> Node:
    plain = {column: given[name] for name, column in _PLAIN.items() if given.get(name) is not None}
    if given.get("config") is not None:
        config, own = unwrap_config(_object(given["config"], "config"))
        plain |= {"config": write_json(config), "wandb_config": write_json(own)}
    if given.get("summaryMetrics") is not None:
        plain["summary"] = write_json(_object(given["summaryMetrics"], "summaryMetrics"))
    return plain


def _object(text: str, name: str) -> dict[str, Any]:
    parsed = parse_json(text)
    if not isinstance(parsed, dict):
        raise InputError(f"{name} must be a JSON object")
    return parsed


def _run_by_name(cur: Cursor, given: Node, *, now: datetime) -> tuple[Node, bool]:
    entity = given.get("entityName") or lookup.default_entity(cur)
    project = given.get("modelName") or DEFAULT_PROJECT
    run_id = given.get("name") or secrets.token_hex(4)
    run = lookup.find_run(cur, entity, project, run_id)
    if run is not None:
        return run, False
    ensure_project(cur, entity, project, now=now)
    owner = lookup.find_project(cur, entity, project)
    assert owner is not None
    run = {
        "storage_id": lookup.opaque_id(f"Run:v1:{run_id}:{project}:{entity}"),
        "run_id": run_id,
        "display_name": run_id,
        "state": "running",
        "tags": [],
        "read_only": False,
        "username": lookup.USER,
        "user_name": lookup.USER,
        "created_at": now,
        "heartbeat_at": now,
        "updated_at": now,
        "stop_requested": False,
        "config": "{}",
        "wandb_config": "{}",
        "summary": "{}",
        "system_metrics": "{}",
        "history_line_count": 0,
        "events_line_count": 0,
        "log_line_count": 0,
        "status": "live",
        "project_no": owner["project_no"],
    }
    return run, True


def _state_after(run: Node, post: Post) -> Node:
    if post.complete:
        ended = "finished" if not post.exit_code else "failed"
        stopped = bool(post.exit_code and run["stop_requested"])
        return {"state": "killed" if stopped else ended, "exit_code": post.exit_code}
    return {"state": "preempting" if post.preempting else "running"}


def _record_history(cur: Cursor, run: Node, post: Post) -> Node:
    known = run["history_line_count"] or 0
    lines = post.history.after(known)
    if not lines:
        return {}
    rows = [
        {"_step": number} | row
        for number, row in enumerate(parse_rows(lines.content), start=lines.offset)
    ]
    if post.shared:
        # Processes that share a run each count steps from 0; here every row gets one of its own.
        first = 0 if run["last_step"] is None else run["last_step"] + 1
        rows = [row | {"_step": step} for step, row in enumerate(rows, start=first)]
    # Here NaN has a token of its own, so that the string "NaN" is a string.
    long = rows_to_long(rows, text_keys=frozenset().union(*rows))
    writer.write_history(cur, [(run["run_no"], long, "append")])
    last = max(pc.max(long["step"]).as_py(), -1 if run["last_step"] is None else run["last_step"])
    return {"history_line_count": lines.end, "last_step": last}


def _record_events(cur: Cursor, run: Node, posted: Lines) -> Node:
    known = run["events_line_count"] or 0
    lines = posted.after(known)
    if not lines:
        return {}
    rows = parse_rows(lines.content)
    for row in rows:
        row.pop("_wandb", None)
    long = rows_to_long(rows, step_key=None, first_step=lines.offset)
    writer.write_history(cur, [(run["run_no"], long, "append")], stream="system")
    latest = parse_json(run["system_metrics"] or "{}")
    for row in rows:
        latest |= {key: value for key, value in row.items() if key.startswith("system.")}
    return {"events_line_count": lines.end, "system_metrics": write_json(latest)}


def _record_console(cur: Cursor, run: Node, lines: Lines) -> Node:
    parsed = [
        {"number": number, "logged_at": line.logged_at, "level": line.level, "line": line.text}
        for number, line in enumerate(map(parse_console_line, lines.content), start=lines.offset)
    ]
    writer.write_console(cur, run["run_no"], pa.Table.from_pylist(parsed, schema=_CONSOLE))
    return {"log_line_count": max(run["log_line_count"] or 0, lines.end)}
