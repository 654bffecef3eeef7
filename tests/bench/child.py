"""One job of one client, in a process of its own.

`python -m tests.bench.child MODULE:CLASS JOB URL FOLDER [--digest]` prints one JSON object:
seconds, CPU seconds, peak memory, and what the job saw.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from tests.sdk import end_service


def _usage() -> tuple[float, float]:
    """CPU seconds and peak MB of this process and its children."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(p.ru_utime + p.ru_stime for p in parts), sum(p.ru_maxrss for p in parts) / 1024


def measure(client: str, job: str, url: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Run one job; the import of the client and its connection are not counted, the work is.

    A client with `calls` does a job that is over in milliseconds: it is called once more than
    that, and all calls but the first are measured.
    """
    module, _, name = client.partition(":")
    subject = getattr(import_module(f"tests.bench.clients.{module}"), name)(url, folder)
    calls = getattr(subject, "calls", 0)
    seconds = []
    before, _ = _usage()
    for _ in range(calls + 1):
        start = time.perf_counter()
        outcome = getattr(subject, job)(folder)
        seconds.append(time.perf_counter() - start)
    if module == "sdk":
        end_service()
    cpu, memory = _usage()
    figures = {
        "seconds": median(seconds[1:] or seconds),
        "cpu": (cpu - before) / len(seconds),
        "memory_mb": memory,
        "seen": outcome() if callable(outcome) else outcome,
    }
    return subject, figures | getattr(subject, "details", {})


def main(client: str, job: str, url: str, folder: str, *options: str) -> None:
    """Entry point of the process."""
    subject, figures = measure(client, job, url, Path(folder))
    if "--digest" in options:
        figures["digest"] = subject.digest(Path(folder))
    print(json.dumps(figures), flush=True)
    # Threads of native libraries may still be at work, and are no part of the figures.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
