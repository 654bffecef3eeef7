"""Holds a history that must be replaced as a whole, in memory while small and on disk beyond."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

__all__ = ["Spool"]

#: So many values are held in memory; a value of a long table takes about 50 bytes.
MEMORY_VALUES = 250_000


class Spool:
    """Long tables in the order they were added.

    The file has no name, so that nothing is left behind by a kill.

    Args:
        folder: Where the file is made, once it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: list[pa.Table] = []
        self._file: IO[bytes] | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self.values = 0

    @property
    def is_large(self) -> bool:
        """Whether a part of it is on disk."""
        return self._file is not None

    def add(self, table: pa.Table) -> None:
        """Adds one more table."""
        self.values += table.num_rows
        self._tables.append(table)
        if sum(each.num_rows for each in self._tables) >= MEMORY_VALUES:
            self._spill()

    def _spill(self) -> None:
        if self._file is None or self._writer is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._writer = pa.ipc.new_stream(self._file, self._tables[0].schema)
        for table in self._tables:
            self._writer.write_table(table)
        self._tables.clear()

    def __iter__(self) -> Iterator[pa.Table]:
        if self._file is not None and self._writer is not None:
            self._writer.close()
            self._file.seek(0)
            for batch in pa.ipc.open_stream(self._file):
                yield pa.Table.from_batches([batch])
        yield from self._tables

    def close(self) -> None:
        """Frees the memory and the file."""
        self._tables.clear()
        if self._file is not None:
            self._file.close()
