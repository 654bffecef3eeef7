"""The lock that lets one process at a time write a store."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.errors import StoreBusyError
from wbexport.store.faults import store_faults

if TYPE_CHECKING:
    from typing import Self

__all__ = ["WriterLock"]

_POLL_SECONDS = 0.05


class WriterLock:
    """An exclusive lock on a file that names its holder; the system frees it when the holder dies.

    Args:
        descriptor: The open and locked file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, *, store: Path, wait: float = 1.0) -> Self:
        """Take the lock, or say who has it.

        Args:
            path: The lock file; created if missing, never removed.
            store: The store it protects, for messages.
            wait: Seconds to keep trying.

        Returns:
            The lock, held until `release` or the end of the process.

        Raises:
            StoreBusyError: Another process, or another `Store` of this one, holds it.
        """
        deadline = time.monotonic() + wait
        with store_faults(store):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while not _try_lock(descriptor):
                    if time.monotonic() >= deadline:
                        raise _busy(store, path)
                    time.sleep(_POLL_SECONDS)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n{_command()}\n".encode(), 0)
            except BaseException:
                os.close(descriptor)
                raise
        return cls(descriptor)

    def release(self) -> None:
        """Let the next writer in."""
        # A forked child may still have the file open: unlocking it here ends its hold too.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(store: Path, path: Path) -> StoreBusyError:
    number, _, command = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    pid = int(number) if number.isdecimal() else None
    command = command.strip()
    holder = f"process {pid} ({command})" if pid else "another process"
    message = f"{store}: {holder} is writing it; wait for it to end, or stop it, and try again"
    return StoreBusyError(message, pid=pid, command=command or None)


def _command() -> str:
    """Name of the program and of its subcommand; other arguments could hold secrets."""
    words = [Path(word).name for word in sys.argv[:1]]
    words += [word for word in sys.argv[1:2] if word.isalpha()]
    return " ".join(words) or "python"
