"""Decoding in two threads: for whoever asks, whatever becomes of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wbexport.decoding import decode

FORKS = """
import os
from wbexport.decoding import decode
assert decode(lambda: 1) == 1
child = os.fork()
if not child:
    os._exit(decode(lambda: 7))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_many_ask_and_two_threads_answer() -> None:
    threads: set[str] = set()

    def work(number: int) -> int:
        def double() -> int:
            threads.add(threading.current_thread().name)
            return 2 * number

        return decode(double)

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(work, range(500))) == [2 * number for number in range(500)]
    assert len(threads) <= 2


def test_what_decoding_raises_is_raised_where_it_was_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        decode(lambda: 1 // 0)


def test_decoding_inside_of_decoding_waits_for_nobody() -> None:
    both = threading.Barrier(2, timeout=60)

    def work() -> int:
        both.wait()
        return decode(lambda: decode(lambda: 3))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: decode(work), range(2))) == [3, 3]


def test_the_child_of_a_fork_decodes_too() -> None:
    subprocess.run([sys.executable, "-c", FORKS], check=True, timeout=60)
