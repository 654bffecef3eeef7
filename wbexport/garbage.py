"""Keeps the garbage collector still where there is no garbage.

The collector runs when many objects were made and none freed. A parser does just that, so every
large answer would be searched again and again for cycles that JSON cannot have.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause it for a moment of pure computation; never while waiting for anything."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
