"""The page of the documentation that holds a run of the benchmark: tables, curves, the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from tests.bench.catalog import JOBS, PROJECTS, Size
from tests.bench.goals import typical
from tests.bench.report import job_table, summary_table, table, title_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.goals import Results

_BEGIN, _END = "<!-- measured -->", "<!-- end of what was measured -->"
_PACKAGES = ("duckdb", "pyarrow", "polars", "orjson", "httpx", "wandb")
_FIGURES = {"seconds": "seconds", "memory_mb": "peak MB", "requests": "requests"}
#: Jobs that differ in their size alone.
SCALE = tuple(name for name in JOBS if name.startswith("scale_"))


def scale_frame(results: Results, size: Size) -> pl.DataFrame:
    """One row per size: runs, rows, and the medians of wbexport."""
    rows = []
    for job in SCALE:
        if (figures := results.get((job, 0))) is None:
            continue
        project = PROJECTS[JOBS[job].project](size)
        medians = {title: typical(figures, "wbexport", name) for name, title in _FIGURES.items()}
        rows.append({"runs": project.runs, "rows": project.runs * project.steps} | medians)
    return pl.DataFrame(rows)


def scale_table(frame: pl.DataFrame) -> str:
    """The curves in numbers."""
    shown = [
        [f"{value:,.2f}" if name == "seconds" else f"{value:,.0f}" for name, value in row.items()]
        for row in frame.iter_rows(named=True)
    ]
    return table(frame.columns, shown, words=0)


def draw_scale(frame: pl.DataFrame, file: Path) -> None:
    """Draw time, memory and requests over the number of runs."""
    long = frame.unpivot(list(_FIGURES.values()), index="runs", variable_name="figure")
    scale = alt.Scale(type="log")
    chart = (
        alt.Chart(alt.Data(values=long.to_dicts()))
        .mark_line(point=True)
        .encode(
            x=alt.X("runs:Q", scale=scale, title="runs"),
            y=alt.Y("value:Q", scale=scale, title=None),
        )
        .properties(width=220, height=180)
        .facet(alt.Column("figure:N", title=None, sort=list(_FIGURES.values())))
        .resolve_scale(y="independent")
    )
    chart.save(str(file))


def write_page(file: Path, results: Results, size: Size) -> None:
    """Put what was measured between the marks of the page; the words around it stay."""
    parts = [_machine(), "## All jobs", summary_table(results)]
    frame = scale_frame(results, size)
    if frame.height:
        picture = file.with_suffix(".svg")
        draw_scale(frame, picture)
        parts += ["## Growing projects", scale_table(frame), f"![Growing projects]({picture.name})"]
    parts.append("## Each job")
    for (job, latency), figures in results.items():
        parts += [f"### {title_of(job, latency)}", job_table(figures)]
    measured = "\n\n".join([_BEGIN, *parts, _END])
    before, mark, rest = file.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2] if mark else "\n"
    file.write_text(before + measured + after)


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {packages}."
