"""wbexport: complete, incremental export and analytics of Weights & Biases data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wbexport import automations, errors
    from wbexport.api.artifacts import Artifact, ArtifactTTL
    from wbexport.api.client import Api
    from wbexport.archive import Archive, open
    from wbexport.errors import AuthenticationError, CommError, Error, UsageError, WbexportError
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
    "AuthenticationError",
    "CommError",
    "Error",
    "IngestReport",
    "SyncInterrupted",
    "SyncReport",
    "UsageError",
    "WbexportError",
    "__version__",
    "automations",
    "errors",
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
    "AuthenticationError": "wbexport.errors",
    "CommError": "wbexport.errors",
    "Error": "wbexport.errors",
    "IngestReport": "wbexport.ingest.report",
    "SyncInterrupted": "wbexport.sync.interrupts",
    "SyncReport": "wbexport.sync.report",
    "UsageError": "wbexport.errors",
    "WbexportError": "wbexport.errors",
    "ingest": "wbexport.ingest.engine",
    "open": "wbexport.archive",
    "plan": "wbexport.sync.engine",
    "sync": "wbexport.sync.engine",
}

#: Modules that are found in `wbexport` without being imported, as those of `wandb` are.
_LAZY_MODULES = ("automations", "errors")


def __getattr__(name: str) -> object:
    if name in _LAZY_MODULES:
        return import_module(f"wbexport.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'wbexport' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_MODULES})
