"""Reads the run folders that the SDK leaves behind, of offline runs above all, into a store."""

from __future__ import annotations

import sys
from types import ModuleType

from wbexport.ingest.engine import ingest
from wbexport.ingest.report import IngestReport

__all__ = ["IngestReport", "ingest"]


class _Callable(ModuleType):
    """Lets `wbexport.ingest` be called although it is also the name of this room."""

    __call__ = staticmethod(ingest)


sys.modules[__name__].__class__ = _Callable
