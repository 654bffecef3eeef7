"""The frame of event files: records of a length, some bytes, and checksums of both."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["checked_length", "iter_records", "masked_crc"]

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_MAX_RECORD = 1 << 31


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """Return the CRC-32C of some bytes as the format keeps it: rotated, and moved by a constant."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def checked_length(path: Path) -> int:
    """Check every record of a file.

    Args:
        path: The file.

    Returns:
        How many bytes of it are whole records. A writer that still runs, or was killed, leaves
        the last one unfinished.

    Raises:
        IntegrityError: A record's bytes do not fit its checksum.
    """
    whole = 0
    with path.open("rb") as source:
        while (found := _next_record(source)) is not None:
            data, crc = found
            if masked_crc(data) != crc:
                raise _damaged(path, whole)
            whole = source.tell()
    return whole


def iter_records(path: Path, length: int) -> Iterator[bytes]:
    """Yield the records of a file.

    Args:
        path: The file.
        length: Where to stop; what `checked_length` returned.

    Yields:
        The bytes of each.
    """
    with path.open("rb") as source:
        while source.tell() < length and (found := _next_record(source)) is not None:
            yield found[0]


def _next_record(source: BinaryIO) -> tuple[bytes, int] | None:
    """Read bytes and checksum of a record; None when the file ends before its end."""
    start = source.tell()
    header = source.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, crc = _HEADER.unpack(header)
    # A wrong length must not read as an unfinished file.
    if length > _MAX_RECORD or masked_crc(header[:8]) != crc:
        raise _damaged(source.name, start)
    data, footer = source.read(length), source.read(_FOOTER.size)
    return (data, *_FOOTER.unpack(footer)) if len(footer) == _FOOTER.size else None


def _damaged(path: object, position: int) -> IntegrityError:
    return IntegrityError(
        f"{path} is damaged, or is no event file: the record at byte {position} does not fit its "
        "checksum."
    )
