"""Reads a run's live rows page by page, cut by rows: a page the server thinned out is asked again.

A server answers a step range with at most `samples` rows, and picks them itself when there are
more. Fixed step windows avoid that, but a run stepped by tokens then costs ten thousand empty
calls. Here a window follows the density of the rows, and is trusted only when it cannot have been
thinned out: it spans no more steps than `samples`, or came back less than half full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from wbexport.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

__all__ = ["StepWindows", "iter_step_pages"]

#: Above every step a server can name exactly.
_END = 2**53
#: Values of a page, about: bounds its memory.
_PAGE_VALUES = 200_000
_FEWEST_ROWS = 32


class StepWindows:
    """Decides which step range to ask for next. Pure: it only learns from answers.

    Args:
        start: First step.
        end: Step to stop before; None when the last step is unknown.
        page_rows: Rows wanted per page, at most.
        steps_per_row: Steps between two rows, where that is known.
        keys: How many keys a row can have, where that is known.
    """

    def __init__(
        self,
        start: int,
        end: int | None,
        *,
        page_rows: int = 1000,
        steps_per_row: float | None = None,
        keys: int | None = None,
    ) -> None:
        self.start = start
        self.end = _END if end is None else end
        self._page_rows = page_rows
        self._rows = self._fitting(keys or 1)
        self._width = (
            max(self.samples, int(self._rows * steps_per_row))
            if steps_per_row
            else self.end - start
        )

    @property
    def samples(self) -> int:
        """How many rows to ask for: twice as many as wanted, to see when there were more."""
        return 2 * self._rows

    @property
    def window(self) -> tuple[int, int]:
        """First step and the step to stop before; empty when all is read."""
        return self.start, min(self.start + self._width, self.end)

    def accept(self, page: pa.Table) -> bool:
        """Learn from an answer, given as a `LONG` table.

        Returns:
            Whether they are all rows of it. If so, `window` moves on, else it narrows.
        """
        start, stop = self.window
        span = stop - start
        rows = pc.count_distinct(page.column("step")).as_py()
        if span > self.samples and rows > self._rows:
            seen = pc.max(page.column("step")).as_py() - start + 1
            self._width = max(self.samples, min(span // 2, seen // 2))
            return False
        self.start = stop
        if rows:
            self._rows = self._fitting(page.num_rows / rows)
            self._width = max(self.samples, 3 * span * self._rows // (4 * rows))
        else:
            self._width = 2 * span
        return True

    def shrink(self) -> bool:
        """Ask for less after the server failed; False when it was little already."""
        if self._rows <= _FEWEST_ROWS:
            return False
        self._page_rows = self._rows = max(_FEWEST_ROWS, self._rows // 4)
        self._width = self.samples
        return True

    def _fitting(self, values_per_row: float) -> int:
        return max(_FEWEST_ROWS, min(self._page_rows, int(_PAGE_VALUES / values_per_row)))


def iter_step_pages(
    fetch: Callable[[int, int, int], pa.Table], windows: StepWindows
) -> Iterator[pa.Table]:
    """Yield all rows of a step range, page by page in step order.

    Args:
        fetch: Takes a first step, a step to stop before and a number of samples; returns rows
            as a `LONG` table.
        windows: The range, and how to cut it.

    Yields:
        `LONG` tables that are not empty, the steps of each above those of the one before.
    """
    while (window := windows.window)[0] < window[1]:
        try:
            page = _between(fetch(*window, windows.samples), *window)
        except ServerError:
            if not windows.shrink():
                raise
            continue
        if windows.accept(page) and page.num_rows:
            yield page


def _between(page: pa.Table, start: int, stop: int) -> pa.Table:
    """Leave out what the server was not asked for."""
    steps = page.column("step")
    lowest, highest = pc.min_max(steps).as_py().values()
    if lowest is None or (start <= lowest and highest < stop):
        return page
    return page.filter(pc.and_(pc.greater_equal(steps, start), pc.less(steps, stop)))
