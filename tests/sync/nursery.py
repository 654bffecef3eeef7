"""A process that has imported everything, and starts syncs only to kill them.

Run as `python -m tests.sync.nursery TRUTH ARCHIVE`. Each line it reads is a number of seconds
after which the next sync is killed; a sync that ends before is left alone. It answers with the
sync's exit code, negative for a signal.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from wbexport.server.exports import ExportPolicy
from wbexport.store.database import Store
from wbexport.sync import artifacts, commit, fetch
from wbexport.sync.engine import sync

from .wire import connect

# Many small transactions and a publish after each: every moment is a bad one.
fetch.PIECE_VALUES = 40
commit.BATCH_RUNS = 2
commit.BATCH_SECONDS = 0.0
commit.PUBLISH_SECONDS = 0.0
artifacts._BATCH = 2


def work(truth: str, archive: str) -> int:
    """Syncs once; 3 when partial."""
    with Store.open_reader(truth) as served:
        api, _ = connect(served, ExportPolicy(live_rows=4))
        report = sync("e/p", archive, api=api, jobs=2, include=["history", "artifacts"])
        return 0 if report.status == "ok" else 3


def main(truth: str, archive: str) -> None:
    """Starts and kills syncs as told on standard input."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = work(truth, archive)
            finally:
                os._exit(code)
        end = time.monotonic() + float(line)
        done, status = os.waitpid(pid, os.WNOHANG)
        while not done and time.monotonic() < end:
            time.sleep(0.005)
            done, status = os.waitpid(pid, os.WNOHANG)
        if not done:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
