"""Turns received bytes into content, and notices when they are cut, damaged or far too many.

httpx decodes a gzip body that was cut in the middle without a word; therefore decoding is done
here, and a body counts only when its trailer was seen.
"""

from __future__ import annotations

import html
import json
import re
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from wbexport.garbage import collector_paused

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_JSON", "BodyError", "Decoder", "parse_object", "too_large", "web_page_title"]

MAX_JSON = 256 << 20
"""Bytes of a JSON answer, as sent and as decoded."""

_RATIO_FREE = 16 << 20
_MAX_RATIO = 250
_PIECE = 1 << 20
_MAX_DIGITS = 4000

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body)", re.IGNORECASE)


class BodyError(Exception):
    """A body that is cut, damaged, too large or coded in a way that was not asked for.

    Args:
        detail: What is wrong, in words.
        final: Whether it would be the same again.
    """

    def __init__(self, detail: str, *, final: bool = False) -> None:
        super().__init__(detail)
        self.final = final


class Decoder:
    """Undoes the content coding of a body piece by piece, within limits.

    Args:
        coding: The `Content-Encoding` of the answer.
        limit: Decoded bytes at most; None for a body that is streamed to disk.
    """

    def __init__(self, coding: str, *, limit: int | None = None) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise BodyError(
                f"the body is coded as {coding[:40]!r}, which was not asked for", final=True
            )
        self.is_coded = coding.endswith("gzip")
        self._gzip = zlib.decompressobj(wbits=31) if self.is_coded else None
        self._limit = limit
        self._taken = 0
        self._given = 0
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode the next bytes."""
        self._taken += len(data)
        if self._limit is not None and self._taken > self._limit:
            raise too_large(self._limit)
        if self._gzip is None:
            self._count(len(data))
            yield data
            return
        while data:
            if self._gzip.eof:
                self._gzip = zlib.decompressobj(wbits=31)
            self._begun = True
            try:
                piece = self._gzip.decompress(data, _PIECE)
            except zlib.error:
                raise BodyError("the gzip body is damaged") from None
            self._count(len(piece))
            yield piece
            data = self._gzip.unconsumed_tail or self._gzip.unused_data

    def finish(self) -> None:
        """Declare the end of the body."""
        if self._gzip is not None and not (self._begun and self._gzip.eof):
            raise BodyError("the gzip body is cut")

    def _count(self, size: int) -> None:
        self._given += size
        if self._limit is not None and self._given > self._limit:
            raise too_large(self._limit)
        if self._given > max(_RATIO_FREE, _MAX_RATIO * self._taken):
            raise BodyError(f"the gzip body grows more than {_MAX_RATIO}-fold", final=True)


def too_large(limit: int) -> BodyError:
    """Describe a body that is larger than it may be."""
    return BodyError(f"the body is larger than {limit:,} bytes", final=True)


def parse_object(body: bytes | bytearray) -> dict[str, Any]:
    """Parse a JSON object to its very end."""
    if _PAGE.match(body[:200]):
        raise BodyError(f"a web page{web_page_title(body)} in place of JSON", final=True)
    try:
        content = _parse(body)
    except (ValueError, RecursionError):
        raise BodyError("the JSON body is empty, cut or damaged") from None
    if not isinstance(content, dict):
        raise BodyError("a JSON answer that is not an object", final=True)
    return content


def _parse(body: bytes | bytearray) -> Any:
    """Parse fast, or else with the parser that knows NaN, lone surrogates and endless integers."""
    try:
        with collector_paused():
            return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body, parse_int=_parse_integer)


def _parse_integer(digits: str) -> int | str:
    # Python refuses to convert longer ones; their digits are kept as text.
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def web_page_title(body: bytes | bytearray) -> str:
    """Quote the title of a web page, shortened, with a blank before it; empty without one."""
    match = _TITLE.search(body[: 64 << 10])
    title = " ".join(html.unescape(match[1].decode("utf-8", "replace")).split()) if match else ""
    return f' "{title[:80]}"' if title else ""
