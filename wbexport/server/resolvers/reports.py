"""Reports: listing them, and saving them as W&B's reports package does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wbexport.arrow.literals import parse_json
from wbexport.errors import InputError, NotFoundError, ResponseError
from wbexport.paths import DEFAULT_PROJECT
from wbexport.server import lookup, recorder
from wbexport.server.resolvers.connections import connection
from wbexport.server.service import wire_time
from wbexport.store import reader
from wbexport.store.reports import ReportRow, delete_report, read_reports, upsert_report

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Info, Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["RESOLVERS"]

_TYPE = "runs"

#: Input field of `upsertView` to column; what is null stays as it was.
_PLAIN = {
    "name": "name",
    "displayName": "display_name",
    "description": "description",
    "type": "view_type",
    "spec": "spec",
}


def _node(row: ReportRow) -> Node:
    return {
        "id": row.storage_id,
        "name": row.name,
        "displayName": row.display_name,
        "description": row.description,
        "type": row.view_type,
        "spec": row.spec,
        "createdAt": wire_time(row.created_at),
        "updatedAt": wire_time(row.updated_at),
        "row": row,
    }


def _user(view: Node, info: Info) -> Node:
    row: ReportRow = view["row"]
    username = row.username or "unknown"
    return {
        "id": lookup.opaque_id(f"User:{username}"),
        "name": username,
        "username": username,
        "email": row.email or "",
        "photoUrl": row.photo_url,
    }


def _project(view: Node, info: Info) -> Node:
    projects = reader.read_projects(info.context.cursor).to_pylist()
    number = view["row"].project_no
    found: Node = next(each for each in projects if each["project_no"] == number)
    return found


def _all_views(
    project: Node,
    info: Info,
    *,
    viewType: str | None = None,
    viewName: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Node:
    found = read_reports(
        info.context.cursor,
        project_no=project["project_no"],
        view_type=viewType,
        name=viewName,
    )
    return connection(info, [_node(row) for row in found], first, after)


def _view(_: object, info: Info, id: str) -> Node | None:
    found = read_reports(info.context.cursor, storage_id=id)
    return _node(found[0]) if found else None


def _get(cur: Cursor, storage_id: str) -> ReportRow:
    for report in read_reports(cur, storage_id=storage_id):
        return report
    raise NotFoundError(f"there is no report with id {storage_id} here")


def _upsert_view(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    changes = {
        column: input[name] for name, column in _PLAIN.items() if input.get(name) is not None
    }
    if "spec" in changes:
        _require_spec(changes["spec"])
    now = service.clock()
    with service.writing(soon=True) as cur:
        if input.get("id"):
            known = _get(cur, input["id"])
        else:
            known = _new(cur, input, info.context.username, now=now)
        row = replace(known, **changes, updated_at=now)
        upsert_report(cur, row)
    return {"view": _node(row), "inserted": not input.get("id")}


def _new(cur: Cursor, given: Node, username: str, *, now: datetime) -> ReportRow:
    entity = given.get("entityName") or lookup.default_entity(cur)
    project = given.get("projectName") or DEFAULT_PROJECT
    project_no, _ = recorder.ensure_project(cur, entity, project, now=now)
    name = lookup.new_id()
    return ReportRow(
        project_no,
        # Such an id has no slash, so that it can stand in a web address.
        lookup.opaque_id(f"View:{name}"),
        name,
        _TYPE,
        "{}",
        username=username,
        email="",
        created_at=now,
    )


def _require_spec(text: str) -> None:
    try:
        is_object = isinstance(parse_json(text), dict)
    except ResponseError:
        is_object = False
    if not is_object:
        raise InputError("the spec of a report must be a JSON object")


def _delete_view(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        report = _get(cur, input["id"])
        delete_report(cur, report.project_no, report.storage_id)
    return {"success": True, "pendingDrafts": 0}


RESOLVERS = {
    "Query": {"view": _view},
    "Mutation": {"upsertView": _upsert_view, "deleteView": _delete_view},
    "Project": {"allViews": _all_views},
    "View": {"user": _user, "project": _project},
}
