"""What a sweep has tried so far: its runs, and those that agents were told to start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from wbexport.arrow.literals import parse_json
from wbexport.query.fields import lookup
from wbexport.query.mongo import parse_filter
from wbexport.server.sweeps.search import Trial
from wbexport.store import reader
from wbexport.store.documents import Document, read_documents, write_document
from wbexport.sweepconfig import read_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from wbexport.store.sweeps import SweepRow
    from wbexport.sweepconfig import Metric

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "AGENT",
    "SILENCE",
    "Attempt",
    "agent_runs",
    "best_loss",
    "count_issued",
    "count_runs",
    "is_silent",
    "issue",
    "read_attempts",
    "read_losses",
]

AGENT = "sweep_agent"
_RUN = "sweep_run"

#: An agent that is silent for longer is gone; agents report every few seconds.
SILENCE = timedelta(minutes=5)
#: How long an agent may take to report a run that it was told to start.
_START = timedelta(minutes=1)
_ALIVE = ("running", "pending", "preempting")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a sweep, started or about to be.

    Args:
        run_id: The run.
        values: What it tries.
        is_alive: Whether something may still come out.
        is_waiting: Whether it was enqueued, and no agent is about to start it.
        metric: The last value of the sweep's metric.
    """

    run_id: str
    values: Mapping[str, Any]
    is_alive: bool
    is_waiting: bool = False
    metric: float | None = None

    def trial(self, sign: int) -> Trial:
        """Return what a search learns from it: nothing before it has ended."""
        loss = None if self.is_alive or self.metric is None else sign * self.metric
        return Trial(self.values, loss)


def is_silent(agent: Document, now: datetime) -> bool:
    """Tell whether an agent has gone without a word."""
    return now - agent.updated_at > SILENCE


def read_attempts(
    cur: Cursor, sweep: SweepRow, config: Mapping[str, Any], *, now: datetime
) -> list[Attempt]:
    """Read the runs of a sweep, then those that were not started yet.

    A run that its agent was told to start and has not reported since is left out: what it was to
    try is free again.
    """
    metric = read_metric(config)
    issued = {each.name: each for each in read_documents(cur, _RUN, scope=sweep.storage_id)}
    agents = {each.name: each for each in read_documents(cur, AGENT, scope=sweep.storage_id)}
    lost = {run_id for run_id, each in issued.items() if _is_lost(each, agents, now)}
    attempts = [
        Attempt(
            row["run_id"],
            _values(row, issued.pop(row["run_id"], None)),
            is_alive=row["state"] in _ALIVE,
            is_waiting=row["state"] == "pending" and row["run_id"] in lost,
            metric=_finite(parse_json(row["summary"] or "{}"), metric),
        )
        for row in _read_runs(cur, sweep, ("run_id", "state", "config", "summary"))
    ]
    return attempts + [
        Attempt(str(run_id), each.body["args"], is_alive=True)
        for run_id, each in issued.items()
        if run_id not in lost
    ]


def read_losses(cur: Cursor, sweep: SweepRow, metric: Metric) -> dict[str, list[float]]:
    """Read everything the runs of a sweep logged of its metric, lower being better."""
    ids = {run["run_no"]: run["run_id"] for run in _read_runs(cur, sweep, ("run_no", "run_id"))}
    losses: dict[str, list[float]] = {run_id: [] for run_id in ids.values()}
    long = reader.read_long(cur, list(ids), keys=[metric.name])
    long = long.filter(pc.is_finite(long["value"]))
    for run_no, value in zip(
        *(long[name].to_pylist() for name in ("run_no", "value")), strict=True
    ):
        losses[ids[run_no]].append(metric.sign * value)
    return losses


def best_loss(
    cur: Cursor, sweep: SweepRow, config: Mapping[str, Any], *, now: datetime
) -> float | None:
    """Return the best value of the metric that a run of the sweep has come to."""
    metric = read_metric(config)
    found = [attempt.metric for attempt in read_attempts(cur, sweep, config, now=now)]
    values = [value for value in found if value is not None]
    return (max if metric and metric.maximize else min)(values, default=None)


def count_runs(cur: Cursor, sweep: SweepRow) -> int:
    """Count the runs of a sweep that are there."""
    where = parse_filter({"sweep": sweep.sweep_id})
    return reader.count_runs(cur, project_no=sweep.project_no, where=where)


def issue(
    cur: Cursor,
    sweep: SweepRow,
    run_id: str,
    args: Mapping[str, Any],
    *,
    agent: str | None,
    now: datetime,
) -> None:
    """Note what a run is to try, and which agent was told; None while none was."""
    body = {"args": dict(args), "agent": agent}
    identity = f"{sweep.storage_id}/{run_id}"
    write_document(cur, Document(_RUN, identity, sweep.storage_id, body, now, now, run_id))


def count_issued(cur: Cursor, sweep: SweepRow) -> int:
    """Count the runs that agents were told to start, those that were lost included."""
    return len(read_documents(cur, _RUN, scope=sweep.storage_id))


def agent_runs(cur: Cursor, sweep: SweepRow, agent: str) -> list[str]:
    """Name the runs that an agent was told to start, the oldest first."""
    found = read_documents(cur, _RUN, scope=sweep.storage_id)
    return [str(each.name) for each in found if each.body["agent"] == agent]


def _values(run: Mapping[str, Any], issued: Document | None) -> Mapping[str, Any]:
    """Return what a run tries; one of before the sweep tries what it was configured with."""
    values: dict[str, Any] = issued.body["args"] if issued else parse_json(run["config"] or "{}")
    return values


def _read_runs(cur: Cursor, sweep: SweepRow, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    where = parse_filter({"sweep": sweep.sweep_id})
    found = reader.read_runs(cur, project_no=sweep.project_no, where=where, columns=columns)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _is_lost(issued: Document, agents: Mapping[str | None, Document], now: datetime) -> bool:
    """Tell whether no agent will start a run: none was told to, or that one is gone."""
    agent = agents.get(issued.body["agent"])
    if agent is None or is_silent(agent, now) or agent.body["exited"]:
        return True
    return now - issued.updated_at > _START and issued.name not in agent.body["running"]


def _finite(summary: dict[str, Any], metric: Metric | None) -> float | None:
    if metric is None:
        return None
    value = lookup(summary, ((metric.name,), tuple(metric.name.split("."))))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
