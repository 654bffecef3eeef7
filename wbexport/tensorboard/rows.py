"""Lays the events of a folder out as rows of a history."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbexport.errors import InputError
from wbexport.tensorboard.events import parse_event
from wbexport.tensorboard.records import checked_length, iter_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["EventFile", "EventFolder"]

_MARK = "tfevents"
#: Keys of a row that no tag may take.
_OWN_KEYS = frozenset({"_step", "_timestamp", "_runtime", "_wandb", "global_step"})
_Row = dict[str, Any]


@dataclass(frozen=True)
class EventFile:
    """One event file whose records have been checked.

    Attributes:
        path: Where it is.
        name: Its path from the folder on, with forward slashes.
        namespace: The folders in that path; what comes before its tags.
        length: How many bytes are whole records.
    """

    path: Path
    name: str
    namespace: str
    length: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing stands behind the last whole record."""
        return self.path.stat().st_size == self.length


class EventFolder:
    """The event files of a folder and of those in it, all checked.

    Args:
        root: The folder.

    Raises:
        InputError: It is no folder, or holds no event file.
        IntegrityError: A file is damaged.

    Example:
        >>> next(EventFolder(Path("logs")).iter_rows())
        {'_timestamp': 1767225600.0, 'global_step': 0, 'train/loss': 0.5}
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is no folder; give the one that TensorBoard would show.")
        paths = sorted(path for path in root.rglob(f"*{_MARK}*") if path.is_file())
        if not paths:
            raise InputError(f"{root} holds no event files (*{_MARK}*).")
        self.files = [
            EventFile(
                path,
                path.relative_to(root).as_posix(),
                "" if path.parent == root else path.parent.relative_to(root).as_posix(),
                checked_length(path),
            )
            for path in paths
        ]
        self.skipped: Counter[str] = Counter()

    def iter_rows(self) -> Iterator[_Row]:
        """Yield the rows of all files in the order in which they were written.

        What one writer wrote in a row for one step is one row. After the last one, `skipped`
        counts the values that a history cannot hold.

        Yields:
            `_timestamp`, `global_step`, and the values by their tags.
        """
        yield from heapq.merge(*map(self._rows_of, self.files), key=lambda row: row["_timestamp"])

    def _rows_of(self, file: EventFile) -> Iterator[_Row]:
        prefix = file.namespace + "/" if file.namespace else ""
        row: _Row = {}
        for record in iter_records(file.path, file.length):
            event = parse_event(record)
            self.skipped.update(event.skipped)
            for tag, value in event.values:
                key = prefix + tag
                if key in _OWN_KEYS:
                    self.skipped.update([f"the reserved tag {key}"])
                    continue
                if row and (row["global_step"] != event.step or key in row):
                    yield row
                    row = {}
                row |= {"_timestamp": event.wall_time, "global_step": event.step, key: value}
        if row:
            yield row
