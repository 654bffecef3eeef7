"""Tells agents what to do: start a run, stop one, or leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.server import lookup
from wbexport.server.sweeps.hyperband import left_behind
from wbexport.server.sweeps.search import next_values
from wbexport.server.sweeps.trials import (
    AGENT,
    Attempt,
    best_loss,
    count_issued,
    issue,
    read_attempts,
    read_losses,
)
from wbexport.store.documents import Document, read_documents, write_document
from wbexport.store.sweeps import SweepRow, read_sweeps, upsert_sweep
from wbexport.sweepconfig import check_sweep_config, read_metric, read_sweep_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node, Service

    Cursor = duckdb.DuckDBPyConnection
    Command = dict[str, Any]

__all__ = ["beat", "create_agent", "settle", "settle_sweep_of"]

_ENDED = ("FINISHED", "CANCELED", "CRASHED", "FAILED")
#: How often it is written down that an agent with nothing new to tell is still there.
_NOTE_SECONDS = 30


def create_agent(cur: Cursor, sweep: SweepRow, host: str, *, now: datetime) -> Document:
    """Register an agent.

    Raises:
        ConflictError: The sweep has ended.
    """
    if sweep.state in _ENDED:
        raise ConflictError(
            f"sweep {sweep.sweep_id} is not running: it is {str(sweep.state).lower()}; "
            "resume it with `wandb sweep --resume`"
        )
    name = lookup.new_id()
    identity = lookup.opaque_id(f"Agent:v1:{name}:{sweep.storage_id}")
    body = {"host": host, "running": [], "exited": False}
    agent = Document(AGENT, identity, sweep.storage_id, body, now, now, name)
    write_document(cur, agent)
    return agent


def beat(
    service: Service, agent_id: str, running: frozenset[str]
) -> tuple[Document, list[Command]]:
    """Hear from an agent and answer it.

    Args:
        service: The server.
        agent_id: The agent's identity.
        running: The runs it has under way.

    Returns:
        The agent, and what it is to do.

    Raises:
        NotFoundError: There is no such agent, or its sweep was deleted.
    """
    now = service.clock()
    agent, sweep = _find(service.store.cursor(), agent_id)
    if _has_nothing_new(agent, sweep, running, now):
        return agent, []
    with service.writing() as cur:
        agent, sweep = _find(cur, agent_id)
        config = read_sweep_config(sweep.config or "{}")
        sweep, commands = _answer(cur, sweep, config, agent, running, now=now)
        started = [command["run_id"] for command in commands if command["type"] == "run"]
        exited = any(command["type"] == "exit" for command in commands)
        body = agent.body | {"running": sorted([*running, *started]), "exited": exited}
        agent = replace(agent, body=body, updated_at=now)
        write_document(cur, agent)
        upsert_sweep(cur, replace(sweep, heartbeat_at=now))
    return agent, commands


def settle_sweep_of(cur: Cursor, run: Node, *, now: datetime) -> None:
    """Note what a run that has ended did for its sweep; the last one finishes it."""
    for sweep in read_sweeps(cur, project_no=run["project_no"], sweep_id=run["sweep_id"]):
        try:
            config = read_sweep_config(sweep.config or "{}")
            check_sweep_config(config)
        except InputError:
            # A sweep of another server, of which this one understands less.
            continue
        best = best_loss(cur, sweep, config, now=now)
        sweep = replace(sweep, best_loss=best, updated_at=now)
        upsert_sweep(cur, sweep)
        settle(cur, sweep, now=now)


def settle(cur: Cursor, sweep: SweepRow, *, now: datetime) -> SweepRow:
    """Finish a running sweep that has nothing left to try and nothing under way."""
    config = read_sweep_config(sweep.config or "{}")
    if sweep.state != "RUNNING" or _is_scheduled_outside(config):
        return sweep
    attempts = read_attempts(cur, sweep, config, now=now)
    if any(each.is_alive for each in attempts) or _choose(cur, sweep, config, attempts) is not None:
        return sweep
    ended = replace(sweep, state="FINISHED", updated_at=now)
    upsert_sweep(cur, ended)
    return ended


def _find(cur: Cursor, agent_id: str) -> tuple[Document, SweepRow]:
    for agent in read_documents(cur, AGENT, storage_id=agent_id):
        for sweep in read_sweeps(cur, storage_id=agent.scope):
            return agent, sweep
    raise NotFoundError(f"there is no agent with id {agent_id} here: its sweep may be deleted")


def _has_nothing_new(
    agent: Document, sweep: SweepRow, running: frozenset[str], now: datetime
) -> bool:
    """Tell whether a beat can be answered without writing: the agent is busy, as before."""
    is_busy = bool(running) and "early_terminate" not in (sweep.config or "")
    return (
        set(agent.body["running"]) == running
        and (now - agent.updated_at).total_seconds() < _NOTE_SECONDS
        and (sweep.state == "PAUSED" or (is_busy and sweep.state != "CANCELED"))
    )


def _answer(
    cur: Cursor,
    sweep: SweepRow,
    config: Mapping[str, Any],
    agent: Document,
    running: frozenset[str],
    *,
    now: datetime,
) -> tuple[SweepRow, list[Command]]:
    leave = [{"type": "exit"}]
    if sweep.state == "CANCELED":
        return sweep, leave
    if running:
        return sweep, [
            {"type": "stop", "run_id": each} for each in _behind(cur, sweep, config, running)
        ]
    if sweep.state == "PAUSED":
        return sweep, []
    if sweep.state in _ENDED:
        return sweep, leave
    attempts = read_attempts(cur, sweep, config, now=now)
    chosen = _waiting(attempts) or _choose(cur, sweep, config, attempts)
    if chosen is None:
        if _is_scheduled_outside(config):
            return sweep, []
        return settle(cur, sweep, now=now), leave
    run_id, args = chosen
    issue(cur, sweep, run_id, args, agent=str(agent.name), now=now)
    return replace(sweep, state="RUNNING"), [_run_command(sweep, config, run_id, args)]


def _waiting(attempts: list[Attempt]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the run that was enqueued first."""
    return next(((each.run_id, each.values) for each in attempts if each.is_waiting), None)


