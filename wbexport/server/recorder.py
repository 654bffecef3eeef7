"""Changes what the store says of projects, runs and files, as clients ask."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.convert import unwrap_config
from wbexport.arrow.literals import parse_rows, write_json
from wbexport.errors import InputError, ResponseError
from wbexport.paths import DEFAULT_PROJECT
from wbexport.server import lookup
from wbexport.store import reader, writer
from wbexport.store.logged import ensure_project, file_row, new_run, runs_table

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node
    from wbexport.store.accounts import User
    from wbexport.store.blobs import Blob

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["change_run", "ensure_project", "record_file", "rewind", "upsert_run"]

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


def upsert_run(cur: Cursor, given: Node, *, user: User, now: datetime) -> tuple[Node, bool]:
    """Create a run of a user, or change what the input of `upsertBucket` names.

    Returns:
        The run as stored, and whether it is new.

    Raises:
        NotFoundError: No run has the given id.
        InputError: The config or summary is not a JSON object.
    """
    changes = _changes(given)
    # Only a process that runs names its host: it starts the run, or takes it up again.
    if given.get("host") is not None:
        started = {"heartbeat_at": now, "stop_requested": False, "exit_code": None}
        changes = {"state": "running"} | started | changes
    run = _known_run(cur, given)
    if run is None:
        owner = {"username": user.username, "user_name": user.name or user.username}
        storage_id = _insert_run(cur, given, owner | changes, now=now)
    else:
        if given.get("host") is None:
            # Who only names a run, as `create_run` does, does not start one that has ended.
            changes.pop("state", None)
        storage_id = run["storage_id"]
        change_run(cur, run, changes, now=now)
    return lookup.get_run_by_storage_id(cur, storage_id), run is None


def change_run(cur: Cursor, run: Node, changes: Node, *, now: datetime) -> None:
    """Set columns of a run."""
    row = {"storage_id": run["storage_id"], "updated_at": now} | changes
    writer.upsert_runs(cur, run["project_no"], runs_table([row]))


def rewind(cur: Cursor, run: Node, step: int, *, now: datetime) -> None:
    """Drop what a run logged after a step, so that it may go on from there."""
    kept = reader.read_long(cur, [run["run_no"]], max_step=step).drop_columns(["run_no"])
    writer.write_history(cur, [(run["run_no"], kept, "replace")])
    changes = {
        "state": "running",
        "heartbeat_at": now,
        "history_line_count": pc.count_distinct(kept["step"]).as_py(),
        "last_step": pc.max(kept["step"]).as_py(),
    }
    change_run(cur, run, changes, now=now)


def record_file(cur: Cursor, run: Node, name: str, blob: Blob, *, now: datetime) -> None:
    """Note that a run file's bytes are stored."""
    file = file_row(run["run_no"], run["storage_id"], name, blob, now=now)
    writer.write_files(cur, pa.Table.from_pylist([file]))


def _changes(given: Node) -> Node:
    plain = {column: given[name] for name, column in _PLAIN.items() if given.get(name) is not None}
    if given.get("config") is not None:
        config, own = unwrap_config(_object(given["config"], "config"))
        plain |= {"config": write_json(config), "wandb_config": write_json(own)}
    if given.get("summaryMetrics") is not None:
        plain["summary"] = write_json(_object(given["summaryMetrics"], "summaryMetrics"))
    return plain


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        (parsed,) = parse_rows([text])
    except ResponseError as error:
        raise InputError(f"{name} must be a JSON object") from error
    return parsed


def _known_run(cur: Cursor, given: Node) -> Node | None:
    if given.get("id") is not None:
        return lookup.get_run_by_storage_id(cur, given["id"])
    if not given.get("name"):
        return None
    entity = given.get("entityName") or lookup.default_entity(cur)
    columns = ("storage_id", "project_no")
    return lookup.find_run(cur, entity, given.get("modelName"), given["name"], columns=columns)


def _insert_run(cur: Cursor, given: Node, changes: Node, *, now: datetime) -> str:
    entity = given.get("entityName") or lookup.default_entity(cur)
    project = given.get("modelName") or DEFAULT_PROJECT
    run_id = given.get("name") or secrets.token_hex(4)
    run = new_run(entity, project, run_id, now=now)
    project_no, _ = ensure_project(cur, entity, project, now=now)
    writer.upsert_runs(cur, project_no, runs_table([run | changes]))
    return str(run["storage_id"])
