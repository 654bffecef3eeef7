"""Reads protobuf's wire format: field numbers and raw values, without generated code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Value",
    "fields",
    "read_nanoseconds",
    "read_signed",
    "read_text",
    "read_time",
    "to_time",
]

#: An unsigned integer, or the bytes of a string, a nested message or a fixed number.
Value = int | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def fields(data: Value) -> Iterator[tuple[int, Value]]:
    """Read the fields of one message, in the order they were written.

    Args:
        data: The message.

    Returns:
        Pairs of field number and value.

    Raises:
        IntegrityError: The bytes are no message.
    """
    if not isinstance(data, bytes):
        raise IntegrityError("a record holds a number where a message belongs")
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


def read_text(value: Value) -> str:
    """Read a string; what is no UTF-8 becomes U+FFFD."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_signed(value: Value) -> int:
    """Read an `int64` or `int32`, whose negative numbers are written as if unsigned."""
    if not isinstance(value, int):
        raise IntegrityError("a record holds bytes where a number belongs")
    return value - (1 << 64) if value >> 63 else value


def read_nanoseconds(value: Value) -> int:
    """Read a timestamp, as nanoseconds since 1970."""
    parts = {number: read_signed(part) for number, part in fields(value)}
    return parts.get(1, 0) * 1_000_000_000 + parts.get(2, 0)


def read_time(value: Value) -> datetime:
    """Read a timestamp, in UTC and without a zone."""
    return to_time(read_nanoseconds(value))


def to_time(nanoseconds: int) -> datetime:
    """Give the moment so long after 1970, in UTC and without a zone."""
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise IntegrityError("a record is of a time that no calendar has") from None
    return moment.replace(tzinfo=None)
