"""Finds projects, runs, files and console lines by the names that clients use."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from wbexport.paths import DEFAULT_PROJECT
from wbexport.query.mongo import parse_filter
from wbexport.store import reader

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import duckdb

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey
    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "ALWAYS",
    "USER",
    "count_files",
    "count_runs",
    "default_entity",
    "entities",
    "file_id",
    "find_project",
    "find_run",
    "find_run_by_storage_id",
    "find_run_in",
    "list_console",
    "list_files",
    "list_projects",
    "list_runs",
    "opaque_id",
]

#: The one user of a local server; also the entity of its first project.
USER = "local"

#: Columns that are cheap and needed whatever a listing selects.
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


def opaque_id(text: str) -> str:
    """Return an id as W&B spells them: base64 of a text that says what it is."""
    return base64.b64encode(text.encode()).decode()


def file_id(run: Node, name: str) -> str:
    """Return the id of a run file."""
    return opaque_id(f"RunFile:{run['storage_id']}:{name}")


def entities(cur: Cursor) -> list[str]:
    """Name the owners of projects, those of older projects first."""
    projects = sorted(reader.read_projects(cur).to_pylist(), key=lambda row: row["project_no"])
    return list(dict.fromkeys(row["entity"] for row in projects))


def default_entity(cur: Cursor) -> str:
    """Name the entity that a path without one means."""
    return next(iter(entities(cur)), USER)


def find_project(cur: Cursor, entity: str, name: str | None) -> Node | None:
    """Return a project, or None."""
    wanted = (entity, name or DEFAULT_PROJECT)
    projects = reader.read_projects(cur).to_pylist()
    return next((row for row in projects if (row["entity"], row["project"]) == wanted), None)


def list_projects(cur: Cursor, entity: str) -> list[Node]:
    """Return an entity's projects, the newest first."""
    found = [row for row in reader.read_projects(cur).to_pylist() if row["entity"] == entity]
    return sorted(found, key=lambda row: -row["project_no"])


def list_runs(
    cur: Cursor,
    project: Node,
    *,
    where: Expression,
    order: Sequence[OrderKey],
    limit: int,
    offset: int,
    columns: Collection[str],
) -> list[Node]:
    """Return one page of a project's runs."""
    found: list[Node] = reader.read_runs(
        cur,
        project_no=project["project_no"],
        where=where,
        order=order,
        limit=limit,
        offset=offset,
        columns=sorted(columns),
    ).to_pylist()
    return found


def count_runs(cur: Cursor, project: Node, where: Expression) -> int:
    """Count a project's runs that match a filter."""
    return reader.count_runs(cur, project_no=project["project_no"], where=where)


def find_run_in(cur: Cursor, project: Node, run_id: str) -> Node | None:
    """Return a run of a project by its id, whole, or None."""
    where = parse_filter({"name": run_id})
    found = reader.read_runs(cur, project_no=project["project_no"], where=where, limit=1)
    return next(iter(found.to_pylist()), None)


def find_run(cur: Cursor, entity: str, project: str | None, run_id: str) -> Node | None:
    """Return a run by its path, whole, or None."""
    owner = find_project(cur, entity, project)
    return None if owner is None else find_run_in(cur, owner, run_id)


def find_run_by_storage_id(cur: Cursor, storage_id: str) -> Node | None:
    """Return a run by what GraphQL calls its id, or None."""
    found = cur.execute(
        "select project_no, run_id from stored.runs where storage_id = ? order by run_no",
        [storage_id],
    ).fetchall()
    return find_run_in(cur, {"project_no": found[0][0]}, found[0][1]) if found else None


def list_files(
    cur: Cursor, run: Node, *, names: Collection[str] = (), pattern: str | None = None
) -> list[Node]:
    """Return a run's files in the order of their names.

    Args:
        cur: A cursor of the store.
        run: The run.
        names: Only these, when there are any.
        pattern: Only names like this, in SQL's sense.
    """
    return _rows(
        cur,
        """
        select name, storage_id, size, md5, mimetype, updated_at, blob
        from stored.files
        where run_no = $run_no
            and uploaded
            and (len($names::varchar[]) = 0 or list_contains($names::varchar[], name))
            and ($pattern is null or name like $pattern)
        order by name
        """,
        {"run_no": run["run_no"], "names": list(names), "pattern": pattern},
    )


def count_files(cur: Cursor, run: Node) -> int:
    """Count a run's files."""
    return len(list_files(cur, run))


def list_console(cur: Cursor, run: Node, *, start: int, limit: int) -> list[Node]:
    """Return console lines from one line number on."""
    return _rows(
        cur,
        """
        select number, logged_at, level, line
        from stored.console_lines
        where run_no = $run_no and number >= $start
        order by number
        limit $limit
        """,
        {"run_no": run["run_no"], "start": start, "limit": limit},
    )


def _rows(cur: Cursor, statement: str, values: dict[str, Any]) -> list[Node]:
    found = cur.execute(statement, values)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
