"""A writer may be killed at any instant, and any number may start at once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wbexport.store.check import check
from wbexport.store.database import Store

ROOT = Path(__file__).parents[2]
RUNS, STEPS = 4, 50

# Every round rewrites all runs with one and the same value; told after each publication.
_LOOP = f"""
import sys
from wbexport.arrow.convert import rows_to_long
from wbexport.store.database import Store
from wbexport.store.writer import write_history
from tests.store.samples import add_runs

with Store.open_writer(sys.argv[1], in_place=len(sys.argv) > 2) as store:
    runs = add_runs(store, {RUNS})
    found = store.cursor().execute("select max(value) from stored.history").fetchall()[0][0]
    print("ready", flush=True)
    for number in range(int(found or 0) + 1, 10_000):
        rows = rows_to_long([{{"_step": step, "x": number}} for step in range({STEPS})])
        for half in (runs[:2], runs[2:]):
            with store.transaction() as cursor:
                write_history(cursor, [(run, rows, "replace") for run in half])
        store.publish()
        print(number, flush=True)
"""

_HOLD = """
import sys, time
from wbexport.errors import StoreBusyError
from wbexport.store.database import Store

started = time.monotonic()
try:
    with Store.open_writer(sys.argv[1]):
        print("won", flush=True)
        time.sleep(4)
except StoreBusyError as error:
    print("lost", time.monotonic() - started, error.pid, flush=True)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def published_value(path: Path) -> int:
    """The one value of a published file that is whole; 0 before the first publication."""
    with Store.open_reader(path) as reader:
        found = reader.cursor().execute(
            "select value, count(*), count(distinct run_no) from stored.history group by value"
        )
        rows = found.fetchall()
        assert check(reader, read_data=True) == []
    if not rows:
        return 0
    ((value, count, runs),) = rows
    assert (count, runs) == (RUNS * STEPS, RUNS)
    return int(value)


def kill_once(path: Path, delay: float, *options: object) -> int:
    """Kill a writer some time after it is ready; return what it acknowledged last."""
    with start(_LOOP, path, *options) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        told = process.stdout.read().split()
    return int(told[-1]) if told else 0


def sweep(path: Path, trials: int, seed: int) -> None:
    chance, acknowledged = random.Random(seed), 0
    for _ in range(trials):
        acknowledged = max(acknowledged, kill_once(path, chance.uniform(0, 0.4)))
        value = published_value(path)
        # A writer may have published once more than it lived to tell, and goes on from what an
        # earlier one had committed but not published.
        assert acknowledged <= value
        acknowledged = value


def test_a_killed_writer_leaves_a_whole_acknowledged_file(tmp_path: Path) -> None:
    sweep(tmp_path / "wb.duckdb", trials=30, seed=1)


@pytest.mark.slow
def test_a_thousand_killed_writers_leave_whole_acknowledged_files(tmp_path: Path) -> None:
    sweep(tmp_path / "wb.duckdb", trials=1000, seed=2)


def test_a_writer_killed_in_place_leaves_whole_transactions(tmp_path: Path) -> None:
    path, chance = tmp_path / "wb.duckdb", random.Random(3)
    for _ in range(5):
        kill_once(path, chance.uniform(0, 0.4), "in place")
        with Store.open_writer(path) as store:
            assert check(store, read_data=True) == []


def test_a_store_killed_while_it_is_made_can_be_made_again(tmp_path: Path) -> None:
    for trial in range(6):
        path = tmp_path / str(trial) / "wb.duckdb"
        with start(_LOOP, path) as process:
            while not path.parent.exists():
                time.sleep(0.001)
            time.sleep(0.02 * trial)
            process.kill()
        Store.open_writer(path).close()
        assert published_value(path) >= 0


@pytest.mark.parametrize("count", [2, 4])
def test_of_several_writers_one_wins_and_the_others_hear_of_it_soon(
    tmp_path: Path, count: int
) -> None:
    processes = [start(_HOLD, tmp_path / "wb.duckdb") for _ in range(count)]
    answers = [process.communicate()[0].split() for process in processes]
    winners = [
        process.pid for process, answer in zip(processes, answers, strict=True) if answer == ["won"]
    ]
    losers = [answer for answer in answers if answer[0] == "lost"]
    assert (len(winners), len(losers)) == (1, count - 1)
    assert all(float(seconds) < 2 for _, seconds, _ in losers)
    assert {int(pid) for _, _, pid in losers} == set(winners)


def test_the_lock_of_a_killed_writer_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wb.duckdb"
    with start(_HOLD, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "won\n"
        process.kill()
    Store.open_writer(path, wait=0.0).close()
