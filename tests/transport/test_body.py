"""Bodies that are cut, damaged, far too large, or stranger than JSON allows."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import tracemalloc
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.transport.body import BodyError, Decoder, parse_object, web_page_title

TEXT = json.dumps({"rows": list(range(2000))}).encode()
ZIPPED = gzip.compress(TEXT, mtime=0)


def decode(data: bytes, *, step: int = 1 << 16, limit: int | None = None) -> bytes:
    decoder = Decoder("gzip", limit=limit)
    parts = [data[start : start + step] for start in range(0, len(data), step)]
    decoded = b"".join(piece for part in parts for piece in decoder.feed(part))
    decoder.finish()
    return decoded


@pytest.mark.parametrize("sixty_fourth", range(64))
@pytest.mark.parametrize("step", [1, 1 << 16])
def test_a_cut_gzip_body_is_an_error(sixty_fourth: int, step: int) -> None:
    with pytest.raises(BodyError, match="cut"):
        decode(ZIPPED[: len(ZIPPED) * sixty_fourth // 64], step=step)


@given(st.lists(st.binary(max_size=500), min_size=1, max_size=5), st.integers(1, 300))
def test_all_members_of_a_gzip_body_count(members: list[bytes], step: int) -> None:
    body = b"".join(map(gzip.compress, members))
    assert decode(body, step=step) == b"".join(members)
    with pytest.raises(BodyError):
        decode(body[:-1], step=step)


@given(st.integers(10, len(ZIPPED) - 1), st.integers(1, 255))
def test_a_damaged_gzip_body_is_an_error_or_unharmed(place: int, change: int) -> None:
    damaged = bytearray(ZIPPED)
    damaged[place] ^= change
    with contextlib.suppress(BodyError):
        assert decode(bytes(damaged)) == TEXT


def test_bytes_after_a_gzip_body_are_an_error() -> None:
    with pytest.raises(BodyError, match="damaged"):
        decode(ZIPPED + b"more")


@pytest.mark.parametrize("megabytes", [64, 1024])
def test_a_bomb_is_refused_before_it_fills_the_memory(megabytes: int) -> None:
    bomb = gzip.compress(bytes(1 << 20), mtime=0) * megabytes
    tracemalloc.start()
    with pytest.raises(BodyError, match="-fold"):
        deque(Decoder("gzip").feed(bomb), maxlen=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


@pytest.mark.parametrize("coding", ["gzip", ""])
def test_a_limit_holds_for_every_coding(coding: str) -> None:
    body = ZIPPED if coding else TEXT
    with pytest.raises(BodyError, match="larger than 1,000 bytes"):
        list(Decoder(coding, limit=1000).feed(body))


def test_endless_empty_members_reach_the_limit_too() -> None:
    with pytest.raises(BodyError, match="larger"):
        decode(gzip.compress(b"", mtime=0) * 1000, limit=1000)


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_a_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(BodyError, match="not asked for"):
        Decoder(coding)


@given(st.integers(0, len(TEXT) - 1))
def test_a_cut_json_body_is_an_error(length: int) -> None:
    with pytest.raises(BodyError):
        parse_object(TEXT[:length])


def test_values_that_json_does_not_know_are_kept() -> None:
    found = parse_object(b'{"a": NaN, "b": -Infinity, "c": 1e400, "d": "\\ud800", "e": "\\u0000"}')
    assert math.isnan(found.pop("a"))
    assert found == {"b": -math.inf, "c": math.inf, "d": "\ud800", "e": "\0"}


def test_the_last_of_equal_names_wins_with_either_parser() -> None:
    assert parse_object(b'{"a": 1, "a": 2}') == {"a": 2}
    assert parse_object(b'{"a": 1, "a": 2, "b": Infinity}')["a"] == 2


def test_an_endless_integer_is_kept_as_text() -> None:
    digits = "9" * 5000
    assert parse_object(f'{{"a": {digits}, "b": NaN}}'.encode())["a"] == digits


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_endless_nesting_is_an_error(opening: bytes) -> None:
    with pytest.raises(BodyError):
        parse_object(b'{"x":' + opening * 200_000)


@given(st.binary(max_size=300))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    with contextlib.suppress(BodyError):
        assert isinstance(parse_object(body), dict)
    assert len(web_page_title(body)) < 90
