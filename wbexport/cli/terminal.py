"""Text that is safe and aligned on a terminal, whatever the names in a project are."""

from __future__ import annotations

import shutil
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["display_width", "printable", "render_table", "shorten"]

_GAP = "  "
_NARROWEST = 8


def printable(text: str) -> str:
    r"""Escapes what could move the cursor, change colours or reorder a line.

    Run names and keys come from a server; written raw, an escape sequence in one of them would
    act on the user's terminal.

    Example:
        >>> printable("a\x1b[31m\u202eb")
        'a\\x1b[31m\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escape(character) for character in text
    )


def display_width(text: str) -> int:
    """Counts the terminal cells of printable text: wide characters take two, marks none."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def shorten(text: str, width: int) -> str:
    """Cuts text to a number of cells and ends it in an ellipsis where something was cut."""
    if display_width(text) <= width:
        return text
    kept, room = [], width - 1
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def render_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[bool] = (),
    width: int | None = None,
) -> str:
    """Lays text out in aligned columns under a ruled header.

    Args:
        header: Column names.
        rows: Cells, one sequence per row, as long as the header.
        right: For each column, whether it is aligned to the right, as numbers are.
        width: Cells per line; the widest columns are cut to fit. The terminal's width by default.

    Returns:
        The table's lines, joined, without a final newline.

    Example:
        >>> print(render_table(["run", "acc"], [["a", "0.5"]], right=[False, True], width=40))
        run  acc
        ---  ---
        a    0.5
    """
    width = width or shutil.get_terminal_size((100, 24)).columns
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = _fit([max(map(display_width, column)) for column in zip(*cells, strict=True)], width)
    aligned = [
        _line(row, widths, [index < len(right) and right[index] for index in range(len(header))])
        for row in cells
    ]
    return "\n".join([aligned[0], _GAP.join("-" * size for size in widths), *aligned[1:]])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    placed = []
    for cell, size, to_right in zip(row, widths, right, strict=True):
        text = shorten(cell, size)
        space = " " * (size - display_width(text))
        placed.append(space + text if to_right else text + space)
    return _GAP.join(placed).rstrip()


def _fit(widths: list[int], width: int) -> list[int]:
    """Narrows the widest columns, one cell at a time, until a line fits or nothing is wide."""
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
