"""One file or part of a file, across as many attempts as it takes, verified at the end."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import httpx

from wbexport.errors import IntegrityError
from wbexport.transport.failures import shown_url
from wbexport.transport.retry import AttemptError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.transport.wire import Answer, Wire

__all__ = ["Downloaded", "Expect", "Part", "Transfer"]

_MAX_REFRESHES = 3

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Expect:
    """What a whole file is known to be.

    Args:
        size: Its length in bytes.
        md5: Its MD5, in hexadecimal or base64.
    """

    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was received.

    Args:
        size: Bytes written.
        etag: What the server called this state of the file, if it did.
    """

    size: int
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file.

    Args:
        content: The bytes.
        total: How many the whole file has, if the server said so.
        etag: What the server called this state of the file, if it did.
    """

    content: bytes
    total: int | None
    etag: str | None


class Transfer:
    """Fetches one file into a sink.

    A broken attempt is taken up where it stopped when the server can prove that the file is still
    the same (strong ETag), or when a checksum will show it at the end; otherwise from the start.

    Args:
        wire: Sends the requests.
        url: Where the file is.
        sink: Takes the bytes from its current position on; must be able to seek and truncate.
        expect: What the whole file is known to be.
        window: First byte and the byte after the last one, to fetch a part only.
        refresh: Gives a new URL when the signed one has expired.
        limit: Most bytes to take.
    """

    _total: int | None
    _etag: str | None

    def __init__(
        self,
        wire: Wire,
        url: httpx.URL,
        sink: BinaryIO,
        *,
        expect: Expect,
        window: tuple[int, int] | None = None,
        refresh: Callable[[], str] | None = None,
        limit: int | None = None,
    ) -> None:
        self.url = url
        self._wire = wire
        self._sink = sink
        self._start = sink.tell()
        self._expect = expect
        self._window = window
        self._refresh = refresh
        self._limit = limit
        self._refreshes = 0
        self.etag: str | None = None
        self._mismatched = False
        self.position = 0
        sink.truncate()
        self._restart()

    @property
    def total(self) -> int | None:
        """The length of the whole file, when it is known."""
        return self._total

    def attempt(self) -> None:
        """Make one attempt to fetch what is still missing."""
        while True:
            with self._wire.open("GET", self.url, headers=self._headers()) as answer:
                if not self._has_expired(answer):
                    self._receive(answer)
                    return self._verify()
            self._refreshes += 1
            self.url = httpx.URL(self._refresh()) if self._refresh else self.url

    def _has_expired(self, answer: Answer) -> bool:
        may_refresh = self._refresh is not None and self._refreshes < _MAX_REFRESHES
        return may_refresh and answer.status in (400, 403)

    def _headers(self) -> dict[str, str]:
        if self.position and not (self._etag or self._expect.md5):
            self._restart()
        headers = {"Accept-Encoding": "identity"}
        first, stop = self._window or (0, None)
        if self._window or self.position:
            last = "" if stop is None else stop - 1
            headers["Range"] = f"bytes={first + self.position}-{last}"
        if self.position and self._etag:
            headers["If-Range"] = self._etag
        return headers

    def _receive(self, answer: Answer) -> None:
        """Write what the answer brings to its place in the sink."""
        skip = 0
        if answer.status == 206:
            self._check_range(answer)
        elif answer.status == 200:
            # The whole file, asked for or not: begin again, and leave out what is not wanted.
            self._restart()
            skip = self._window[0] if self._window else 0
            length = answer.headers.get("Content-Length", "")
            if length.isdecimal() and not answer.headers.get("Content-Encoding"):
                self._learn_total(int(length))
        else:
            if answer.status == 416:
                self._restart()
            raise AttemptError(answer.status_failure(answer.read_refusal()))
        etag = answer.headers.get("ETag", "")
        self.etag = etag or None
        self._etag = etag if etag.startswith('"') else None
        self._write(answer, skip)
        if (wanted := self._wanted()) is not None and self.position < wanted:
            raise AttemptError(Failure("transport", "the file was cut"))

    def _write(self, answer: Answer, skip: int) -> None:
        wanted = self._wanted()
        for piece in answer.pieces(limit=self._limit):
            data = piece[skip:]
            skip = max(0, skip - len(piece))
            if self._window and wanted is not None:
                data = data[: wanted - self.position]
            self._sink.write(data)
            if self._expect.md5:
                self._md5.update(data)
            self.position += len(data)
            if self._expect.size is not None and self.position > self._expect.size:
                self._mismatch(f"more than {self._expect.size:,} bytes")
            if self._window and self.position == wanted:
                return

    def _check_range(self, answer: Answer) -> None:
        match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        first = self._window[0] if self._window else 0
        changed = self.position > 0 and self._etag not in (None, answer.headers.get("ETag"))
        coded = answer.headers.get("Content-Encoding", "identity") != "identity"
        if match is None or int(match[1]) != first + self.position or changed or coded:
            self._restart()
            raise AttemptError(Failure("body", "the server sent another part than asked for"))
        if match[3] != "*":
            self._learn_total(int(match[3]))

    def _learn_total(self, total: int) -> None:
        if self._expect.size is None:
            self._total = total
        elif total != self._expect.size:
            self._mismatch(f"{total:,} bytes, not {self._expect.size:,}")

    def _wanted(self) -> int | None:
        """Say how many bytes the sink should get, when that is known."""
        if self._window is None:
            return self._total
        first, stop = self._window
        return max(0, (stop if self._total is None else min(stop, self._total)) - first)

    def _verify(self) -> None:
        if self._window is not None:
            return
        if self._expect.size not in (None, self.position):
            self._mismatch(f"{self.position:,} bytes, not {self._expect.size:,}")
        if self._expect.md5:
            digest = self._md5.digest()
            if self._expect.md5 not in (digest.hex(), base64.b64encode(digest).decode()):
                self._mismatch("content whose MD5 is not the announced one")

    def _mismatch(self, what: str) -> None:
        """Ask for the file once more before believing that it is damaged."""
        self._restart()
        if self._mismatched:
            raise IntegrityError(f"GET {shown_url(self.url)} gave {what}, twice. Nothing was kept.")
        self._mismatched = True
        raise AttemptError(Failure("body", f"the file has {what}"))

    def _restart(self) -> None:
        if self.position:
            self._sink.seek(self._start)
            self._sink.truncate()
        self.position = 0
        self._total = self._expect.size
        self._etag = None
        self._md5 = hashlib.md5(usedforsecurity=False)
