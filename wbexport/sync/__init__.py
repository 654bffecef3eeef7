"""Brings projects from a W&B server into a store, again and again."""

from __future__ import annotations

import sys
from types import ModuleType

from wbexport.sync.engine import plan, sync
from wbexport.sync.interrupts import SyncInterrupted
from wbexport.sync.report import SyncReport

__all__ = ["SyncInterrupted", "SyncReport", "plan", "sync"]


class _Callable(ModuleType):
    """Lets `wbexport.sync` be called although it is also the name of this room."""

    __call__ = staticmethod(sync)


sys.modules[__name__].__class__ = _Callable
