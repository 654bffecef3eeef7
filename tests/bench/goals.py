"""What is to be reached, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.runner import Figures

#: (Job, latency) → what its clients measured.
Results = dict[tuple[str, int], "Figures"]


def typical(figures: Figures, client: str, name: str = "seconds") -> float | None:
    """Median of one figure of a client; None when it was not measured."""
    rows = figures.get(client, [])
    return median(row[name] for row in rows) if rows else None


def ratio(figures: Figures, client: str, other: str, name: str = "seconds") -> float | None:
    """How many times as much one client takes as another."""
    first, second = typical(figures, client, name), typical(figures, other, name)
    return None if first is None or not second else first / second


@dataclass(frozen=True)
class Goal:
    """One figure of a job that has a limit.

    Attributes:
        job: The job.
        text: How the goal is written.
        measure: Gives the figure from all results; None when it was not measured.
        limit: Its limit.
        at_least: Whether the figure must not be below the limit, rather than above.
        latency: The latency it is meant for; None for any.
    """

    job: str
    text: str
    measure: Callable[[Results, int], float | None]
    limit: float
    at_least: bool = False
    latency: int | None = None

    def met(self, figure: float) -> bool:
        """Tell whether a figure reaches the goal."""
        return figure >= self.limit if self.at_least else figure <= self.limit


def faster(job: str, times: float, latency: int) -> Goal:
    """At least so many times as fast as the SDK."""
    return Goal(
        job,
        f"≥ {times:g} × SDK",
        lambda results, at: ratio(results[job, at], "sdk", "wbexport"),
        times,
        at_least=True,
        latency=latency,
    )


def near(job: str, times: float, other: str = "floor", name: str = "seconds") -> Goal:
    """At most so many times what another client takes."""
    what = "" if name == "seconds" else f" {name}"
    return Goal(
        job,
        f"≤ {times:g} × {other}{what}",
        lambda results, at: ratio(results[job, at], "wbexport", other, name),
        times,
    )


def below(job: str, limit: float, name: str = "seconds", latency: int | None = None) -> Goal:
    """At most so much of something."""
    unit = "s" if name == "seconds" else name
    return Goal(
        job,
        f"≤ {limit:g} {unit}",
        lambda results, at: typical(results[job, at], "wbexport", name),
        limit,
        latency=latency,
    )


def _per_row(job: str) -> Goal:
    """No slower than the same rows half from parquet, half from JSON."""

    def measure(results: Results, at: int) -> float | None:
        parts = [results.get((name, at), {}) for name in ("full_history", "full_history_json")]
        seconds = [typical(part, "wbexport") for part in parts]
        mine = typical(results[job, at], "wbexport")
        if mine is None or None in seconds:
            return None
        return mine / sum(part / 2 for part in seconds if part is not None)

    return Goal(job, "≤ 1 × mix of both", measure, 1.0)


def _published(job: str, limit: float) -> Goal:
    return Goal(
        job,
        f"publish ≤ {limit:.0%}",
        lambda results, at: ratio_of_parts(results[job, at], "publish", "seconds"),
        limit,
    )


def ratio_of_parts(figures: Figures, part: str, whole: str) -> float | None:
    """Median share of one figure of wbexport in another."""
    rows = figures.get("wbexport", [])
    return median(row[part] / row[whole] for row in rows) if rows else None


def _governed(job: str) -> list[Goal]:
    """Close to the best throughput that a server with limits gives, and hardly ever refused."""
    return [
        Goal(
            job,
            "throughput ≥ 0.9 × fixed",
            lambda results, at: ratio(results[job, at], "wbexport", "fixed", "throughput"),
            0.9,
            at_least=True,
        ),
        Goal(
            job,
            "refused ≤ 0.02",
            lambda results, at: typical(results[job, at], "wbexport", "refused_share"),
            0.02,
        ),
    ]


def _served(job: str) -> Goal:
    """Hardly slower from a store than from answers in memory."""
    return Goal(
        job,
        "≤ 1.33 × replayed",
        lambda results, at: ratio(results[job, at], "served", "replayed"),
        1.33,
    )


def _net_of_start(job: str, limit: float) -> Goal:
    """At most so much longer than an empty program."""

    def measure(results: Results, at: int) -> float | None:
        whole, bare = (typical(results[job, at], client) for client in ("wbexport", "bare"))
        return None if whole is None or bare is None else whole - bare

    return Goal(job, f"≤ {limit:g} s more than bare Python", measure, limit)


_READS = ("one_key", "three_keys_all", "three_keys_any", "wide_run", "samples", "filter")

GOALS = [
    *(near(f"store_{read}", 1.2, "duckdb") for read in _READS),
    _net_of_start("startup_import", 0.15),
    below("startup_help", 0.25),
    below("startup_sql", 0.5),
    faster("list_runs", 20, 50),
    faster("full_history", 15, 50),
    faster("full_history", 8, 0),
    near("full_history", 1.5),
    _published("full_history", 0.15),
    faster("full_history_json", 12, 50),
    near("full_history_json", 1.5),
    _per_row("mixed"),
    _per_row("running"),
    faster("one_key", 30, 50),
    near("one_key", 1.0),
    near("one_key", 1.0, name="sent"),
    faster("histories", 7, 50),
    near("artifact", 1.0),
    near("large_files", 1.0),
    below("second_sync", 3, "requests"),
    below("second_sync", 0.3),
    below("second_sync", 0.001, "publish"),
    below("grown_sync", 0.5),
    below("second_sync_headers", 25, "requests"),
    below("second_sync_headers", 3),
    below("histories_from_store", 0.3),
    *(_served(f"served_{read}") for read in ("scan", "json", "list", "histories")),
    *_governed("governor_4"),
    *_governed("governor_8"),
    *_governed("governor_32"),
    *_governed("governor_20s"),
    *_governed("governor_100s"),
]
MEMORY_MB = 300


def goals_of(job: str, latency: int) -> Iterator[Goal]:
    """The goals of a job at a latency."""
    for goal in GOALS:
        if goal.job == job and goal.latency in (None, latency):
            yield goal
