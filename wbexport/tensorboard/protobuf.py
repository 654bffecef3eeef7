"""Takes protobuf messages apart into their numbered fields."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["doubles", "iter_fields", "signed", "varints"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def iter_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of every field of a message.

    Yields:
        Integers for varints, their bytes for all else.

    Raises:
        IntegrityError: The bytes are no message.
    """
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise IntegrityError(f"An event holds a field of the unknown kind {kind}.")
        if position + size > end:
            raise IntegrityError("An event ends within one of its fields.")
        yield number, message[position : position + size]
        position += size


def varints(packed: int | bytes) -> list[int]:
    """Read a repeated integer field, or the part of it that one field holds."""
    if isinstance(packed, int):
        return [packed]
    values, position = [], 0
    while position < len(packed):
        value, position = _varint(packed, position)
        values.append(value)
    return values


def doubles(packed: int | bytes, letter: str = "d") -> list[float]:
    """Read a repeated field of floating numbers, `d` or `f`."""
    if isinstance(packed, int) or len(packed) % struct.calcsize(letter):
        raise IntegrityError("An event holds a number of the wrong size.")
    return [value for (value,) in struct.iter_unpack(f"<{letter}", packed)]


def signed(value: int) -> int:
    """Read a varint as the signed number it stands for."""
    return value - (1 << 64) if value >> 63 else value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 70:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    raise IntegrityError("An event ends within a number, or holds one of more than 64 bits.")
