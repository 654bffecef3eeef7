"""Tables of what was measured, as Markdown."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tests.bench.goals import MEMORY_MB, goals_of, ratio, ratio_of_parts, typical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.goals import Goal, Results
    from tests.bench.runner import Figures

_COLUMNS = ("client", "wall s", "min", "max", "CPU s", "peak MB", "requests", "MB in", "n")
_SUMMARY = ("job", "SDK s", "floor s", "wbexport s", "× SDK", "× floor", "goal", "met?")


def title_of(job: str, latency: int) -> str:
    """How a job at a latency is called."""
    return f"{job}, {latency} ms a request"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table whose first `words` columns are text."""
    rule = "|".join(["---"] * words + ["--:"] * (len(columns) - words))
    lines = [f"| {' | '.join(columns)} |", f"|{rule}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def job_table(figures: Figures) -> str:
    """One table of a job: medians of each client, with the spread of the wall time."""
    shown = table(_COLUMNS, ([client, *_cells(rows)] for client, rows in figures.items() if rows))
    notes = []
    faster, slower = ratio(figures, "sdk", "wbexport"), ratio(figures, "wbexport", "floor")
    if faster is not None:
        notes.append(f"{faster:.1f} × faster than the SDK")
    if slower is not None:
        notes.append(f"{slower:.2f} × the floor")
    if typical(figures, "wbexport", "publish") if _has(figures, "publish") else None:
        notes.append(f"publish {ratio_of_parts(figures, 'publish', 'seconds'):.1%} of it")
    if _has(figures, "throughput"):
        rate, best = (typical(figures, name, "throughput") for name in ("wbexport", "fixed"))
        share = typical(figures, "wbexport", "refused_share")
        notes.append(f"{_short(rate)} requests a second of {_short(best)}, {share:.1%} refused")
    return shown + (f"\n\nwbexport: {', '.join(notes)}" if notes else "")


def _has(figures: Figures, name: str) -> bool:
    return any(name in row for row in figures.get("wbexport", []))


def _cells(rows: list[dict[str, float]]) -> list[str]:
    seconds = [row["seconds"] for row in rows]
    middle = {name: median(row[name] for row in rows) for name in ("cpu", "memory_mb", "mb")}
    return [
        *(_short(value) for value in (median(seconds), min(seconds), max(seconds))),
        _short(middle["cpu"]),
        f"{middle['memory_mb']:.0f}",
        f"{median(row['requests'] for row in rows):.0f}",
        f"{middle['mb']:.1f}",
        str(len(rows)),
    ]


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def summary_table(results: Results) -> str:
    """One line per job and latency: medians, ratios, goals."""
    rows = [_summary_row(results, job, latency) for job, latency in results]
    rows.append(["any of these", "", "", "", "", "", f"≤ {MEMORY_MB} MB peak", _peaks(results)])
    return table(_SUMMARY, rows)


def _peaks(results: Results) -> str:
    """The highest peak, or each job whose peak is too high."""
    peaks: dict[str, float] = {}
    for (job, _), figures in results.items():
        peak = typical(figures, "wbexport", "memory_mb") or 0.0
        peaks[job] = max(peak, peaks.get(job, 0.0))
    above = [f"{job} {peak:.0f}" for job, peak in peaks.items() if peak > MEMORY_MB]
    return (
        f"**no** ({', '.join(above)})" if above else f"yes ({max(peaks.values(), default=0):.0f})"
    )


def _summary_row(results: Results, job: str, latency: int) -> list[str]:
    figures = results[job, latency]
    goals = [(goal, goal.measure(results, latency)) for goal in goals_of(job, latency)]
    return [
        title_of(job, latency),
        _short(typical(figures, "sdk")),
        _short(typical(figures, "floor")),
        _short(typical(figures, "wbexport")),
        _short(ratio(figures, "sdk", "wbexport")),
        _short(ratio(figures, "wbexport", "floor")),
        "; ".join(goal.text for goal, _ in goals),
        "; ".join(_verdict(goal, figure) for goal, figure in goals),
    ]


def _verdict(goal: Goal, figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{'yes' if goal.met(figure) else '**no**'} ({_short(figure)})"
