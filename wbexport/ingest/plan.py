"""Decides what of a run's files is to be read into a store; no I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from wbexport.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wbexport.ingest.report import Action

__all__ = ["Known", "Part", "decode_parts", "encode_parts", "plan_run"]

_LIVE = frozenset({"running", "preempting"})


@dataclass(frozen=True, slots=True)
class Part:
    """What was read of one file of a run.

    Args:
        size: How large it was.
        rows: Number of history rows.
        events: Number of rows of machine metrics.
        lines: Number of console lines.
        shift: What was added to its steps, so that they go on where the run stood.
        holes: What was lost in it.
    """

    size: int
    rows: int = 0
    events: int = 0
    lines: int = 0
    shift: int = 0
    holes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a store has of a run.

    Args:
        row: Its columns.
        parts: The files it was read from, the first process first; none if it came from a
            server, or was logged through one.
    """

    row: Mapping[str, Any]
    parts: Mapping[str, Part] = field(default_factory=dict)


def encode_parts(parts: Mapping[str, Part]) -> str:
    """Write what was read, to be kept as the run's fingerprint."""
    return orjson.dumps({"parts": {name: asdict(part) for name, part in parts.items()}}).decode()


def decode_parts(text: str | None) -> dict[str, Part]:
    """Read what `encode_parts` wrote; the fingerprint of a sync names no files."""
    found = orjson.loads(text or "null")
    parts = found.get("parts", {}) if isinstance(found, dict) else {}
    return {name: Part(**part | {"holes": tuple(part["holes"])}) for name, part in parts.items()}


def plan_run(
    known: Known | None, sizes: Mapping[str, int], count_rows: Callable[[], int]
) -> Action:
    """Compare the files of a run with what is stored of it.

    What a server sent, or a client logged through `wbexport serve`, stays as it is while it has
    at least as many rows as the files; with fewer rows it was cut short, and the files win.

    Args:
        known: What the store has, if anything.
        sizes: File to its size, the first process first.
        count_rows: Counts the history rows in the files, at the price of reading them.

    Returns:
        The action.

    Raises:
        ConflictError: A file has changed that was read before others, which are not here.
    """
    if known is None:
        return "new"
    if not known.parts:
        return "superseded" if count_rows() <= known.row["stored_rows"] else "rewritten"
    parts = known.parts
    changed = [name for name in parts if name in sizes and parts[name].size != sizes[name]]
    fresh = [name for name in sizes if name not in parts]
    if not changed and not fresh:
        return "grew" if known.row["state"] in _LIVE else "unchanged"
    if _only_grew(parts, sizes, changed, fresh):
        return "grew"
    if not parts.keys() <= sizes.keys():
        absent = ", ".join(sorted(parts.keys() - sizes.keys()))
        raise ConflictError(
            f"{(changed + fresh)[0]} does not continue what is stored of the run; to read it anew, "
            f"put {absent} beside it"
        )
    return "rewritten"


def _only_grew(
    parts: Mapping[str, Part],
    sizes: Mapping[str, int],
    changed: Sequence[str],
    fresh: Sequence[str],
) -> bool:
    last = list(parts)[-1]
    if any(name != last or parts[name].size > sizes[name] for name in changed):
        return False
    if any(parts[name].holes for name in changed):
        return False
    return not fresh or list(sizes)[-len(fresh) :] == list(fresh)
