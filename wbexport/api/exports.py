"""A run's exported history files, read as one step-ordered stream of `LONG` tables."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wbexport.api.ranges import open_columns
from wbexport.arrow.exported import columns_to_long
from wbexport.arrow.pieces import merge_long
from wbexport.arrow.schema import LONG
from wbexport.decoding import decode
from wbexport.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from wbexport.api.ranges import RemoteFile
    from wbexport.transport import Session

__all__ = ["CHUNK_VALUES", "ExportedHistory", "open_exports", "union_by_step"]

#: Values a chunk holds, about: bounds the memory of a reader, whatever the length of a run.
CHUNK_VALUES = 200_000
#: Cells that are decoded at once at most: most of them are empty where keys are many.
_CELLS = 4_000_000
#: Columns that are read at once: of many more, Arrow takes nearly twice as long for each.
_COLUMNS = 64

_STEP = "_step"
#: Of a run's files that are downloaded whole, so much is held in memory, the rest on disk.
_BYTES_IN_MEMORY = 16 << 20
_MAX_ROWS = 1_000_000_000


@dataclass(frozen=True)
class _Window:
    """Rows of one file: their steps, and their columns, in one or more blocks."""

    steps: NDArray[np.int64]
    blocks: Iterable[pa.Table]

    def to_long(self, from_step: int, to_step: int | None) -> pa.Table:
        kept = self.steps >= from_step
        if to_step is not None:
            kept &= self.steps < to_step
        return columns_to_long(self.blocks, self.steps, None if kept.all() else kept)


@dataclass(frozen=True)
class _Export:
    file: pq.ParquetFile
    #: Of the columns, the steps' own aside.
    names: list[str]
    steps: NDArray[np.int64]

    @property
    def cells(self) -> int:
        return len(self.names) * len(self.steps)

    def chosen(self, keys: Collection[str] | None) -> list[str]:
        """The columns of some keys, or all, in order."""
        return sorted(name for name in self.names if keys is None or name in keys)

    @cached_property
    def values_per_row(self) -> float:
        """How many cells of a row hold something, by the footer's null counts."""
        values = 0
        for group in map(self.file.metadata.row_group, range(self.file.num_row_groups)):
            # One after the other: thousands at once keep the garbage collector busy.
            for column in map(group.column, range(group.num_columns)):
                statistics = column.statistics
                values += column.num_values - (statistics.null_count or 0 if statistics else 0)
        return max(1.0, values / max(1, len(self.steps)))

    @property
    def window(self) -> int:
        """How many rows make a chunk."""
        if self.cells <= CHUNK_VALUES:
            return len(self.steps)
        return max(1, min(int(CHUNK_VALUES / self.values_per_row), _CELLS // len(self.names)))

    def iter_windows(self, keys: Collection[str] | None) -> Iterator[_Window]:
        """Yield the rows, a chunk at a time."""
        names, rows = self.chosen(keys), self.window
        if rows >= len(self.steps):
            yield _Window(self.steps, self._blocks(names))
            return
        start = 0
        for batch in self.file.iter_batches(
            batch_size=rows, columns=[*names, _STEP], use_threads=False
        ):
            steps = self.steps[start : start + batch.num_rows]
            yield _Window(steps, [pa.Table.from_batches([batch]).select(names)])
            start += batch.num_rows

    def _blocks(self, names: Sequence[str]) -> Iterator[pa.Table]:
        for start in range(0, len(names), _COLUMNS):
            wanted = names[start : start + _COLUMNS]
            block = self.file.read(columns=wanted, use_threads=False)
            # A name with a dot also brings the struct that has such a member.
            yield block if block.column_names == wanted else block.select(wanted)


class ExportedHistory:
    """The exported files of one run: which steps they hold, and their values in step order."""

    def __init__(self, exports: Sequence[_Export]) -> None:
        self._exports = sorted(
            (export for export in exports if len(export.steps)),
            key=lambda export: (export.steps.min(), export.steps.max()),
        )
        steps = [export.steps for export in self._exports]
        self._steps = np.concatenate(steps) if steps else np.empty(0, dtype=np.int64)

    @property
    def last_step(self) -> int | None:
        """The highest exported step."""
        return int(self._steps.max()) if len(self._steps) else None

    @property
    def rows(self) -> int:
        """How many different steps are exported."""
        return len(np.unique(self._steps)) if self._exports else 0

    def iter_long(
        self, from_step: int, to_step: int | None, *, keys: Collection[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield the values of a step range, every step in one chunk only."""
        if not self._exports:
            return
        in_order = bool((np.diff(self._steps) > 0).all())
        windows = self._stream(from_step, to_step, keys) if in_order else self._merged(keys)

        def read() -> pa.Table | None:
            parts = next(windows, None)
            if parts is None:
                return None
            longs = [_of_keys(part.to_long(from_step, to_step), keys) for part in parts]
            return reduce(merge_long, longs, LONG.empty_table())

        while (joined := decode(read)) is not None:
            if joined.num_rows:
                yield joined

    def _stream(
        self, from_step: int, to_step: int | None, keys: Collection[str] | None
    ) -> Iterator[list[_Window]]:
        """Files whose steps follow each other: chunk by chunk."""
        for export in self._exports:
            if export.steps[-1] < from_step or (to_step is not None and export.steps[0] >= to_step):
                continue
            for window in export.iter_windows(keys):
                yield [window]

    def _merged(self, keys: Collection[str] | None) -> Iterator[list[_Window]]:
        """Files that overlap or are out of order: the last file wins a step they share."""
        sizes = [len(export.steps) for export in self._exports]
        files = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.concatenate([np.arange(size) for size in sizes])
        order = np.lexsort((rows, files, self._steps))
        wins = np.append(np.diff(self._steps[order]) != 0, True)
        files, rows = files[order][wins], rows[order][wins]
        names = [export.chosen(keys) for export in self._exports]
        pairs = zip(self._exports, names, strict=True)
        tables = [e.file.read(columns=[*own, _STEP]).select(own) for e, own in pairs]
        window = min(export.window for export in self._exports)
        for start in range(0, len(rows), window):
            here, taken = files[start : start + window], rows[start : start + window]
            parts = [(file, taken[here == file]) for file in np.unique(here)]
            yield [
                _Window(self._exports[file].steps[own], [tables[file].take(pa.array(own))])
                for file, own in parts
            ]


@contextmanager
def open_exports(
    session: Session,
    urls: Sequence[str],
    *,
    name: str,
    keys: Collection[str] | None = None,
    refresh: Callable[[int], str] | None = None,
    on_bytes: Callable[[int], object] | None = None,
) -> Iterator[ExportedHistory]:
    """Download a run's exported files and open them.

    Args:
        session: What downloads.
        urls: Signed URLs, in any order.
        name: The run's path, for messages.
        keys: The keys that will be read; None for all.
        refresh: Gives a fresh URL of the file at an index once the first has expired.
        on_bytes: Told the size of each file.

    Yields:
        The files, until the context ends and their copies are removed.
    """
    with ExitStack() as stack:
        exports = []
        room = _BYTES_IN_MEMORY
        for index, url in enumerate(urls):
            again = (lambda i=index: refresh(i)) if refresh else None
            label = f"exported history file {index + 1} of {name}"
            file = None if keys is None else open_columns(session, url, keys, refresh=again)
            if file is None:
                # Of zero bytes the standard library would never turn to the disk.
                spool = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=max(1, room)))
                size = session.download(url, cast("BinaryIO", spool), refresh=again).size
                is_here = size <= room
                exports.append(decode(partial(_open, spool, label, is_here=is_here)))
                if is_here:
                    # Its bytes were copied into memory.
                    room -= size
                    spool.close()
            else:
                size = file.fetched
                exports.append(decode(partial(_open, file, label, is_here=size == file.size)))
            if on_bytes:
                on_bytes(size)
        yield ExportedHistory(exports)


def _open(source: IO[bytes] | RemoteFile, name: str, *, is_here: bool) -> _Export:
    source.seek(0)
    try:
        file = pq.ParquetFile(
            pa.BufferReader(source.read()) if is_here else pa.PythonFile(source, "r"),
            # What is read ahead would be kept until the file is closed.
            pre_buffer=False,
        )
        if file.metadata.num_rows > _MAX_ROWS:
            raise IntegrityError(f"{name} claims {file.metadata.num_rows} rows; refused")
        names = file.schema_arrow.names
        if _STEP not in names:
            raise IntegrityError(f"{name} has no column _step")
        steps = file.read(columns=[_STEP], use_threads=False).column(_STEP)
        if steps.null_count:
            raise IntegrityError(f"{name} has rows without a step")
        others = [each for each in names if each != _STEP]
        return _Export(file, others, steps.cast(pa.int64()).to_numpy())
    except pa.ArrowException as error:
        raise IntegrityError(f"{name} cannot be read as parquet: {error}") from error


def _of_keys(long: pa.Table, keys: Collection[str] | None) -> pa.Table:
    # A row that has none of the keys comes as its bare step: nobody asked for it.
    return long if keys is None else long.filter(pc.not_equal(long.column("key"), _STEP))


def union_by_step(older: Iterator[pa.Table], newer: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join two step-ordered streams; the newer one's row wins a step that both have."""
    waiting = LONG.empty_table()
    for page in newer:
        end = pc.max(page.column("step")).as_py() + 1
        while not waiting.num_rows or pc.max(waiting.column("step")).as_py() < end:
            chunk = next(older, None)
            if chunk is None:
                break
            waiting = pa.concat_tables([waiting, chunk])
        below = pc.less(waiting.column("step"), end)
        yield merge_long(waiting.filter(below), page)
        waiting = waiting.filter(pc.invert(below))
    if waiting.num_rows:
        yield waiting
    yield from older
