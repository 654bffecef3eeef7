"""Compares the rows that were brought over with what a run's header promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from wbexport.arrow.pieces import count_rows
from wbexport.arrow.promote import key_runs
from wbexport.garbage import collector_paused
from wbexport.graphql.models import count_values
from wbexport.sync.plan import LIVE_STATES, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = ["Promise", "Tally"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a header says its history holds.

    Args:
        rows: Number of rows, when the server tells.
        last_step: Last step, when the server tells.
        counts: Number of values per key, as far as the server tells.
        live: Whether the run may have written since; then every figure is a lower bound.
    """

    rows: int | None
    last_step: int | None
    counts: Mapping[str, int]
    live: bool

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Promise:
        """Reads the promise of one row of a listing."""
        with collector_paused():
            keys = parse_object(header["history_keys"]).get("keys") or {}
            counts = {key: count_values(info) for key, info in keys.items()}
        return cls(
            rows=header["history_line_count"],
            last_step=header["last_step"],
            counts={key: count for key, count in counts.items() if count is not None},
            live=header["state"] in LIVE_STATES,
        )


@dataclass(slots=True)
class Tally:
    """Counts what was read, piece by piece; pieces share no step.

    Args:
        rows: Number of rows.
        last_step: Last step; none without rows.
        counts: Number of values per key.
    """

    rows: int = 0
    last_step: int | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, piece: pa.Table) -> None:
        """Counts one more piece of the history."""
        if piece.num_rows == 0:
            return
        steps = piece["step"]
        self.rows += count_rows(piece)
        last = pc.max(steps).as_py()
        self.last_step = last if self.last_step is None else max(last, self.last_step)
        for key, start, stop in key_runs(piece):
            self.counts[key] += stop - start

    def against(self, promise: Promise) -> list[str]:
        """Lists how the rows differ from the promise; an empty list is a verified run."""
        found = [
            _differs("rows", self.rows, promise.rows, live=promise.live),
            self._last_step_differs(promise),
        ]
        for key, count in promise.counts.items():
            held = self.counts.get(key)
            if held == count or (held is None and self._is_nested(key)):
                continue
            # The SDK counts its own bookkeeping keys differently from server to server.
            if not key.startswith("_"):
                what = f"values of {key!r}"
                found.append(_differs(what, self.counts[key], count, live=promise.live))
        return [each for each in found if each]

    def _last_step_differs(self, promise: Promise) -> str:
        if promise.last_step is None or promise.last_step < 0 or promise.rows == 0:
            return ""
        last = -1 if self.last_step is None else self.last_step
        return _differs("last step", last, promise.last_step, live=promise.live)

    def _is_nested(self, key: str) -> bool:
        """Whether a dotted key is a member of a dict that is stored as one value."""
        parts = key.split(".")
        return any(".".join(parts[:end]) in self.counts for end in range(1, len(parts)))


def _differs(what: str, got: int, promised: int | None, *, live: bool) -> str:
    if promised is None or got == promised or (live and got > promised):
        return ""
    return f"{what}: {got:,} instead of {promised:,}"
