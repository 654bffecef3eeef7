"""Shows how far a sync is: a bar on a terminal, or nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from tqdm import tqdm

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Bar", "Progress", "Silence", "choose_progress"]


class Progress(Protocol):
    """What a sync tells while it works."""

    def start(self, runs: int) -> None:
        """The plan is made: so many runs will be fetched."""

    def update(self, runs: int, rows: int, received: int) -> None:
        """So many runs and rows are committed and bytes received by now."""

    def close(self) -> None:
        """The sync has ended, well or not."""


class Silence:
    """Shows nothing."""

    def start(self, runs: int) -> None:
        """Shows nothing."""

    def update(self, runs: int, rows: int, received: int) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Shows nothing."""


class Bar:
    """A tqdm bar with runs, rows, megabytes and the time left.

    Args:
        label: Text in front of the bar.
        stream: Where it is drawn; standard error by default.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream
        self._bar: tqdm[Any] | None = None

    def start(self, runs: int) -> None:
        """Draws the empty bar."""
        self._bar = tqdm(
            total=runs, desc=self._label, unit="run", file=self._stream or sys.stderr, leave=False
        )

    def update(self, runs: int, rows: int, received: int) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(runs - self._bar.n)
            self._bar.set_postfix_str(f"{rows:,} rows, {received / 1e6:,.1f} MB")

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def choose_progress(wanted: bool | Progress, label: str) -> Progress:
    """Turns the `progress` argument of a sync into something to report to.

    Args:
        wanted: True for a bar where standard error is a terminal, False for silence, or an
            object of the caller's own.
        label: Text in front of the bar.

    Returns:
        The thing to report to.
    """
    if not isinstance(wanted, bool):
        return wanted
    return Bar(label) if wanted and sys.stderr.isatty() else Silence()
