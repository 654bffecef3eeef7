"""Reads the frames of a `.wandb` file: records in blocks of 32 KiB, each piece with a checksum."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["BLOCK", "HEADER", "Loss", "RecordLog"]

#: The file's own header; it counts as the beginning of the first block.
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32 * 1024

_PIECE = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
#: The checksum covers the kind of a piece before its bytes.
_SEEDS = {kind: zlib.crc32(bytes([kind])) for kind in (_FULL, _FIRST, _MIDDLE, _LAST)}


@dataclass(frozen=True, slots=True)
class Loss:
    """Bytes of a file from which no record could be read.

    Args:
        start: Where they begin.
        stop: Where the next good record begins, or the file ends.
        reason: What is wrong there.
    """

    start: int
    stop: int
    reason: str

    def __str__(self) -> str:
        return f"{self.stop - self.start:,} bytes from byte {self.start:,} on: {self.reason}"


class RecordLog:
    """The records of one file, in order; what is damaged is left out and noted.

    After a bad checksum nothing in the block can be trusted, not even where the next piece
    begins, so reading goes on with the next block.

    Args:
        file: The file, at its beginning.

    Attributes:
        holes: What was lost between records, once all are read.
        tail: What was lost after the last record, as when the writer was killed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.holes: list[Loss] = []
        self.tail: Loss | None = None
        self._file = file
        self._parts: list[bytes] = []
        self._begun = 0
        self._lost: tuple[int, str] | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Read the records.

        Raises:
            IntegrityError: The file is none of W&B's, or of a newer version.
        """
        offset = 0
        while block := self._file.read(BLOCK):
            if offset == 0:
                _check_header(block)
            yield from self._records(block, offset)
            offset += len(block)
        if self._parts:
            self._lose(self._begun, "the file ends in the middle of a record")
        if self._lost is not None:
            start, reason = self._lost
            self.tail = Loss(start, offset, reason)

    def _records(self, block: bytes, offset: int) -> Iterator[bytes]:
        at = len(HEADER) if offset == 0 else 0
        while len(block) - at >= _PIECE.size:
            crc, length, kind = _PIECE.unpack_from(block, at)
            stop = at + _PIECE.size + length
            if stop > len(block) < BLOCK:
                break
            data = block[at + _PIECE.size : stop]
            if kind not in _SEEDS or zlib.crc32(data, _SEEDS[kind]) != crc:
                zeros = not any(block[at:])
                self._drop(offset + at, "only zeros" if zeros else "the checksum does not match")
                return
            record = self._join(kind, data, offset + at)
            if record is not None:
                yield record
            at = stop
        if len(block) < BLOCK and at < len(block):
            # A writer pads only where a block ends: here it was stopped.
            self._drop(offset + at, "the file ends in the middle of a record")

    def _join(self, kind: int, data: bytes, place: int) -> bytes | None:
        """Take in one piece; return the record that it completes."""
        begins = kind in (_FULL, _FIRST)
        if begins and self._parts:
            self._drop(self._begun, "a record that was never finished")
        if not begins and not self._parts:
            self._lose(place, "a record without its beginning")
            return None
        if begins:
            self._begun = place
        if kind in (_FIRST, _MIDDLE):
            self._parts.append(data)
            return None
        record = b"".join([*self._parts, data]) if self._parts else data
        self._parts.clear()
        if self._lost is not None:
            self.holes.append(Loss(self._lost[0], self._begun, self._lost[1]))
            self._lost = None
        return record

    def _drop(self, place: int, reason: str) -> None:
        """Give up the record that was begun, too."""
        self._lose(self._begun if self._parts else place, reason)
        self._parts.clear()

    def _lose(self, start: int, reason: str) -> None:
        if self._lost is None:
            self._lost = start, reason


def _check_header(block: bytes) -> None:
    head = block[: len(HEADER)]
    if head[:-1] == HEADER[:-1] and head != HEADER:
        raise IntegrityError(f"of version {head[-1]}, which is newer than this wbexport; update it")
    if head != HEADER:
        raise IntegrityError("not a W&B run file: its first bytes are not those of one")
