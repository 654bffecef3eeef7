"""The complete history of one run as an iterable of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.api.history import scan_long
from wbexport.api.sampling import check_sampling
from wbexport.arrow.convert import long_to_rows
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["HistoryScan", "check_steps", "scan_rows"]


def check_steps(min_step: int | None, max_step: int | None) -> None:
    """Refuse a step range that cannot be right.

    Args:
        min_step: First step.
        max_step: Step to stop before.

    Raises:
        InputError: One of them is no whole number, or is negative.
    """
    for name, step in (("min_step", min_step), ("max_step", max_step)):
        if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 0):
            raise InputError(f"{name} must be a whole number from 0 on, not {step!r}.")


class HistoryScan:
    """A run's complete history. Every loop over it reads the history anew.

    Args:
        client: Executes queries.
        path: The run.
        keys: Only rows that have all of these, and of them only these and `_step`.
        page_size: Rows per page, at most.
        min_step: First step.
        max_step: Step to stop before.

    Raises:
        InputError: An argument that cannot be right.

    Example:
        >>> [row["loss"] for row in run.scan_history(keys=["loss"])]
        [0.5, 0.25]
    """

    def __init__(
        self,
        client: Service,
        path: RunPath,
        *,
        keys: list[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> None:
        check_sampling(keys, "default")
        check_steps(min_step, max_step)
        if isinstance(page_size, bool) or not isinstance(page_size, int) or page_size < 1:
            raise InputError(f"page_size must be a whole number above 0, not {page_size!r}.")
        self.client = client
        self.path = path
        self.keys = keys
        self.page_size = page_size
        self.min_step = min_step or 0
        self.max_step = max_step
        self._rows: Iterator[dict[str, Any]] | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        chunks = scan_long(
            self.client,
            self.client.session,
            self.path,
            from_step=self.min_step,
            to_step=self.max_step,
            keys=[key for key in self.keys or () if key != "_step"] or None,
            page_rows=self.page_size,
        )
        return scan_rows(chunks, self.keys)

    def __next__(self) -> dict[str, Any]:
        self._rows = iter(self) if self._rows is None else self._rows
        return next(self._rows)


def scan_rows(chunks: Iterator[pa.Table], keys: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Give a complete history as rows.

    Args:
        chunks: What `scan_long` yields.
        keys: Only rows that have all of these, and of them only these and `_step`; None or
            empty for all rows.
    """
    wanted = [key for key in keys or () if key != "_step"]
    for chunk in chunks:
        for row in long_to_rows(chunk):
            if not keys:
                yield row
            elif all(key in row for key in wanted):
                yield {"_step": row["_step"]} | {key: row[key] for key in wanted}
