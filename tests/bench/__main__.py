"""Prints the jobs side by side: `python -m tests.bench`.

One server answers all clients from memory; every job runs in a fresh process, the clients in turn,
so that noise of the machine meets all of them. The table holds medians and, per job, how many
times faster than the SDK and how many times slower than the bare-httpx floor wbexport is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.jobs import JOBS

TOKEN = "local-" + "b" * 40
JOB_TIMEOUT = 1800
COLUMNS = ("client", "wall s", "min", "max", "CPU s", "peak MB", "requests", "MB in")


class Server:
    """A replay server in a process of its own."""

    def __init__(self, size: list[str], exports: bool) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.bench.data",
            *size,
            *(["--no-exports"] * (not exports)),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise SystemExit("the benchmark server did not start")

    def control(self, query: str = "") -> dict[str, int]:
        """Reset and return the counters; `latency_ms=N` changes the latency."""
        with urllib.request.urlopen(f"{self.url}/__stats?{query}") as answer:
            counters: dict[str, int] = json.load(answer)
        return counters

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def _environment(url: str, folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "WBEXPORT_"))}
    return kept | {
        "HOME": str(folder),
        "WANDB_API_KEY": TOKEN,
        "WANDB_BASE_URL": url,
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_DIR": str(folder),
        "WANDB_SILENT": "true",
    }


def run_once(server: Server, client: str, job: str, folder: Path) -> dict[str, Any]:
    """One job in a fresh process, with the server's counters beside the client's figures."""
    server.control()
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.jobs", client, job, server.url, str(folder)],
        env=_environment(server.url, folder),
        capture_output=True,
        text=True,
        timeout=JOB_TIMEOUT,
        check=False,
    )
    if child.returncode:
        raise SystemExit(f"{client} failed at {job}:\n{child.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    counters = server.control()
    return figures | {"requests": counters["requests"], "mb": counters["sent"] / 1e6}


def run_job(server: Server, job: str, repeat: int) -> dict[str, list[dict[str, Any]]]:
    """All clients of a job, in turn, `repeat` times after one round that warms the server."""
    figures: dict[str, list[dict[str, Any]]] = {client: [] for client in JOBS[job]}
    for turn in range(repeat + 1):
        for client in JOBS[job]:
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                if job in ("second_sync", "histories_from_store"):
                    run_once(server, client, "full_history", folder)
                measured = run_once(server, client, job, folder)
            if turn:
                figures[client].append(measured)
    seen = {json.dumps(f["seen"], sort_keys=True) for rows in figures.values() for f in rows}
    if len(seen) > 1 and job != "second_sync":
        print(f"! the clients did not see the same in {job}: {sorted(seen)}")
    return figures


def print_job(title: str, figures: dict[str, list[dict[str, Any]]]) -> None:
    """One table of a job, with ratios of medians below."""
    print(f"\n### {title}\n\n| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}")
    wall = {}
    for client, rows in figures.items():
        seconds = [row["seconds"] for row in rows]
        wall[client] = median(seconds)
        cells = [
            median(row[name] for row in rows) for name in ("cpu", "memory_mb", "requests", "mb")
        ]
        print(
            f"| {client} | {wall[client]:.2f} | {min(seconds):.2f} | {max(seconds):.2f} "
            f"| {cells[0]:.2f} | {cells[1]:.0f} | {cells[2]:.0f} | {cells[3]:.1f} |"
        )
    if "sdk" in wall:
        faster, slower = wall["sdk"] / wall["wbexport"], wall["wbexport"] / wall["floor"]
        print(f"\nwbexport: {faster:.1f} × faster than the SDK, {slower:.2f} × the floor")
    sys.stdout.flush()


def main() -> None:
    """Parse the size, start the servers, run the jobs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--keys", type=int, default=20)
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 50], metavar="MS")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    options = parser.parse_args()
    size = [str(n) for n in (options.runs, options.steps, options.keys)]
    servers = {exports: Server(size, exports) for exports in (True, False)}
    try:
        for latency in options.latency:
            for job in options.jobs:
                server = servers[job != "full_history_json"]
                server.control(f"latency_ms={latency}")
                print_job(f"{job}, {latency} ms a request", run_job(server, job, options.repeat))
    finally:
        for server in servers.values():
            server.close()


if __name__ == "__main__":
    main()
