"""Line charts of braille dots, for a first look at learning curves in any terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Series", "render_chart"]

#: Bit of each dot in a braille character, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_COLOURS = (36, 33, 35, 32, 34, 31)
_LABEL = 8


@dataclass(frozen=True)
class Series:
    """One line of a chart: its name and its points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def render_chart(
    series: Sequence[Series], *, width: int = 64, height: int = 12, colour: bool = False
) -> str:
    """Draws series into one frame; points that are not finite leave a gap.

    Args:
        series: Lines, the later ones drawn over the earlier.
        width: Characters per line of the plot.
        height: Lines of the plot.
        colour: Whether to use ANSI colours.

    Returns:
        The chart with its axis labels and legend, or one sentence if there is nothing to draw.
    """
    points = [
        (x, y)
        for line in series
        for x, y in zip(line.x, line.y, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    if not points:
        return "(no finite values to draw)"
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    dots = [[0] * width for _ in range(height)]
    owner = [[0] * width for _ in range(height)]
    for number, line in enumerate(series):
        for x, y in _trace(line, (left, right, low, high), (width * 2 - 1, height * 4 - 1)):
            row, column = y // 4, x // 2
            dots[row][column] |= _DOTS[y % 4][x % 2]
            owner[row][column] = number
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    lines = [
        f"{labels.get(row, ''):>{_LABEL}} ┤" + _paint(dots[row], owner[row], colour)
        for row in range(height)
    ]
    scale = f"{left:.4g}" + f"{right:.4g}".rjust(width - len(f"{left:.4g}"))
    lines += [" " * _LABEL + " └" + "─" * width, " " * (_LABEL + 2) + scale]
    legend = [_tint("━ ", n, colour) + printable(line.name) for n, line in enumerate(series)]
    return "\n".join([*lines, *(" " * (_LABEL + 2) + entry for entry in legend)])


def _trace(
    line: Series, frame: tuple[float, float, float, float], last: tuple[int, int]
) -> list[tuple[int, int]]:
    """Pixels of a polyline, origin at the top left."""
    left, right, low, high = frame
    pixels: list[tuple[int, int]] = []
    before: tuple[int, int] | None = None
    for x, y in zip(line.x, line.y, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            before = None
            continue
        here = (
            round((x - left) / ((right - left) or 1) * last[0]),
            round((high - y) / ((high - low) or 1) * last[1]),
        )
        x0, y0 = before or here
        count = max(abs(here[0] - x0), abs(here[1] - y0), 1)
        pixels += [
            (round(x0 + (here[0] - x0) * k / count), round(y0 + (here[1] - y0) * k / count))
            for k in range(count + 1)
        ]
        before = here
    return pixels


def _paint(dots: Sequence[int], owner: Sequence[int], colour: bool) -> str:
    return "".join(
        _tint(chr(0x2800 + bits), number, colour) if bits else " "
        for bits, number in zip(dots, owner, strict=True)
    ).rstrip()


def _tint(text: str, number: int, colour: bool) -> str:
    return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{text}\x1b[0m" if colour else text
