"""Looks up entities, projects and runs by the names that clients use.

What is not there is None to `find_` and an error to `get_`.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from typing import TYPE_CHECKING

from wbexport.errors import NotFoundError
from wbexport.paths import DEFAULT_PROJECT
from wbexport.store import reader
from wbexport.store.logged import (
    ORG_ENTITY,
    ORGANIZATION,
    USER,
    default_entity,
    entities,
    find_project,
    opaque_id,
    unique_id,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "ALWAYS",
    "ORGANIZATION",
    "ORG_ENTITY",
    "USER",
    "default_entity",
    "entities",
    "file_id",
    "find_project",
    "find_project_by_storage_id",
    "find_run",
    "find_run_in",
    "get_run",
    "get_run_by_storage_id",
    "list_projects",
    "new_id",
    "numbered_id",
    "opaque_id",
    "unique_id",
]

#: Columns of a run that are cheap and needed whatever is asked of it.
ALWAYS = (
    "run_no",
    "storage_id",
    "run_id",
    "project_no",
    "entity",
    "project",
    "state",
    "stop_requested",
    "created_at",
    "heartbeat_at",
    "updated_at",
    "username",
    "user_name",
    "last_step",
    "history_line_count",
    "events_line_count",
    "log_line_count",
    "generation",
    "stored_rows",
)


def new_id() -> str:
    """Return an id as W&B gives them to runs, sweeps and agents."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def numbered_id(kind: str, name: str) -> str:
    """Return the id of a user or an entity; clients insist on a number inside."""
    digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=6).digest()
    return opaque_id(f"{kind}:{int.from_bytes(digest)}")


def file_id(run: Node, name: str) -> str:
    """Return the id of a run file."""
    return opaque_id(f"RunFile:{run['storage_id']}:{name}")


def list_projects(cur: Cursor, entity: str) -> list[Node]:
    """Return an entity's projects, the newest first."""
    found = [row for row in reader.read_projects(cur).to_pylist() if row["entity"] == entity]
    return sorted(found, key=lambda row: -row["project_no"])


def find_project_by_storage_id(cur: Cursor, storage_id: str) -> Node | None:
    """Return a project by what GraphQL calls its id."""
    projects = reader.read_projects(cur).to_pylist()
    return next((row for row in projects if row["storage_id"] == storage_id), None)


def find_run_in(
    cur: Cursor, project_no: int, run_id: str, columns: Sequence[str] | None = None
) -> Node | None:
    """Return a run of a project by its id, with all columns unless told otherwise."""
    return reader.read_run(cur, {"project_no": project_no, "run_id": run_id}, columns)


def find_run(
    cur: Cursor,
    entity: str,
    project: str | None,
    run_id: str,
    *,
    columns: Sequence[str] | None = None,
) -> Node | None:
    """Return a run by its path."""
    owner = find_project(cur, entity, project)
    return None if owner is None else find_run_in(cur, owner["project_no"], run_id, columns)


def get_run(
    cur: Cursor,
    entity: str,
    project: str | None,
    run_id: str,
    *,
    columns: Sequence[str] | None = None,
) -> Node:
    """Return a run by its path."""
    run = find_run(cur, entity, project, run_id, columns=columns)
    if run is None:
        raise NotFoundError(f"there is no run {entity}/{project or DEFAULT_PROJECT}/{run_id} here")
    return run


def get_run_by_storage_id(
    cur: Cursor, storage_id: str, columns: Sequence[str] | None = None
) -> Node:
    """Return a run by what GraphQL calls its id."""
    run = reader.read_run(cur, {"storage_id": storage_id}, columns)
    if run is None:
        raise NotFoundError(f"there is no run with id {storage_id} here")
    return run
