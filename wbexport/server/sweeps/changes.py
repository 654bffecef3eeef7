"""Creates sweeps, changes them, and enqueues their runs, as clients ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.arrow.convert import wrap_config
from wbexport.arrow.literals import parse_json, write_json
from wbexport.errors import ConflictError, InputError, NotFoundError, ResponseError
from wbexport.paths import DEFAULT_PROJECT
from wbexport.query.mongo import parse_filter
from wbexport.server import lookup, recorder
from wbexport.server.sweeps.search import expected_runs
from wbexport.server.sweeps.trials import issue
from wbexport.store import reader
from wbexport.store.sweeps import SweepRow, read_sweeps, upsert_sweep
from wbexport.sweepconfig import check_sweep_config, read_sweep_config

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node
    from wbexport.store.accounts import User

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["enqueue_run", "find_sweep", "get_sweep", "save_sweep"]

#: Input field of `upsertSweep` to column; what is null stays as it was.
_PLAIN = {
    "displayName": "display_name",
    "description": "description",
    "controller": "controller",
    "scheduler": "scheduler",
}

#: A state to those that it may follow.
_FOLLOWS = {
    "PENDING": {"PENDING"},
    "RUNNING": {"PENDING", "RUNNING", "PAUSED", "FINISHED"},
    "PAUSED": {"PENDING", "RUNNING", "PAUSED"},
    "FINISHED": {"PENDING", "RUNNING", "PAUSED", "FINISHED"},
    "CANCELED": {"PENDING", "RUNNING", "PAUSED", "CANCELED"},
}


def find_sweep(cur: Cursor, project_no: int, sweep_id: str) -> SweepRow | None:
    """Return a sweep of a project by its short id."""
    return next(iter(read_sweeps(cur, project_no=project_no, sweep_id=sweep_id)), None)


def get_sweep(cur: Cursor, storage_id: str) -> SweepRow:
    """Return a sweep by what GraphQL calls its id.

    Raises:
        NotFoundError: There is none.
    """
    for sweep in read_sweeps(cur, storage_id=storage_id):
        return sweep
    raise NotFoundError(f"there is no sweep with id {storage_id} here")


def save_sweep(
    cur: Cursor, given: Node, *, user: User, now: datetime
) -> tuple[SweepRow, list[str]]:
    """Create a sweep, or change what the input of `upsertSweep` names.

    Returns:
        The sweep as stored, and what of its configuration will be ignored.

    Raises:
        InputError: The configuration cannot be searched.
        NotFoundError: No sweep has the given id.
        ConflictError: The sweep cannot come into the given state.
    """
    changes: Node = {
        column: given[name] for name, column in _PLAIN.items() if given.get(name) is not None
    }
    for column in ("controller", "scheduler"):
        if column in changes:
            _require_object(changes[column], column)
    warnings: list[str] = []
    if given.get("config") is not None:
        config = read_sweep_config(given["config"])
        warnings = check_sweep_config(config)
        changes |= {
            "config": given["config"],
            "method": config.get("method") or "custom",
            "run_count_expected": expected_runs(config),
        }
    sweep = _known_or_new(cur, given, changes, now=now)
    if given.get("state") is not None:
        changes["state"] = _next_state(sweep, given["state"])
    sweep = replace(sweep, **changes, updated_at=now)
    if "controller" in changes:
        sweep = _obey_controller(cur, sweep, user=user, now=now)
    upsert_sweep(cur, sweep)
    if sweep.state == "CANCELED":
        _change_runs(cur, sweep, {"sweep": sweep.sweep_id}, now=now, stop_requested=True)
    if given.get("priorRunsFilters"):
        filters = _require_object(given["priorRunsFilters"], "priorRunsFilters")
        _change_runs(cur, sweep, filters, now=now, sweep_id=sweep.sweep_id)
    return sweep, warnings


def enqueue_run(cur: Cursor, given: Node, *, user: User, now: datetime) -> str:
    """Make a pending run of a sweep for the next agent that asks.

    Returns:
        The id of the run.

    Raises:
        NotFoundError: No sweep has the given id.
        ConflictError: The sweep has ended.
    """
    sweep = get_sweep(cur, given["id"])
    if sweep.state not in ("PENDING", "RUNNING", "PAUSED"):
        raise ConflictError(
            f"sweep {sweep.sweep_id} is {str(sweep.state).lower()}: resume it first"
        )
    config = _require_object(given["config"], "config")
    return _add_run(cur, sweep, config, given.get("displayName"), user=user, now=now)


def _obey_controller(cur: Cursor, sweep: SweepRow, *, user: User, now: datetime) -> SweepRow:
    """Do what a controller outside the server has asked for, and note that it was done."""
    asked = _require_object(sweep.controller or "{}", "controller")
    told = _require_object(sweep.scheduler or "{}", "scheduler")
    done: list[Node] = told.get("scheduled") or []
    known = {each["id"] for each in done}
    for entry in asked.get("schedule") or ():
        try:
            schedule_id, config = entry["id"], entry["data"]["args"]
        except (KeyError, TypeError) as error:
            raise InputError("controller schedules runs as {id, data: {args}}") from error
        if schedule_id in known:
            continue
        # A controller that has nothing left to try says so by an empty entry.
        if config is None:
            return replace(sweep, state="FINISHED")
        run_id = _add_run(cur, sweep, config, None, user=user, now=now)
        done.append({"id": schedule_id, "runid": run_id})
    if asked.get("earlystop"):
        filters = {"sweep": sweep.sweep_id, "name": {"$in": asked["earlystop"]}}
        _change_runs(cur, sweep, filters, now=now, stop_requested=True)
    return replace(sweep, scheduler=write_json(told | {"scheduled": done}))


def _add_run(
    cur: Cursor,
    sweep: SweepRow,
    config: Node,
    display_name: str | None,
    *,
    user: User,
    now: datetime,
) -> str:
    # A scheduler may wrap values as a run's configuration does.
    args = {
        name: item["value"] if isinstance(item, dict) and item.keys() == {"value"} else item
        for name, item in config.items()
    }
    projects = reader.read_projects(cur).to_pylist()
    project = next(row for row in projects if row["project_no"] == sweep.project_no)
    run_id = lookup.new_id()
    issue(cur, sweep, run_id, args, agent=None, now=now)
    run = {
        "name": run_id,
        "entityName": project["entity"],
        "modelName": project["project"],
        "displayName": display_name,
        "sweep": sweep.sweep_id,
        "state": "pending",
        "config": write_json(wrap_config(args, {})),
    }
    recorder.upsert_run(cur, run, user=user, now=now)
    return run_id


def _known_or_new(cur: Cursor, given: Node, changes: Node, *, now: datetime) -> SweepRow:
    if given.get("id") is not None:
        return get_sweep(cur, given["id"])
    if "config" not in changes:
        raise InputError("a new sweep needs a config")
    entity = given.get("entityName") or lookup.default_entity(cur)
    project = given.get("projectName") or DEFAULT_PROJECT
    project_no, _ = recorder.ensure_project(cur, entity, project, now=now)
    sweep_id = lookup.new_id()
    storage_id = lookup.opaque_id(f"Sweep:v1:{sweep_id}:{project}:{entity}")
    return SweepRow(project_no, storage_id, sweep_id, state="PENDING", created_at=now)


def _next_state(sweep: SweepRow, asked: str) -> str:
    state = asked.upper()
    if state not in _FOLLOWS:
        raise InputError(f"a sweep cannot be set to {asked!r}; states are {', '.join(_FOLLOWS)}")
    if sweep.state not in _FOLLOWS[state]:
        raise ConflictError(f"sweep {sweep.sweep_id} is {sweep.state} and cannot become {state}")
    return state


def _change_runs(
    cur: Cursor, sweep: SweepRow, filters: Node, *, now: datetime, **changes: Any
) -> None:
    found = reader.read_runs(
        cur,
        project_no=sweep.project_no,
        where=parse_filter(filters),
        columns=("storage_id", "project_no"),
    )
    for run in found.to_pylist():
        recorder.change_run(cur, run, changes, now=now)


def _require_object(text: str, name: str) -> Node:
    try:
        parsed = parse_json(text)
    except ResponseError as error:
        raise InputError(f"{name} is not JSON") from error
    if not isinstance(parsed, dict):
        raise InputError(f"{name} must be a JSON object")
    return parsed
