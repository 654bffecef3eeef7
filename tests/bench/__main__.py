"""Prints the jobs side by side: `python -m tests.bench`.

One server answers all clients from memory; every job runs in a fresh process, the clients in turn,
so that noise of the machine meets all of them. The tables hold medians; the last one says per job
how many times faster than the SDK wbexport is, how many times slower than bare httpx, and which
goals were met.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.catalog import JOBS, Size
from tests.bench.page import write_page
from tests.bench.report import job_table, summary_table, title_of
from tests.bench.runner import run_jobs

if TYPE_CHECKING:
    from tests.bench.goals import Results

_CLIENTS = sorted({client for job in JOBS.values() for client in job.clients})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    usual = Size()
    parser.add_argument("--runs", type=int, default=usual.runs)
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--keys", type=int, default=usual.keys)
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 50], metavar="MS")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS), metavar="JOB")
    parser.add_argument(
        "--clients", nargs="+", choices=_CLIENTS, metavar="CLIENT", help="leave the others out"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the tables into this page")
    return parser.parse_args()


def main() -> int:
    """Run the jobs, print a table of each and one of all; 1 when results were not equal."""
    options = _options()
    results: Results = {}
    problems: list[str] = []
    size = Size(options.runs, options.steps, options.keys)
    measured = run_jobs(
        options.jobs,
        size,
        latencies=options.latency,
        repeat=options.repeat,
        clients=options.clients,
    )
    for job, latency, figures, wrong in measured:
        results[job, latency] = figures
        problems += wrong
        print(f"\n### {title_of(job, latency)}\n\n{job_table(figures)}", flush=True)
        for problem in wrong:
            print(f"\n! {problem}", flush=True)
    print(f"\n### All jobs\n\n{summary_table(results)}")
    if options.page:
        write_page(options.page, results, size)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
