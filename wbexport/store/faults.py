"""Turns what DuckDB and the operating system raise into the store's own errors."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from wbexport.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreSpaceError,
    StoreVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["store_faults"]

_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCKED = re.compile(r"Could not set lock on file.*?(?:\(PID (\d+)\)|$)", re.DOTALL)
_NEWER = re.compile(r"database file with version number|newer version of DuckDB", re.IGNORECASE)
_FULL = re.compile(
    r"no space left|disk quota exceeded|file too large|could not write all bytes", re.IGNORECASE
)
_SEALED = re.compile(r"read-only file system|permission denied", re.IGNORECASE)
_DAMAGED = re.compile(
    r"not a valid duckdb database|checksum|could not read enough bytes|corrupt"
    r"|failure while replaying wal|serialization error|failed to deserialize",
    re.IGNORECASE,
)


@contextmanager
def store_faults(path: Path) -> Iterator[None]:
    """Raise the fitting `StoreError` for a fault of DuckDB or of the file system.

    Faults that say nothing of the file, such as a syntax error, pass unchanged.

    Raises:
        StoreError: Or one of its kinds, with the next step.
    """
    try:
        yield
    except OSError as error:
        raise _of_system(path, error) from error
    except duckdb.Error as error:
        fault = _of_duckdb(path, str(error), isinstance(error, duckdb.FatalException))
        if fault is None:
            raise
        raise fault from error


def _of_system(path: Path, error: OSError) -> StoreError:
    if error.errno in _SPACE:
        return StoreSpaceError(f"{path}: {error.strerror}; free some space and run this again")
    if error.errno == errno.EROFS:
        return StoreSpaceError(f"{path}: {error.strerror}; choose a folder that can be written")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return StoreError(
            f"{path}: {error.strerror}; change its permissions or choose another path"
        )
    return StoreError(f"{path}: {error.strerror or error}")


def _of_duckdb(path: Path, text: str, fatal: bool) -> StoreError | None:
    if locked := _LOCKED.search(text):
        pid = int(locked[1]) if locked[1] else None
        holder = f"process {pid}" if pid else "another process"
        return StoreBusyError(f"{path}: {holder} has it open; close it there first", pid=pid)
    if _NEWER.search(text):
        return StoreVersionError(f"{path}: written by a newer DuckDB; update the duckdb package")
    if _FULL.search(text):
        return StoreSpaceError(
            f"{path}: the disk is full or over quota; free some space and run this again"
        )
    if "is a directory" in text.lower():
        return StoreError(f"{path}: a folder; name a file in it, such as {path / 'wb.duckdb'}")
    if _SEALED.search(text):
        return StoreError(f"{path}: cannot be opened or written here; check its permissions")
    if _DAMAGED.search(text):
        return StoreDamagedError(
            f"{path}: not a wbexport store, or damaged; restore a copy, or move it away and sync"
        )
    if fatal:
        return StoreError(f"{path}: DuckDB gave up on the connection; open the store again")
    return None
