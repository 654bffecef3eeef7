"""A few columns of a remote parquet file, without the rest of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from wbexport.transport import Session

__all__ = ["RemoteFile", "open_columns"]

#: The first request: most files are not longer, and of others it holds columns as well.
_FIRST = 1 << 18
#: What is left out must be worth the requests that it takes, and what is kept must fit in memory.
_LEAST_SAVED = 1 << 20
_MOST_KEPT = 64 << 20
#: Bytes between two wanted parts that cost less than another request.
_GAP = 1 << 16


class RemoteFile(io.RawIOBase):
    """A file on a server of which parts are here; others are fetched when they are read.

    Args:
        session: What fetches.
        url: Where it is.
        refresh: Gives a new URL when the signed one has expired.

    Raises:
        ResponseError: The file changed between two requests.
    """

    def __init__(
        self, session: Session, url: str, *, refresh: Callable[[], str] | None = None
    ) -> None:
        self._session = session
        self._url = url
        self._refresh = refresh
        self._position = 0
        self._pieces: list[tuple[int, bytes]] = []
        first = session.get_part(url, 0, _FIRST, refresh=refresh)
        self._state = first.total, first.etag
        self._pieces.append((0, first.content))
        self.fetched = len(first.content)

    @property
    def size(self) -> int | None:
        """The length of the whole file; None when the server does not say."""
        return self._state[0]

    def load_rest(self) -> None:
        """Fetch all that the first request left."""
        (_, first) = self._pieces[0]
        if self.size is not None and self.size > len(first):
            self._pieces = [(0, first + self._part(len(first), self.size))]

    def load(self, parts: Iterable[tuple[int, int]]) -> None:
        """Fetch parts, given by first byte and the byte after the last, in few requests."""
        joined: list[list[int]] = []
        for start, stop in sorted(parts):
            if joined and start - joined[-1][1] <= _GAP:
                joined[-1][1] = max(stop, joined[-1][1])
            else:
                joined.append([start, stop])
        for start, stop in joined:
            self._part(start, stop)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it has positions."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position."""
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size or 0}
        self._position = bases[whence] + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Read on from the position."""
        end = self.size or 0
        stop = end if size < 0 else min(end, self._position + size)
        content = self._part(self._position, stop) if stop > self._position else b""
        self._position += len(content)
        return content

    def _part(self, start: int, stop: int) -> bytes:
        for begin, content in self._pieces:
            if begin <= start and stop <= begin + len(content):
                return content[start - begin : stop - begin]
        part = self._session.get_part(self._url, start, stop, refresh=self._refresh)
        if (part.total, part.etag) != self._state or len(part.content) != stop - start:
            raise ResponseError("A history file was replaced while it was read; try again.")
        self._pieces.append((start, part.content))
        self.fetched += len(part.content)
        return part.content


def open_columns(
    session: Session, url: str, keys: Collection[str], *, refresh: Callable[[], str] | None = None
) -> RemoteFile | None:
    """Fetch the steps and the columns of some keys of an exported file.

    Args:
        session: What fetches.
        url: Where the file is.
        keys: The keys.
        refresh: Gives a new URL when the signed one has expired.

    Returns:
        The file, with what is needed of it here; None when it is better downloaded.

    Raises:
        ResponseError: It changed meanwhile.
    """
    file = RemoteFile(session, url, refresh=refresh)
    if file.size is None:
        return None
    if file.size - file.fetched < _LEAST_SAVED:
        file.load_rest()
        return file
    try:
        metadata = pq.ParquetFile(pa.PythonFile(file, "r")).metadata
    except pa.ArrowException:
        # Whoever opens the whole of it will say what is wrong.
        return None
    parts = _parts_of(metadata, {*keys, "_step"})
    wanted = sum(stop - start for start, stop in parts)
    if wanted > _MOST_KEPT or file.size - file.fetched - wanted < _LEAST_SAVED:
        return None
    file.load(parts)
    return file


def _parts_of(metadata: pq.FileMetaData, keys: Collection[str]) -> list[tuple[int, int]]:
    parts = []
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            path = column.path_in_schema
            if any(path == key or path.startswith(f"{key}.") for key in keys):
                first = column.dictionary_page_offset
                start = column.data_page_offset if first is None else first
                parts.append((start, start + column.total_compressed_size))
    return parts
