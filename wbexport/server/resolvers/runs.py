"""Runs: reading them, listing them, and what a client may do to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

from wbexport.arrow.convert import wrap_config
from wbexport.arrow.literals import parse_json, write_json
from wbexport.errors import InputError
from wbexport.query.order import parse_order
from wbexport.server import artifacts, lookup, recorder
from wbexport.server.resolvers.connections import filter_of, page_of, position_of
from wbexport.server.service import wire_time
from wbexport.store import reader, writer

if TYPE_CHECKING:
    from wbexport.query.expressions import Expression
    from wbexport.server.service import Info, Node


__all__ = ["RESOLVERS", "json_numbers", "list_runs"]

_log = logging.getLogger(__name__)

#: Fields that are just a column of the store.
_COLUMNS = {
    "id": "storage_id",
    "name": "run_id",
    "projectId": "project_no",
    "displayName": "display_name",
    "description": "description",
    "notes": "notes",
    "tags": "tags",
    "state": "state",
    "group": "group_name",
    "jobType": "job_type",
    "commit": "git_commit",
    "host": "host",
    "readOnly": "read_only",
    "summaryMetrics": "summary",
    "systemMetrics": "system_metrics",
    "exitcode": "exit_code",
    "sweepName": "sweep_id",
}

#: Columns that some other field needs.
_NEEDS = {
    "config": ("config", "wandb_config"),
    "wandbConfig": ("wandb_config",),
    "historyKeys": ("history_keys",),
}

_COUNTS = {
    "historyLineCount": "history_line_count",
    "eventsLineCount": "events_line_count",
    "logLineCount": "log_line_count",
}

_TIMES = {"createdAt": "created_at", "heartbeatAt": "heartbeat_at", "updatedAt": "updated_at"}

#: What `updateRunState` may set, and the states it may be set in.
_STATES_BEFORE = {
    "pending": frozenset({"running", "failed", "crashed", "preempted"}),
    "failed": frozenset({"pending", "running"}),
}

_SPECIAL = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def json_numbers(value: Any) -> Any:
    """Spell NaN and infinities as strings, as raw JSON has no tokens for them."""
    if isinstance(value, float):
        return "NaN" if value != value else _SPECIAL.get(value, value)
    if isinstance(value, dict):
        return {key: json_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_numbers(item) for item in value]
    return value


def _column(name: str) -> Any:
    return lambda run, info: run[name]


def _count(name: str) -> Any:
    return lambda run, info: run[name] or 0


def _time(name: str) -> Any:
    return lambda run, info: wire_time(run[name])


def _config(run: Node, info: Info) -> str:
    config, own = (parse_json(run[name] or "{}") for name in ("config", "wandb_config"))
    return write_json(wrap_config(config, own))


def _wandb_config(run: Node, info: Info, keys: list[str] | None = None) -> str:
    own = parse_json(run["wandb_config"] or "{}")
    return write_json(own if keys is None else {key: own[key] for key in keys if key in own})


def _history_keys(run: Node, info: Info) -> Any:
    text = run["history_keys"]
    if not text:
        return None
    keys = parse_json(text)
    # There is an entry for each key; hardly ever is a number in it none that JSON has.
    return keys if _has_json_numbers(keys) else json_numbers(keys)


def _has_json_numbers(value: Any) -> bool:
    """Tell whether there is no NaN or infinity inside, which orjson writes as null."""
    try:
        return b"null" not in orjson.dumps(value)
    except TypeError:
        return False


def _project(run: Node, info: Info) -> Node | None:
    return lookup.find_project(info.context.cursor, run["entity"], run["project"])


def _user(run: Node, info: Info) -> Node:
    username = run["username"] or "unknown"
    return {
        "id": lookup.numbered_id("User", username),
        "name": run["user_name"] or username,
        "username": username,
    }


def _names(info: Info) -> set[str]:
    """Name every field asked for below this one; each fragment is looked into once."""
    names: set[str] = set()
    fragments: set[str] = set()
    waiting = [node.selection_set for node in info.field_nodes]
    while waiting:
        selections = waiting.pop()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            if isinstance(node, FieldNode | InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in fragments:
                fragments.add(node.name.value)
                waiting.append(info.fragments[node.name.value].selection_set)
    return names


def _wanted(info: Info) -> list[str]:
    """Choose the columns to read: the wide JSON ones only when they are asked for."""
    names = _names(info)
    columns = {*lookup.ALWAYS, *(_COLUMNS[name] for name in names & _COLUMNS.keys())}
    return sorted(columns.union(*(_NEEDS[name] for name in names & _NEEDS.keys())))


def list_runs(
    project: Node,
    info: Info,
    *,
    filters: str | None = None,
    order: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    """Return a page of the runs of a project."""
    start = position_of(after)
    size = info.context.page(first)
    where = filter_of(filters)
    found = reader.read_runs(
        info.context.cursor,
        project_no=project["project_no"],
        where=where,
        order=parse_order(order),
        limit=size + 1,
        offset=start,
        columns=_wanted(info),
    ).to_pylist()
    info.context.service.recall.listed(info.context, found[:size])
    page = page_of(found[:size], start, more=len(found) > size)
    page["totalCount"] = lambda _: _count_runs(info, project, where)
    return page


def _run_count(project: Node, info: Info, filters: str | None = None) -> int:
    return _count_runs(info, project, filter_of(filters))


def _count_runs(info: Info, project: Node, where: Expression) -> int:
    return reader.count_runs(info.context.cursor, project_no=project["project_no"], where=where)


def _run(
    project: Node,
    info: Info,
    *,
    name: str,
    desc: str | None = None,
    missingOk: bool | None = None,
) -> Node | None:
    recall = info.context.service.recall
    return recall.run(info.context, project["project_no"], name, _wanted(info))


def _upsert_bucket(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        run, inserted = recorder.upsert_run(
            cur, input, user=info.context.author, now=service.clock()
        )
    return {"bucket": run, "inserted": inserted}


def _delete_run(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        run = lookup.get_run_by_storage_id(cur, input["id"])
        if input.get("deleteArtifacts"):
            artifacts.delete_logged_by(cur, run)
        writer.delete_runs(cur, [run["run_no"]])
    return {"clientMutationId": input.get("clientMutationId")}


def _stop_run(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        run = lookup.get_run_by_storage_id(cur, input["id"])
        recorder.change_run(cur, run, {"stop_requested": True}, now=service.clock())
    return {"success": True}


def _update_run_state(_: object, info: Info, input: Node) -> Node:
    service, state = info.context.service, input["state"]
    with service.writing() as cur:
        run = lookup.get_run_by_storage_id(cur, input["id"])
        if run["sweep_id"]:
            raise InputError(f"run {run['run_id']} belongs to a sweep, which sets its state")
        if run["state"] not in _STATES_BEFORE.get(state, ()):
            raise InputError(f"a run that is {run['state']} cannot be set to {state!r}")
        recorder.change_run(cur, run, {"state": state}, now=service.clock())
    return {"success": True}


def _rewind_run(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    if input["metricName"] != "_step":
        raise InputError("a run can only be rewound to a _step")
    with service.writing() as cur:
        entity = input.get("entityName") or lookup.default_entity(cur)
        run = lookup.get_run(cur, entity, input.get("projectName"), input["runName"])
        recorder.rewind(cur, run, int(input["metricValue"]), now=service.clock())
        rewound = lookup.get_run_by_storage_id(cur, run["storage_id"])
    return {"rewoundRun": rewound}


def _alert(_: object, info: Info, input: Node) -> Node:
    path = (input["entityName"], input["projectName"], input["runName"])
    lookup.get_run(info.context.cursor, *path, columns=lookup.ALWAYS)
    _log.warning("alert of run %s: %s", "/".join(path), input["title"])
    return {"success": True}


_MUTATION = {
    "upsertBucket": _upsert_bucket,
    "deleteRun": _delete_run,
    "stopRun": _stop_run,
    "updateRunState": _update_run_state,
    "rewindRun": _rewind_run,
    "notifyScriptableRunAlert": _alert,
}

_RUN: dict[str, Any] = {
    **{name: _column(column) for name, column in _COLUMNS.items()},
    **{name: _count(column) for name, column in _COUNTS.items()},
    **{name: _time(column) for name, column in _TIMES.items()},
    "config": _config,
    "wandbConfig": _wandb_config,
    "historyKeys": _history_keys,
    "project": _project,
    "user": _user,
    "shouldStop": lambda run, info: bool(run["stop_requested"]),
    "stopped": lambda run, info: bool(run["stop_requested"]),
    "failed": lambda run, info: run["state"] == "failed",
    "running": lambda run, info: run["state"] == "running",
}

RESOLVERS = {
    "Mutation": _MUTATION,
    "Project": {"runs": list_runs, "runCount": _run_count, "run": _run, "bucket": _run},
    "Run": _RUN,
}
