"""Records of event files: whole ones are read, damaged ones are errors, unfinished ones end."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX import SummaryWriter
from tensorboardX.record_writer import masked_crc32c

from wbexport.errors import IntegrityError
from wbexport.tensorboard.records import checked_length, iter_records, masked_crc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(5):
            writer.add_scalar("loss", step, step)
    (path,) = tmp_path.iterdir()
    return path


@given(st.binary(max_size=300))
def test_checksums_are_those_that_writers_make(data: bytes) -> None:
    assert masked_crc(data) == masked_crc32c(data)


def test_the_checksum_of_known_bytes_is_the_known_one() -> None:
    plain = 0xE3069283
    assert masked_crc(b"123456789") == ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_every_record_of_a_whole_file_is_read(file: Path) -> None:
    length = checked_length(file)
    assert length == file.stat().st_size
    assert len(list(iter_records(file, length))) == 6


@pytest.mark.parametrize("cut", [1, 4, 5, 10, 20, 30])
def test_an_unfinished_record_is_left_out(file: Path, cut: int) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    length = checked_length(file)
    assert whole.startswith(file.read_bytes()[:length])
    assert len(list(iter_records(file, length))) == 5


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert (checked_length(path), list(iter_records(path, 0))) == (0, [])


@given(position=st.integers(0, 200), bit=st.integers(0, 7))
def test_any_changed_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("bits") / "file"
    data = b"some bytes of a record that is not short" * 5
    header = struct.pack("<Q", len(data))
    frame = bytearray(
        header
        + struct.pack("<I", masked_crc32c(header))
        + data
        + struct.pack("<I", masked_crc32c(data))
    )
    path.write_bytes(frame)
    assert list(iter_records(path, checked_length(path))) == [data]
    frame[position] ^= 1 << bit
    path.write_bytes(frame)
    with pytest.raises(IntegrityError, match="byte 0"):
        checked_length(path)


def test_what_is_no_event_file_is_damaged_and_not_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("this is a text and no event file at all")
    with pytest.raises(IntegrityError, match="no event file"):
        checked_length(path)
