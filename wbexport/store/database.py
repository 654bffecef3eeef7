"""Opens the one DuckDB file of a store: to read what is published, or to write and publish."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
import uuid
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from wbexport.errors import (
    StoreError,
    StoreMissingError,
    StoreVersionError,
)
from wbexport.store.blobs import BlobStore
from wbexport.store.faults import store_faults
from wbexport.store.lock import WriterLock
from wbexport.store.migrations import FORMAT, check_format, migrate, read_meta, write_meta
from wbexport.store.publish import StoreFiles
from wbexport.store.relations import create_views, create_wide_views, views_are_current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["STORAGE_VERSION", "Store", "second_cursor"]

#: DuckDB 1.5 and every later version reads files of this version, at no measurable cost.
STORAGE_VERSION = "v1.2.0"
#: The name of the store inside a connection, whatever its file is called.
_CATALOG = "wb"
#: The schema of the tables. DuckDB's CLI names a database after its file, and a database and a
#: schema of one name cannot be told apart, so no store may be called `stored.*`.
_SCHEMA = "stored"
#: DuckDB would keep all that a long sync has written, up to most of the machine's memory. With
#: less than 96 MB it inserts on one thread.
_WRITER_MEMORY = "128MB"
#: What it may keep of that when it is asked to release memory.
_KEPT_MEMORY = "8MB"

#: Seconds between tries to checkpoint while readers are in the middle of statements.
_CHECKPOINT_PAUSES = (0.01, 0.03, 0.1, 0.3, 1.0)

_Identity = tuple[int, int, int]


class Store:
    """One DuckDB file with everything that was brought over, and its blobs.

    Open one with `open_reader`, `open_writer` or `in_memory`. A reader sees the published file
    and never holds up a writer. A writer works on a copy beside it, `.NAME.writer`, and replaces
    the published file in `publish`. Threads may share a store; each gets its own cursor.

    Args:
        path: The published file.
        file: The file to open; None for memory.
        read_only: Whether to open it read-only.
        hardened: Whether SQL is kept from files, the network and Python variables.
        lock: The writer's lock, released by `close`.

    Example:
        ```python
        with Store.open_reader("wb.duckdb") as store:
            store.cursor().execute("from runs limit 5").fetchall()
        ```
    """

    def __init__(
        self,
        path: Path,
        file: Path | None,
        *,
        read_only: bool = False,
        hardened: bool = True,
        lock: WriterLock | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._file = file
        self._hardened = hardened
        self._lock = lock
        self._process = os.getpid()
        self._local = threading.local()
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._writer_thread: int | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="wbexport-") if file is None else None
        folder = Path(self._scratch.name) if self._scratch else path.parent
        self.blobs = BlobStore(folder / f"{path.stem}.blobs")
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._dirty = False
        self._closed = False
        self._connection, self._seen = self._connect()

    @classmethod
    def open_reader(cls, path: str | Path, *, hardened: bool = True) -> Self:
        """Open the published file of a store, without stopping anyone.

        Args:
            path: The `.duckdb` file.
            hardened: Keep SQL from reading files and Python variables; False gives the caller
                the powers they have in their own process anyway.

        Returns:
            A store that cannot write.

        Raises:
            StoreMissingError: Nothing is there.
            StoreDamagedError: It is no store, or it is damaged.
            StoreVersionError: A newer wbexport wrote it.
        """
        path = Path(path).expanduser().resolve()
        if not path.exists():
            raise StoreMissingError(f"{path}: there is no store here; sync a project into it first")
        with contextlib.ExitStack() as stack, store_faults(path):
            store = cls(path, path, read_only=True, hardened=hardened)
            stack.callback(store.close)
            if check_format(store.cursor(), path) < FORMAT:
                message = f"{path}: of an older format; sync into it once to bring it up to date"
                raise StoreVersionError(message)
            stack.pop_all()
        return store

    @classmethod
    def open_writer(cls, path: str | Path, *, in_place: bool = False, wait: float = 0.5) -> Self:
        """Open a store to write it; create it if there is none.

        Args:
            path: The `.duckdb` file.
            in_place: Write the published file itself, for want of room for a second copy.
                Readers are then shut out until `close`.
            wait: Seconds to wait for another writer to end.

        Returns:
            A store that can write; what it writes shows after `publish`.

        Raises:
            StoreBusyError: Another writer is at work; names it.
            StoreDamagedError: The file is no store, or it is damaged.
            StoreVersionError: A newer wbexport wrote it.
            StoreSpaceError: The disk is full or read-only.
        """
        path = Path(path).expanduser().resolve()
        if path.stem.lower() == _SCHEMA:
            raise StoreError(f"{path}: a store cannot be called {_SCHEMA!r}; choose another name")
        with contextlib.ExitStack() as stack, store_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            files = StoreFiles(path, _connect)
            lock = WriterLock.acquire(files.lock, store=path, wait=wait)
            stack.callback(lock.release)
            file = files.settle() if in_place else files.working_copy()
            store = cls(path, file, lock=lock)
            stack.callback(store.close)
            store._upgrade()
            stack.pop_all()
        return store

    @classmethod
    def in_memory(cls) -> Self:
        """Open an empty store that lives as long as this object.

        Returns:
            A store that can write; publishing it does nothing.
        """
        store = cls(Path("memory.duckdb"), None)
        store._upgrade(new=True)
        return store

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's own cursor.

        Returns:
            A cursor; a result that is read piece by piece needs one more, from `cursor.cursor()`.

        Raises:
            StoreError: The store is closed, or was opened before a fork.
        """
        connection = self._open()
        if getattr(self._local, "connection", None) is not connection:
            self._local.cursor = second_cursor(connection)
            self._local.connection = connection
            with self._guard:
                self._cursors.add(self._local.cursor)
        cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Write all of a block or nothing of it; blocks of other threads wait.

        Returns:
            A context manager that gives a cursor, commits at its end and rolls back on an error.

        Raises:
            StoreError: The store cannot be written, or the block is inside another one.
            StoreSpaceError: The disk is full; nothing of the block was written.
        """
        with self._exclusive(), store_faults(self.path):
            cursor = second_cursor(self._open())
            try:
                cursor.begin()
                if not self._dirty:
                    write_meta(cursor, "unpublished", "true")
                yield cursor
                cursor.commit()
                self._dirty = True
            except BaseException as error:
                with contextlib.suppress(duckdb.Error):
                    cursor.rollback()
                if isinstance(error, duckdb.FatalException):
                    self._reconnect()
                raise
            finally:
                cursor.close()

    def release_memory(self) -> None:
        """Give back what DuckDB keeps of a file that is written; it reads little of that again.

        For a moment there is hardly any memory for other threads that read this store.
        """
        if self.read_only or self._file is None:
            return
        cursor = self.cursor()
        # Blocks that are in use, or have no room on the disk, stay where they are.
        with contextlib.suppress(duckdb.Error):
            cursor.execute(f"set memory_limit = '{_KEPT_MEMORY}'")
        cursor.execute(f"set memory_limit = '{_WRITER_MEMORY}'")

    def publish(self) -> bool:
        """Show readers everything committed so far, by replacing the published file.

        Returns:
            Whether there was anything new.

        Raises:
            StoreError: The store cannot be written.
            StoreSpaceError: No room for the copy; the published file is as it was.
        """
        with self._exclusive(), store_faults(self.path):
            if not self._dirty:
                return False
            cursor = second_cursor(self._open())
            try:
                self._publish(cursor)
            except duckdb.FatalException:
                self._reconnect()
                raise
            finally:
                cursor.close()
            self._dirty = False
            return True

    def refresh(self) -> bool:
        """Look at the newest published file, if a writer has replaced it since.

        Cursors handed out before keep what they saw; ask `cursor` for a new one.

        Returns:
            Whether there was a newer file.

        Raises:
            StoreError: The newer file cannot be opened; the older one stays open.
        """
        self._open()
        with self._guard, store_faults(self.path):
            if not self.read_only or _identity(self.path) == self._seen:
                return False
            self._connection, self._seen = self._connect()
        return True

    @property
    def snapshot(self) -> object | None:
        """What cursors of a reader see, the same object until `refresh`; None for a writer."""
        return self._open() if self.read_only else None

    def close(self) -> None:
        """Close every cursor and let the next writer in; what is not published stays written."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self._disconnect()
        if self._lock is not None:
            self._lock.release()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.path}{' read-only' if self.read_only else ''}>"

    def _open(self) -> duckdb.DuckDBPyConnection:
        if os.getpid() != self._process:
            raise StoreError(
                f"{self.path}: opened in another process; open it again in this one, after the fork"
            )
        if self._closed:
            raise StoreError(f"{self.path}: this store is closed; open it again")
        return self._connection

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._open()
        if self.read_only:
            raise StoreError(f"{self.path}: opened to read; open it with open_writer to write")
        if self._writer_thread == threading.get_ident():
            raise StoreError(f"{self.path}: a transaction is open already; end it first")
        with self._writing:
            self._writer_thread = threading.get_ident()
            try:
                yield
            finally:
                self._writer_thread = None

    def _connect(self) -> tuple[duckdb.DuckDBPyConnection, _Identity | None]:
        # Taken first: a file replaced in between is then seen as new, not as known.
        seen = _identity(self._file)
        connection = _connect(self._file, read_only=self.read_only, hardened=self._hardened)
        return connection, seen

    def _disconnect(self) -> None:
        with self._guard:
            for cursor in list(self._cursors):
                cursor.close()
            self._connection.close()

    def _reconnect(self) -> None:
        """Open the file again: a failed checkpoint kills the connection, not the file."""
        self._disconnect()
        self._connection, self._seen = self._connect()

    def _upgrade(self, *, new: bool = False) -> None:
        cursor = self.cursor()
        migrate(cursor, self.path, new=new)
        self._dirty = read_meta(cursor, "unpublished") is not None or (
            read_meta(cursor, "publication") != read_meta(cursor, "acknowledged")
        )
        if not views_are_current(cursor):
            with self.transaction() as writing:
                create_views(writing)

    def _publish(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Checkpoint, copy, rename.

        The file tells the two moments apart by two marks: `publication` is set before the
        rename and `acknowledged` after it, so that a working copy left by a crash in between is
        known as the continuation of the published file.
        """
        publication = uuid.uuid4().hex
        in_place = self._file in {None, self.path}
        cursor.begin()
        create_wide_views(cursor)
        write_meta(cursor, "unpublished", None)
        write_meta(cursor, "publication", publication)
        if in_place:
            write_meta(cursor, "acknowledged", publication)
        cursor.commit()
        _checkpoint(cursor)
        if in_place or self._file is None:
            return
        StoreFiles(self.path, _connect).publish()
        write_meta(cursor, "acknowledged", publication)


def _checkpoint(cursor: duckdb.DuckDBPyConnection) -> None:
    """Write the log into the file; a reader in the middle of a statement puts that off."""
    for pause in _CHECKPOINT_PAUSES:
        try:
            cursor.execute("checkpoint")
        except duckdb.TransactionException:
            time.sleep(pause)
        else:
            return
    cursor.execute("checkpoint")


def second_cursor(cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return one more cursor on the same store, for a result that is read piece by piece."""
    second = cursor.cursor()
    second.execute(f"use {_CATALOG}")
    return second


def _connect(
    file: Path | None, *, read_only: bool = False, hardened: bool = True
) -> duckdb.DuckDBPyConnection:
    """Attach a file to an empty database of its own, under a fixed name.

    DuckDB keeps one open database per path and process; a file attached to a database of its
    own can be replaced on disk and opened anew beside it.
    """
    spill = Path(tempfile.gettempdir()) if file is None else file.parent
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(spill / f".wbexport-spill-{os.getpid()}"),
        "python_enable_replacements": not hardened,
        "autoinstall_known_extensions": False,
    }
    if file is not None and not read_only:
        settings |= {"memory_limit": _WRITER_MEMORY, "threads": min(4, os.cpu_count() or 1)}
    connection = duckdb.connect(":memory:", config=settings)
    try:
        target = ":memory:" if file is None else str(file).replace("'", "''")
        options = ["type duckdb"]
        if read_only:
            options.append("read_only")
        elif file is not None and not file.exists():
            options.append(f"storage_version '{STORAGE_VERSION}'")
        connection.execute(f"attach '{target}' as {_CATALOG} ({', '.join(options)})")
        connection.execute(f"use {_CATALOG}")
        if hardened:
            connection.execute("set enable_external_access = false")
            if read_only or file is None:
                connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(file: Path | None) -> _Identity | None:
    if file is None:
        return None
    found = file.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns
