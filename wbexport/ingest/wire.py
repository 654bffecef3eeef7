"""Reads protobuf's wire format: field numbers and raw values, without generated code."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Message", "fields", "read_double", "read_signed", "read_text"]

#: Field number to the values that were written under it, in order.
Message = dict[int, list[int | bytes]]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the fields of one message, in the order they were written.

    Args:
        data: The message.

    Returns:
        Pairs of field number and value: an unsigned integer, or the bytes of anything else.

    Raises:
        IntegrityError: The bytes are no message.
    """
    at, end = 0, len(data)
    try:
        while at < end:
            tag = data[at]
            at += 1
            if tag > 127:
                tag, at = _varint(data, at - 1)
            kind = tag & 7
            if kind == _BYTES:
                size = data[at]
                at += 1
                if size > 127:
                    size, at = _varint(data, at - 1)
            elif kind == _VARINT:
                number, at = _varint(data, at)
                yield tag >> 3, number
                continue
            else:
                size = _FIXED[kind]
            stop = at + size
            if stop > end:
                raise IndexError
            yield tag >> 3, data[at:stop]
            at = stop
    except (IndexError, KeyError):
        raise IntegrityError("a record is not a protobuf message") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise IndexError


def read_text(value: int | bytes) -> str:
    """Read a string; what is no UTF-8 becomes U+FFFD."""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_signed(value: int | bytes) -> int:
    """Read an `int64` or `int32`, whose negative numbers are written as if unsigned."""
    if not isinstance(value, int):
        raise IntegrityError("a record holds bytes where a number belongs")
    return value - (1 << 64) if value >> 63 else value


def read_double(value: int | bytes) -> float:
    """Read a `double`."""
    if not isinstance(value, bytes) or len(value) != 8:
        raise IntegrityError("a record holds something else where a double belongs")
    number: float = struct.unpack("<d", value)[0]
    return number
