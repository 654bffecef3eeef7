"""The frames of a run file: whole, cut anywhere, and damaged."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import IntegrityError
from wbexport.ingest.frames import BLOCK, HEADER, RecordLog

#: Sizes around the ends of blocks, where a piece or its head does not fit any more.
SIZES = st.one_of(
    st.integers(0, 60),
    st.integers(BLOCK - 30, BLOCK + 30),
    st.integers(2 * BLOCK - 40, 2 * BLOCK + 40),
)


def write_log(records: list[bytes]) -> bytes:
    """Frame records as the format says, and as the SDK does."""
    out = bytearray(HEADER)
    for record in records:
        first, rest = True, record
        while True:
            room = BLOCK - len(out) % BLOCK
            if room < 7:
                out += bytes(room)
                room = BLOCK
            piece, rest = rest[: room - 7], rest[room - 7 :]
            number = {(True, True): 2, (True, False): 1, (False, True): 3, (False, False): 4}[
                first, bool(rest)
            ]
            crc = zlib.crc32(bytes([number]) + piece)
            out += struct.pack("<IHB", crc, len(piece), number) + piece
            first = False
            if not rest:
                break
    return bytes(out)


def read(data: bytes) -> tuple[list[bytes], RecordLog]:
    log = RecordLog(io.BytesIO(data))
    return list(log), log


def records_of(sizes: list[int]) -> list[bytes]:
    return [random.Random(size).randbytes(size) for size in sizes]


@given(st.lists(SIZES, max_size=12))
def test_records_of_any_size_are_read_back(sizes: list[int]) -> None:
    records = records_of(sizes)
    found, log = read(write_log(records))
    assert found == records
    assert (log.holes, log.tail) == ([], None)


@given(st.lists(SIZES, min_size=1, max_size=6))
def test_a_file_cut_anywhere_gives_its_whole_records_and_tells_what_is_lost(
    sizes: list[int],
) -> None:
    records = records_of(sizes)
    data = write_log(records)
    ends = [len(write_log(records[:count])) for count in range(len(records) + 1)]
    for part in range(65):
        cut = max(len(HEADER), len(data) * part // 64)
        found, log = read(data[:cut])
        whole = max(count for count, end in enumerate(ends) if end <= cut)
        assert found == records[:whole]
        assert log.holes == []
        # The few zeros that fill a block are no loss.
        padding = cut - ends[whole] < 7 and not any(data[ends[whole] : cut])
        assert padding or (log.tail is not None) == (cut > ends[whole])
        if log.tail is not None:
            assert (log.tail.start >= ends[whole], log.tail.stop) == (True, cut)


@given(st.lists(SIZES, min_size=2, max_size=6), st.data())
def test_a_flipped_bit_loses_one_block_and_never_goes_unseen(
    sizes: list[int], data: st.DataObject
) -> None:
    records = records_of(sizes)
    good = write_log(records)
    place = data.draw(st.integers(len(HEADER), len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= 1 << data.draw(st.integers(0, 7))
    found, log = read(bytes(bad))
    assert set(found) <= set(records)
    if found != records:
        lost = [*log.holes, *([log.tail] if log.tail else [])]
        assert any(loss.start <= place < loss.stop for loss in lost)


def test_reading_goes_on_after_a_damaged_block() -> None:
    records = [bytes([number]) * 10_000 for number in range(20)]
    bad = bytearray(write_log(records))
    bad[BLOCK + 15_000] ^= 1
    found, log = read(bytes(bad))
    assert found[0] == records[0]
    assert found[-1] == records[-1]
    assert len(records) - 5 <= len(found) < len(records)
    assert [loss.reason for loss in log.holes] == ["the checksum does not match"]
    assert log.tail is None


def test_zeros_at_the_end_are_a_tail_that_was_never_written() -> None:
    found, log = read(write_log([b"one"]) + bytes(5_000))
    assert found == [b"one"]
    assert str(log.tail) == "5,000 bytes from byte 17 on: only zeros"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a run", "not a W&B run file"),
        (HEADER[:4], "not a W&B run file"),
        (HEADER[:-1] + b"\x01", "of version 1"),
    ],
)
def test_another_file_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(IntegrityError, match=words):
        read(data)


def test_an_empty_file_holds_nothing() -> None:
    assert read(b"")[0] == []
