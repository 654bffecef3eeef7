"""Sweeps: reading them, changing them, and what their agents ask."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json
from wbexport.errors import InputError, NotFoundError, ResponseError
from wbexport.query.fields import SWEEP_FIELDS
from wbexport.server import lookup
from wbexport.server.resolvers.connections import connection, filter_of, page_of, position_of
from wbexport.server.resolvers.runs import list_runs
from wbexport.server.service import wire_time
from wbexport.server.sweeps import changes, conductor, trials
from wbexport.store import reader
from wbexport.store.documents import read_documents
from wbexport.store.sweeps import SweepRow, count_sweeps, read_sweeps
from wbexport.sweepconfig import read_sweep_config

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node
    from wbexport.store.documents import Document


__all__ = ["RESOLVERS"]

#: Fields that are just a column of the store.
_COLUMNS = {
    "id": "storage_id",
    "name": "sweep_id",
    "displayName": "display_name",
    "description": "description",
    "config": "config",
    "runCountExpected": "run_count_expected",
    "controller": "controller",
    "scheduler": "scheduler",
}

_TIMES = {"createdAt": "created_at", "updatedAt": "updated_at", "heartbeatAt": "heartbeat_at"}


def _column(name: str) -> Any:
    return lambda sweep, info: sweep[name]


def _time(name: str) -> Any:
    return lambda sweep, info: wire_time(sweep[name])


def _node(row: SweepRow) -> Node:
    return asdict(row) | {"row": row}


def _total_sweeps(project: Node, info: Info) -> int:
    return count_sweeps(info.context.cursor, project["project_no"])


def _sweeps(
    project: Node,
    info: Info,
    *,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    start = position_of(after)
    size = info.context.page(first)
    found = read_sweeps(
        info.context.cursor,
        project_no=project["project_no"],
        where=filter_of(filters, SWEEP_FIELDS),
        limit=size + 1,
        offset=start,
    )
    return page_of([_node(row) for row in found[:size]], start, more=len(found) > size)


def _sweep(project: Node, info: Info, sweepName: str) -> Node | None:
    found = changes.find_sweep(info.context.cursor, project["project_no"], sweepName)
    return None if found is None else _node(found)


def _project(sweep: Node, info: Info) -> Node:
    projects = reader.read_projects(info.context.cursor).to_pylist()
    found: Node = next(each for each in projects if each["project_no"] == sweep["project_no"])
    return found


def _config(sweep: Node) -> Node:
    """Read a configuration; one of another server that says nothing here counts as empty."""
    try:
        return read_sweep_config(sweep["config"] or "{}")
    except InputError:
        return {}


def _best_loss(sweep: Node, info: Info) -> float | None:
    context = info.context
    best = trials.best_loss(
        context.cursor, sweep["row"], _config(sweep), now=context.service.clock()
    )
    # Where the runs themselves were not brought over, there is what their server said.
    told: float | None = sweep["best_loss"]
    return told if best is None else best


def _controller_run_name(sweep: Node, info: Info) -> str | None:
    """Name the run to which a scheduler outside the server logs what it does."""
    return f"{sweep['sweep_id']}-scheduler" if _config(sweep).get("scheduler") else None


def _run_count(sweep: Node, info: Info) -> int:
    told: int | None = sweep["run_count"]
    return trials.count_runs(info.context.cursor, sweep["row"]) if told is None else told


def _runs(sweep: Node, info: Info, *, first: int | None = None, after: str | None = None) -> Node:
    # Who names no size wants all: local controllers read no second page.
    size = info.context.service.limits.page if first is None else first
    filters = json.dumps({"sweep": sweep["sweep_id"]})
    return list_runs(sweep, info, filters=filters, first=size, after=after)


def _agents(sweep: Node, info: Info) -> Node:
    found = read_documents(info.context.cursor, trials.AGENT, scope=sweep["storage_id"])
    nodes = [_agent_node(each, sweep) for each in found]
    return page_of(nodes, 0, more=False)


def _agent(sweep: Node, info: Info, agentName: str) -> Node | None:
    found = read_documents(info.context.cursor, trials.AGENT, scope=sweep["storage_id"])
    nodes = [
        _agent_node(each, sweep) for each in found if agentName in (each.name, each.storage_id)
    ]
    return next(iter(nodes), None)


def _agent_node(agent: Document, sweep: Node) -> Node:
    return {
        "id": agent.storage_id,
        "name": agent.name,
        "host": agent.body["host"],
        "createdAt": wire_time(agent.created_at),
        "heartbeatAt": wire_time(agent.updated_at),
        "agent": agent,
        "sweep": sweep,
    }


def _agent_state(node: Node, info: Info) -> str:
    if node["agent"].body["exited"]:
        return "FINISHED"
    return "CRASHED" if trials.is_silent(node["agent"], info.context.service.clock()) else "RUNNING"


def _started(node: Node, info: Info, order: str | None = None) -> list[Node]:
    """List the runs of an agent that are there."""
    names = trials.agent_runs(info.context.cursor, node["sweep"]["row"], node["name"])
    filters = json.dumps({"sweep": node["sweep"]["sweep_id"], "name": {"$in": names}})
    size = info.context.service.limits.page
    page = list_runs(node["sweep"], info, filters=filters, order=order, first=size)
    return [edge["node"] for edge in page["edges"]]


def _agent_runs(
    node: Node,
    info: Info,
    *,
    after: str | None = None,
    before: str | None = None,
    first: int | None = None,
    last: int | None = None,
    order: str | None = None,
) -> Node:
    runs = _started(node, info, order)
    if before is not None:
        runs = runs[: position_of(before) - 1]
    if last is not None:
        runs = runs[-last:] if last > 0 else []
    return connection(info, runs, first, after)


def _upsert_sweep(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        author = info.context.author
        sweep, warnings = changes.save_sweep(cur, input, user=author, now=service.clock())
    return {"sweep": _node(sweep), "configValidationWarnings": warnings}


def _enqueue_run(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        run_id = changes.enqueue_run(cur, input, user=info.context.author, now=service.clock())
    return {"id": run_id, "runQueueItemId": None}


def _create_agent(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        entity = input.get("entityName") or lookup.default_entity(cur)
        project = lookup.find_project(cur, entity, input.get("projectName"))
        sweep = project and changes.find_sweep(cur, project["project_no"], input["sweep"])
        if not sweep:
            raise NotFoundError(f"there is no sweep {input['sweep']} in that project here")
        agent = conductor.create_agent(cur, sweep, input["host"], now=service.clock())
    return {"agent": _agent_node(agent, _node(sweep))}


def _heartbeat(_: object, info: Info, input: Node) -> Node:
    try:
        states = parse_json(input.get("runState") or "{}")
    except ResponseError as error:
        raise InputError("runState is not JSON") from error
    if not isinstance(states, dict):
        raise InputError("runState must be an object of run ids")
    running = frozenset(run_id for run_id, is_running in states.items() if is_running)
    agent, commands = conductor.beat(info.context.service, input["id"], running)
    sweep = changes.get_sweep(info.context.cursor, agent.scope)
    return {"agent": _agent_node(agent, _node(sweep)), "commands": json.dumps(commands)}


_MUTATION = {
    "upsertSweep": _upsert_sweep,
    "enqueueSweepRun": _enqueue_run,
    "createAgent": _create_agent,
    "agentHeartbeat": _heartbeat,
}

_SWEEP: dict[str, Any] = {
    **{name: _column(column) for name, column in _COLUMNS.items()},
    **{name: _time(column) for name, column in _TIMES.items()},
    "method": lambda sweep, info: sweep["method"] or "custom",
    "state": lambda sweep, info: sweep["state"] or "FINISHED",
    "config": lambda sweep, info: sweep["config"] or "",
    "project": _project,
    "bestLoss": _best_loss,
    "runCount": _run_count,
    "controllerRunName": _controller_run_name,
    "earlyStopJobRunning": lambda sweep, info: False,
    "runs": _runs,
    "agents": _agents,
    "agent": _agent,
}

RESOLVERS = {
    "Mutation": _MUTATION,
    "Project": {"totalSweeps": _total_sweeps, "sweeps": _sweeps, "sweep": _sweep},
    "Sweep": _SWEEP,
    "Agent": {
        "state": _agent_state,
        "totalRuns": lambda node, info: len(_started(node, info)),
        "runs": _agent_runs,
    },
}