def _choose(
    cur: Cursor, sweep: SweepRow, config: Mapping[str, Any], attempts: list[Attempt]
) -> tuple[str, Mapping[str, Any]] | None:
    """Return a new run of the search's choice."""
    if _is_scheduled_outside(config):
        return None
    metric = read_metric(config)
    trials = [each.trial(metric.sign if metric else 1) for each in attempts]
    # A run that was lost must not make chance repeat what came after it.
    seed = f"{sweep.sweep_id}/{count_issued(cur, sweep)}"
    values = next_values(config, trials, seed=seed)
    return None if values is None else (lookup.new_id(), values)


def _behind(
    cur: Cursor, sweep: SweepRow, config: Mapping[str, Any], running: frozenset[str]
) -> list[str]:
    rule, metric = config.get("early_terminate"), read_metric(config)
    if rule is None or metric is None:
        return []
    losses = read_losses(cur, sweep, metric)
    return left_behind(rule, losses, sorted(running))


def _run_command(
    sweep: SweepRow, config: Mapping[str, Any], run_id: str, args: Mapping[str, Any]
) -> Command:
    return {
        "type": "run",
        "run_id": run_id,
        "sweep_id": sweep.sweep_id,
        "program": config.get("program"),
        "args": {name: {"value": value} for name, value in args.items()},
        "logs": [],
    }


def _is_scheduled_outside(config: Mapping[str, Any]) -> bool:
    """Tell whether another program chooses what is tried, and enqueues it."""
    controller = config.get("controller")
    is_local = isinstance(controller, dict) and controller.get("type") == "local"
    return bool(config.get("scheduler")) or is_local or config.get("method") == "custom"
