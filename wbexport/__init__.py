"""wbexport: complete, incremental export and analytics of Weights & Biases data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wbexport.api.artifacts import Artifact, ArtifactTTL
    from wbexport.api.client import Api
    from wbexport.archive import Archive, open
    from wbexport.ingest.engine import ingest
    from wbexport.ingest.report import IngestReport
    from wbexport.sync.engine import plan, sync
    from wbexport.sync.interrupts import SyncInterrupted
    from wbexport.sync.report import SyncReport

__version__ = "0.1.0"

__all__ = [
    "Api",
    "Archive",
    "Artifact",
    "ArtifactTTL",
    "IngestReport",
    "SyncInterrupted",
    "SyncReport",
    "__version__",
    "ingest",
    "open",
    "plan",
    "sync",
]

#: Public name → the module it is imported from when it is first looked at.
_LAZY = {
    "Api": "wbexport.api.client",
    "Archive": "wbexport.archive",
    "Artifact": "wbexport.api.artifacts",
    "ArtifactTTL": "wbexport.api.artifacts",
    "IngestReport": "wbexport.ingest.report",
    "SyncInterrupted": "wbexport.sync.interrupts",
    "SyncReport": "wbexport.sync.report",
    "ingest": "wbexport.ingest.engine",
    "open": "wbexport.archive",
    "plan": "wbexport.sync.engine",
    "sync": "wbexport.sync.engine",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'wbexport' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
