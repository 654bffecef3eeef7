"""Files that are replaced whole or not at all, whenever the machine stops."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING

from wbexport.errors import StoreSpaceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["clone_file", "replace_durably", "sync_directory"]

# <linux/fs.h>: share the blocks of another file (btrfs, xfs, bcachefs).
_FICLONE = 0x40049409


def clone_file(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can.

    Raises:
        StoreSpaceError: The copy would not fit on the disk.
    """
    with (
        source.open("rb") as reading,
        target.open("wb") as writing,
        contextlib.suppress(OSError),
    ):
        fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
        return
    needed, free = source.stat().st_size, shutil.disk_usage(target.parent).free
    if needed > free:
        raise StoreSpaceError(
            f"{target.parent}: {needed:,} bytes are needed and {free:,} are free; free some space"
        )
    shutil.copyfile(source, target)


def replace_durably(source: Path, target: Path) -> None:
    """Move a finished file over another one so that a crash leaves either, whole."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    source.replace(target)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
