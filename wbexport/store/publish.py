"""The files of one store on disk: how they come to be, and how one takes the place of another."""

from __future__ import annotations

import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Protocol

from wbexport.errors import StoreDamagedError
from wbexport.store.durable import clone_file, replace_durably
from wbexport.store.faults import store_faults
from wbexport.store.migrations import check_format, migrate, read_meta, write_meta
from wbexport.store.relations import create_views

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

__all__ = ["Connect", "StoreFiles"]

_LOGGER = logging.getLogger(__name__)


class Connect(Protocol):
    """Opens a DuckDB file."""

    def __call__(self, file: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        """Open a file; its tables are found without naming it."""


class StoreFiles:
    """The published file and, hidden beside it, the writer's copy, its lock and unfinished files.

    Two marks in a working copy tell whether it continues the published file. `publication` is
    set before the rename and `acknowledged` after it, so one of them is the `publication` of the
    published file wherever a crash came; a published file put there by hand has another one.

    Args:
        path: The published file.
        connect: Opens a DuckDB file.
    """

    def __init__(self, path: Path, connect: Connect) -> None:
        self.path = path
        self.lock = path.with_name(f".{path.name}.lock")
        self.working = path.with_name(f".{path.name}.writer")
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._connect = connect

    def working_copy(self) -> Path:
        """Return the writer's own copy, made anew unless it continues the published file.

        Raises:
            StoreDamagedError: Neither file is a store.
        """
        self._prepare()
        if not self._continues():
            self._marks(self.path)
            _remove(self.working)
            clone_file(self.path, self._temporary)
            replace_durably(self._temporary, self.working)
        return self.working

    def settle(self) -> Path:
        """Return the published file for writing in place, with all that a working copy had.

        Raises:
            StoreDamagedError: The file is no store.
        """
        self._prepare()
        if self._continues():
            self._fold_log(self.working)
            replace_durably(self.working, self.path)
        _remove(self.working)
        return self.path

    def publish(self) -> None:
        """Let a copy of the checkpointed working copy take the place of the published file."""
        try:
            clone_file(self.working, self._temporary)
            if (log := _log_of(self.working)).exists():
                clone_file(log, _log_of(self._temporary))
                self._fold_log(self._temporary)
            with contextlib.suppress(FileNotFoundError):
                self._temporary.chmod(self.path.stat().st_mode)
            replace_durably(self._temporary, self.path)
        finally:
            _remove(self._temporary)

    def _prepare(self) -> None:
        """Clear away what a crash left, and make a store if there is none."""
        _remove(self._temporary)
        if not self.path.exists() or self.path.stat().st_size == 0:
            _remove(self.working)
            self._create()
        self._fold_log(self.path)

    def _create(self) -> None:
        """Make an empty store under another name: the first writes of DuckDB are not safe."""
        connection = self._connect(self._temporary)
        try:
            migrate(connection, self.path, new=True)
            create_views(connection)
            write_meta(connection, "publication", publication := uuid.uuid4().hex)
            write_meta(connection, "acknowledged", publication)
            connection.execute("checkpoint")
        finally:
            connection.close()
        replace_durably(self._temporary, self.path)

    def _continues(self) -> bool:
        """Whether the working copy holds the published file and possibly more."""
        if not self.working.exists():
            return False
        try:
            marks = self._marks(self.working)
        except StoreDamagedError as damage:
            _LOGGER.warning("%s: %s; it is made anew", self.working, damage)
            return False
        try:
            return self._marks(self.path)["publication"] in marks.values()
        except StoreDamagedError:
            _LOGGER.warning("%s is damaged; the working copy takes its place", self.path)
            self._fold_log(self.working)
            self.publish()
            return True

    def _marks(self, file: Path) -> dict[str, str | None]:
        with store_faults(file):
            connection = self._connect(file, read_only=True)
            try:
                check_format(connection, file)
                return {
                    mark: read_meta(connection, mark) for mark in ("publication", "acknowledged")
                }
            finally:
                connection.close()

    def _fold_log(self, file: Path) -> None:
        """Bring what a killed writer left in the log of a file into the file itself."""
        if _log_of(file).exists():
            connection = self._connect(file)
            try:
                connection.execute("checkpoint")
            finally:
                connection.close()


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def _remove(file: Path) -> None:
    for name in (_log_of(file), file):
        name.unlink(missing_ok=True)
