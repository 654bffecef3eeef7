"""Turns what a run wrote to its console into lines, as a terminal would show them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Console", "ConsoleLine"]

#: Text between what moves the cursor: line ends, carriage returns, and steps up or down.
_MOVES = re.compile(r"(\n|\r|\x1b\[[0-9]{0,6}[AB])")


@dataclass(slots=True)
class ConsoleLine:
    """One line on the screen."""

    number: int
    logged_at: datetime
    level: str | None
    text: str = ""


@dataclass(slots=True)
class _Screen:
    """Where one of the two streams stands: each has a cursor of its own."""

    level: str | None
    lines: list[ConsoleLine | None] = field(default_factory=lambda: [None])
    row: int = 0
    column: int = 0


class Console:
    """The lines of one process, both streams in the order in which their lines were begun.

    Args:
        first: Number of the first line.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._lines: list[ConsoleLine] = []
        self._screens = {True: _Screen("error"), False: _Screen(None)}

    def write(self, text: str, moment: datetime, *, is_error: bool) -> None:
        """Take in what was written at one moment."""
        screen = self._screens[is_error]
        for part in _MOVES.split(text):
            if part == "\n":
                self._line(screen, moment)
                screen.row, screen.column = screen.row + 1, 0
                if screen.row == len(screen.lines):
                    screen.lines.append(None)
            elif part == "\r":
                screen.column = 0
            elif _MOVES.fullmatch(part):
                by = int(part[2:-1] or 1)
                # The screen ends with its last line; only a line end begins another one.
                row = screen.row + (by if part[-1] == "B" else -by)
                screen.row = min(max(row, 0), len(screen.lines) - 1)
            elif part:
                line = self._line(screen, moment)
                before = line.text[: screen.column].ljust(screen.column)
                screen.column += len(part)
                line.text = before + part + line.text[screen.column :]

    def _line(self, screen: _Screen, moment: datetime) -> ConsoleLine:
        """Return the line under the cursor; it gets its number when it is first needed."""
        line = screen.lines[screen.row]
        if line is None:
            line = ConsoleLine(self._first + len(self._lines), moment, screen.level)
            self._lines.append(line)
            screen.lines[screen.row] = line
        return line

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[ConsoleLine]:
        return iter(self._lines)
