"""Two threads decode, whoever asks for it.

Python runs one thread at a time. Many that decode at once only take turns in small slices: eight
of them were measured to need half as much time again for the same rows as one alone. And each
keeps some of the memory that it once needed. So threads wait for servers side by side, and hand
over what came in.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decode", "decoder_clocks", "thread_clock"]

_THREADS = 2

_T = TypeVar("_T")


class _Decoders:
    def __init__(self) -> None:
        self.clocks: list[int] = []
        self.threads: set[int] = set()
        self.pool = ThreadPoolExecutor(_THREADS, "wbexport-decode", self._join)

    def _join(self) -> None:
        self.threads.add(threading.get_ident())
        self.clocks += thread_clock()


_decoders = _Decoders()


def _begin_anew() -> None:
    global _decoders
    _decoders = _Decoders()


if hasattr(os, "register_at_fork"):
    # Threads do not live on in a child.
    os.register_at_fork(after_in_child=_begin_anew)


def decode(work: Callable[[], _T]) -> _T:
    """Do a piece of pure computation when it is its turn; never one that waits for a server.

    Args:
        work: What to do.

    Returns:
        What it returns; what it raises is raised here.
    """
    if threading.get_ident() in _decoders.threads:
        return work()
    return _decoders.pool.submit(work).result()


def decoder_clocks() -> list[int]:
    """Return the clocks of the threads that decode, for `time.clock_gettime`."""
    return _decoders.clocks


def thread_clock() -> list[int]:
    """Return the calling thread's clock, if other threads can read it here."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return []
    return [time.pthread_getcpuclockid(threading.get_ident())]
