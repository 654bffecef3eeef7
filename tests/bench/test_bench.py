"""The benchmark itself runs, and all clients of a job see the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.catalog import JOBS, PROJECTS

TINY = "--runs 4 --steps 40 --keys 4 --latency 0 --repeat 1"


def run_bench(*options: str) -> str:
    command = [sys.executable, "-m", "tests.bench", *options]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


@pytest.mark.parametrize("project", PROJECTS)
def test_every_job_runs_and_all_clients_see_the_same(project: str) -> None:
    jobs = [name for name, job in JOBS.items() if job.project == project]
    printed = run_bench(*TINY.split(), "--jobs", *jobs)
    assert all(f"\n### {job}, " in printed for job in jobs)
    assert "\n!" not in printed


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
def test_the_whole_benchmark_runs() -> None:
    assert "### All jobs" in run_bench("--repeat", "1")
