"""What was read from run folders."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from wbexport.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Action", "IngestReport"]

Action = Literal["new", "grew", "rewritten", "unchanged", "superseded"]


@dataclass(frozen=True, slots=True, repr=False)
class IngestReport:
    """The result of `wbexport.ingest`.

    Args:
        folder: Where the run folders are.
        store: The store's file.
        status: 'ok', or 'partial' when something could not be read.
        runs: Number of runs; one that was resumed has several folders.
        actions: Number of runs per action: new, grew, rewritten, unchanged, and superseded where
            the store has as much of the run from a server.
        rows: History rows that were written.
        files: Files that were stored.
        seconds: Duration.
        failures: Run folder to reason, for each that could not be read.
        incomplete: Run path to what is missing of it because of damage.
        cut: Run path to what its last writer did not finish, as after a crash.
        notes: Run path to what was left out on purpose.
        alerts: Run path to the alerts that the run sent.

    Example:
        >>> report = wbexport.ingest("wandb", "wb.duckdb")  # doctest: +SKIP
        >>> report.status, report.rows  # doctest: +SKIP
        ('ok', 1200)
    """

    folder: str
    store: str
    status: Literal["ok", "partial"]
    runs: int
    actions: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    files: int = 0
    seconds: float = 0.0
    failures: Mapping[str, str] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)
    cut: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alerts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give every figure, for machines."""
        return asdict(self)

    def raise_for_failures(self) -> None:
        """Raise when something could not be read.

        Raises:
            SyncError: Carries which folders and runs, and why.
        """
        if self.status == "partial":
            wrong = {**self.incomplete, **self.failures}
            raise SyncError(
                f"{len(wrong)} of the runs and folders in {self.folder} could not be read "
                "completely",
                failures=wrong,
            )

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.actions.items())
        lines = [
            ("status", self.status),
            ("runs", f"{self.runs:,}" + (f" ({counts})" if counts else "")),
            ("history rows", f"{self.rows:,}"),
            ("files", f"{self.files:,}"),
            ("seconds", f"{self.seconds:,.1f}"),
        ]
        lines += [("failed", f"{name}: {why}") for name, why in self.failures.items()]
        lines += [("incomplete", f"{run}: {why}") for run, why in self.incomplete.items()]
        lines += [("cut", f"{run}: {why}") for run, why in self.cut.items()]
        lines += [
            ("left out", f"{run}: {why}") for run, found in self.notes.items() for why in found
        ]
        lines += [
            ("alert", f"{run}: {text}") for run, found in self.alerts.items() for text in found
        ]
        rows = "\n".join(f"  {name:<13}{text}" for name, text in lines)
        return f"{self.folder} -> {self.store}\n{rows}"
