"""Reads one event: when it was written, its step, and the values it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wbexport.tensorboard.protobuf import doubles, iter_fields, signed
from wbexport.tensorboard.tensors import read_tensor, short_float

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Event", "histogram", "parse_event"]

_MAX_BINS = 512
#: Writers close their last bucket with the largest number there is.
_BEYOND = 1e308


@dataclass
class Event:
    """What one record says.

    Attributes:
        wall_time: When it was written, in seconds since 1970.
        step: The step its writer named.
        values: Tag to number, text or histogram.
        skipped: Kinds of values that a history cannot hold, such as `image`.
    """

    wall_time: float = 0.0
    step: int = 0
    values: list[tuple[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def parse_event(record: bytes) -> Event:
    """Read a record of an event file.

    Raises:
        IntegrityError: It is no event.
    """
    event = Event()
    for number, value in iter_fields(record):
        if number == 1 and isinstance(value, bytes):
            (event.wall_time,) = doubles(value)
        elif number == 2 and isinstance(value, int):
            event.step = signed(value)
        elif number == 5 and isinstance(value, bytes):
            _read_summary(event, value)
    return event


def histogram(counts: Sequence[float], edges: Sequence[float]) -> dict[str, Any]:
    """Write a histogram as W&B logs them, with at most 512 bins.

    Args:
        counts: How many values each bin holds.
        edges: Where the bins begin, and where the last one ends.

    Returns:
        The object.
    """
    while len(counts) > _MAX_BINS:
        counts = [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]
        edges = [*edges[:-1:2], edges[-1]]
    return {"_type": "histogram", "values": list(counts), "bins": list(edges)}


def _read_summary(event: Event, summary: bytes) -> None:
    for number, value in iter_fields(summary):
        if number == 1 and isinstance(value, bytes):
            _read_value(event, dict(iter_fields(value)))


def _read_value(event: Event, fields: dict[int, Any]) -> None:
    tag = fields.get(1, b"").decode("utf-8", "replace")
    plugin = _plugin(fields.get(9, b""))
    if 2 in fields:
        event.values.append((tag, short_float(fields[2])))
    elif 5 in fields:
        event.values.append((tag, _old_histogram(fields[5])))
    elif 8 in fields:
        found = _tensor_value(fields[8], plugin)
        if found is None:
            event.skipped.append(plugin or "tensor")
        else:
            event.values.append((tag, found))
    elif 4 in fields or 6 in fields:
        event.skipped.append("image" if 4 in fields else "audio")
    elif plugin:
        event.skipped.append(plugin)


def _plugin(metadata: bytes) -> str:
    data = dict(iter_fields(metadata)).get(1, b"")
    name = dict(iter_fields(data)).get(1, b"") if isinstance(data, bytes) else b""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else ""


def _tensor_value(message: bytes, plugin: str) -> Any:
    """Return a number, a text or a histogram; None for a tensor that is something else."""
    tensor = read_tensor(message)
    if tensor is None:
        return None
    if plugin == "histograms" and len(tensor.shape) == 2 and tensor.shape[1] == 3:
        rows = [tensor.values[i : i + 3] for i in range(0, len(tensor.values), 3)]
        edges = [*(row[0] for row in rows[:1]), *(row[1] for row in rows)]
        return histogram([row[2] for row in rows], edges) if rows else None
    if plugin in ("", "scalars", "text") and len(tensor.values) == 1:
        return tensor.values[0]
    return None


def _old_histogram(message: bytes) -> dict[str, Any]:
    least, most = 0.0, 0.0
    limits: list[float] = []
    counts: list[float] = []
    for number, value in iter_fields(message):
        if number in (1, 2):
            (found,) = doubles(value)
            least, most = (found, most) if number == 1 else (least, found)
        elif number == 6:
            limits += doubles(value)
        elif number == 7:
            counts += doubles(value)
    if counts and counts[0] == 0:
        # An empty first bucket only says where the second begins.
        edges, counts = limits, counts[1:]
    else:
        edges = [min([least, *limits[:1]]), *limits]
    if edges and edges[-1] > _BEYOND:
        edges = [*edges[:-1], max([most, *edges[-2:-1]])]
    return histogram(counts, edges)
