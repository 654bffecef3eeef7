"""Reads the numbers and texts of a small tensor."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbexport.errors import IntegrityError
from wbexport.tensorboard.protobuf import doubles, iter_fields, signed, varints

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Tensor", "read_tensor", "short_float"]

_STRING, _BOOL, _BFLOAT16, _HALF = 7, 10, 14, 19

#: Number of a type to the letter that `struct` has for it.
_LETTERS = {
    1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", _BOOL: "?", 17: "H", _HALF: "e",
    22: "I", 23: "Q",
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes:
        shape: Its sizes; none for a scalar.
        values: What it holds, the last index running fastest.
    """

    shape: tuple[int, ...]
    values: list[Any]


def short_float(raw: bytes) -> float:
    """Read a 32-bit number as the shortest decimal that stands for it: 0.1, not 0.1000…1."""
    value: float = struct.unpack("<f", raw)[0]
    if not math.isfinite(value):
        return value
    shorter = (float(f"{value:.{digits}g}") for digits in (6, 7, 8))
    return next((short for short in shorter if _packs_to(short, raw)), float(f"{value:.9g}"))


def read_tensor(message: bytes) -> Tensor | None:
    """Read a tensor.

    Args:
        message: The bytes of the message.

    Returns:
        The tensor; None for one of a type that is neither number nor text.

    Raises:
        IntegrityError: It holds more or fewer values than its shape says.
    """
    kind, content = 0, b""
    shape: tuple[int, ...] = ()
    values: list[Any] = []
    for number, value in iter_fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            shape = _shape(value)
        elif number == 4 and isinstance(value, bytes):
            content = value
        elif number in _VALUES:
            values += _VALUES[number](value)
    if kind != _STRING and kind != _BFLOAT16 and kind not in _LETTERS:
        return None
    if content:
        values = _unpacked(kind, content)
    elif kind in (_HALF, _BFLOAT16):
        values = _unpacked(kind, struct.pack(f"<{len(values)}H", *values))
    size = math.prod(shape)
    if len(values) == 1:
        # A single value stands for all of them.
        values = values * size
    if len(values) != size:
        raise IntegrityError(f"A tensor of {size} values holds {len(values)}.")
    return Tensor(shape, values)


def _shape(message: bytes) -> tuple[int, ...]:
    sizes = []
    for number, value in iter_fields(message):
        if number == 2 and isinstance(value, bytes):
            size = dict(iter_fields(value)).get(1, 0)
            sizes.append(signed(size) if isinstance(size, int) else 0)
    return tuple(sizes)


def _unpacked(kind: int, content: bytes) -> list[Any]:
    if kind == _BFLOAT16:
        # The upper half of a 32-bit number.
        halves = (content[i : i + 2] for i in range(0, len(content), 2))
        kind, content = 1, b"".join(b"\0\0" + half for half in halves)
    if kind == 1:
        return _floats(content)
    letter = _LETTERS.get(kind, "B")
    if len(content) % struct.calcsize(letter):
        raise IntegrityError("A tensor ends within one of its values.")
    return [value for (value,) in struct.iter_unpack(f"<{letter}", content)]


def _floats(value: int | bytes) -> list[float]:
    if isinstance(value, int) or len(value) % 4:
        raise IntegrityError("A tensor ends within one of its values.")
    return [short_float(value[i : i + 4]) for i in range(0, len(value), 4)]


def _integers(value: int | bytes) -> list[int]:
    return [signed(each) for each in varints(value)]


def _text(value: int | bytes) -> list[str]:
    return [value.decode("utf-8", "replace")] if isinstance(value, bytes) else []


def _packs_to(value: float, raw: bytes) -> bool:
    try:
        return struct.pack("<f", value) == raw
    except OverflowError:
        return False


#: Field of a tensor to the reader of the values in it.
_VALUES: dict[int, Callable[[int | bytes], list[Any]]] = {
    5: _floats,
    6: doubles,
    7: _integers,
    8: _text,
    10: _integers,
    11: lambda value: [bool(each) for each in varints(value)],
    13: varints,
    16: varints,
    17: varints,
}
