"""What a sync did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from wbexport.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SyncReport"]


@dataclass(frozen=True, slots=True, repr=False)
class SyncReport:
    """The result of `wbexport.sync`.

    Args:
        path: The project.
        store: The store's file.
        status: 'ok', or 'partial' when some runs failed or could not be verified.
        runs: Number of runs the server lists.
        actions: Number of runs per action: new, resume, grew, rewritten, edited, unchanged,
            and kept where a run that was logged here has more rows than the server.
        vanished: Number of runs newly found to be deleted on the server; they stay in the store.
        rows: History rows that were written.
        parts: Part to the number of its objects that were new or had changed: artifact versions,
            sweeps, reports.
        bytes: Bytes received.
        requests: Requests sent.
        seconds: Duration.
        failures: Path to reason, for each run, artifact version or collection that failed; it is
            tried again next time.
        incomplete: Run path to reason, for each run whose rows do not match its header.

    Example:
        >>> report = wbexport.sync("team/project")  # doctest: +SKIP
        >>> report.status  # doctest: +SKIP
        'ok'
    """

    path: str
    store: str
    status: Literal["ok", "partial"]
    runs: int
    actions: Mapping[str, int] = field(default_factory=dict)
    vanished: int = 0
    rows: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    failures: Mapping[str, str] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        edited = set(self.actions) - {"kept", "unchanged"}
        return bool(self.vanished or edited or any(self.parts.values()))

    def to_dict(self) -> dict[str, Any]:
        """Gives every figure, for machines."""
        return asdict(self)

    def raise_for_failures(self) -> None:
        """Raises when the sync was partial.

        Raises:
            SyncError: Some runs failed or are incomplete; carries which and why.
        """
        if self.status == "partial":
            wrong = {**self.incomplete, **self.failures}
            raise SyncError(
                f"{len(wrong)} runs or artifacts of {self.path} are not complete; "
                "the next sync tries them again",
                failures=wrong,
            )

    def _lines(self) -> list[tuple[str, str]]:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.actions.items())
        requests = f"{self.requests:,} request{'' if self.requests == 1 else 's'}"
        lines = [
            ("status", self.status),
            ("runs", f"{self.runs:,}" + (f" ({counts})" if counts else "")),
            ("history rows", f"{self.rows:,}"),
            *((part, f"{count:,} new or changed") for part, count in self.parts.items()),
            ("received", f"{self.bytes / 1e6:,.1f} MB in {requests}"),
            ("seconds", f"{self.seconds:,.1f}"),
        ]
        if self.vanished:
            lines.append(("deleted", f"{self.vanished:,} runs, kept here"))
        lines += [("failed", f"{run}: {why}") for run, why in self.failures.items()]
        lines += [("incomplete", f"{run}: {why}") for run, why in self.incomplete.items()]
        return lines

    def __repr__(self) -> str:
        rows = "\n".join(f"  {name:<13}{text}" for name, text in self._lines())
        return f"{self.path} -> {self.store}\n{rows}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>"
            for name, text in self._lines()
        )
        title = escape(f"{self.path} → {self.store}")
        return f"<table><caption>{title}</caption>{rows}</table>"
