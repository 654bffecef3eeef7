"""Reads the tables of a load, project by project, and hands them to a writer of files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import duckdb
import pyarrow as pa

from wbexport.errors import InputError, NotFoundError
from wbexport.export.manifest import MANIFEST_NAME, Manifest, TableEntry, staged, write_manifest
from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.database import second_cursor
from wbexport.store.exchange import fetch_row
from wbexport.store.faults import store_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wbexport.store.database import Store

__all__ = ["TABLES", "FileWriter", "OpenFile", "export_tables"]

#: The tables a load may hold: one file each in `sql/export`.
TABLES = tuple(PurePosixPath(name).stem for name in list_sql("export"))

#: Rows of one file, at most: a size every engine reads in parallel without trouble.
ROWS_PER_FILE = 5_000_000
_BATCH_ROWS = 100_000


class FileWriter(Protocol):
    """Opens files of one format."""

    suffix: str

    def open(self, path: Path, schema: pa.Schema) -> OpenFile:
        """Starts a file that does not exist."""


class OpenFile(Protocol):
    """A file that takes record batches."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Appends rows."""

    def close(self) -> None:
        """Finishes the file."""


@dataclass(frozen=True, slots=True)
class _Project:
    project_no: int
    entity: str
    project: str

    @property
    def folder(self) -> PurePosixPath:
        """Hive partitions; a name is quoted, so that it is never a path."""
        return PurePosixPath(
            f"entity={quote(self.entity, '')}", f"project={quote(self.project, '')}"
        )

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}"


@dataclass(frozen=True, slots=True)
class _Load:
    """A load that is being written, and the store it comes from."""

    store: Path
    cursor: duckdb.DuckDBPyConnection
    folder: Path
    writer: FileWriter


def export_tables(
    store: Store,
    destination: str | Path,
    writer: FileWriter,
    *,
    tables: Sequence[str] | None = None,
    projects: Sequence[str] | None = None,
) -> Manifest:
    """Writes a load and puts it in the place of the one before.

    Args:
        store: Where the rows are.
        destination: The load's folder.
        writer: The file format.
        tables: Which tables; all of `TABLES` by default.
        projects: Which projects, as `entity/project`; all by default.

    Returns:
        What was written.

    Raises:
        InputError: There is no such table.
        NotFoundError: The store has no such project.
        StoreDamagedError: The store cannot be read to its end; an older load stays.
        StoreError: The destination is something else than a load.
    """
    names = tuple(tables) if tables is not None else TABLES
    for name in names:
        if name not in TABLES:
            raise InputError(f"There is no table {name!r}; known: {', '.join(TABLES)}.")
    # One transaction, so that every table is of the same moment.
    cursor = second_cursor(store.cursor())
    cursor.begin()
    try:
        with store_faults(store.path):
            chosen = _choose_projects(cursor, projects)
        with staged(destination) as folder:
            load = _Load(store.path, cursor, folder, writer)
            entries = {name: _write_table(load, name, chosen) for name in names}
            with store_faults(store.path):
                manifest = _describe(cursor, writer, chosen, entries)
            write_manifest(folder / MANIFEST_NAME, manifest)
        return manifest
    finally:
        cursor.close()


def _choose_projects(
    cursor: duckdb.DuckDBPyConnection, wanted: Sequence[str] | None
) -> list[_Project]:
    rows = cursor.execute(
        """select project_no, entity, project from stored.projects
        order by entity, project, project_no"""
    ).fetchall()
    found = [_Project(*row) for row in rows]
    if wanted is None:
        return found
    for path in wanted:
        if path not in map(str, found):
            known = ", ".join(map(str, found)) or "none"
            raise NotFoundError(f"The store has no project {path}; it has: {known}.")
    return [each for each in found if str(each) in wanted]


def _write_table(load: _Load, name: str, projects: Iterable[_Project]) -> TableEntry:
    files: dict[str, int] = {}
    columns: dict[str, str] = {}
    for project in projects:
        with store_faults(load.store):
            reader = load.cursor.sql(
                read_sql(f"export/{name}.sql"), params={"project_no": project.project_no}
            ).to_arrow_reader(_BATCH_ROWS)
        columns = {field.name: str(field.type) for field in reader.schema}
        place = PurePosixPath(name) / project.folder
        for number, batches in enumerate(_split(_read(load.store, reader))):
            # Two projects of one name may come from two servers.
            path = place / f"part-{project.project_no}-{number:04}{load.writer.suffix}"
            (load.folder / path).parent.mkdir(parents=True, exist_ok=True)
            files[str(path)] = _write_file(load.folder / path, load.writer, reader.schema, batches)
    return TableEntry(sum(files.values()), columns, files)


def _read(store: Path, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    with store_faults(store):
        try:
            yield from reader
        except (OSError, pa.ArrowException) as error:
            # Arrow passes a fault of DuckDB on as one of its own.
            raise duckdb.Error(str(error)) from error


def _split(reader: Iterable[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Cuts a stream of batches into one stream per file; an empty one gives no file."""
    batches = (batch for batch in reader if batch.num_rows)

    def one_file(first: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        yield first
        rows = first.num_rows
        while rows < ROWS_PER_FILE and (batch := next(batches, None)) is not None:
            rows += batch.num_rows
            yield batch

    while (first := next(batches, None)) is not None:
        yield one_file(first)


def _write_file(
    path: Path, writer: FileWriter, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> int:
    rows = 0
    file = writer.open(path, schema)
    try:
        for batch in batches:
            file.write_batch(batch)
            rows += batch.num_rows
    finally:
        file.close()
    return rows


def _describe(
    cursor: duckdb.DuckDBPyConnection,
    writer: FileWriter,
    projects: Sequence[_Project],
    tables: dict[str, TableEntry],
) -> Manifest:
    found = fetch_row(
        cursor,
        """select min(synced_at)::varchar, max(synced_at)::varchar from stored.runs
        where list_contains(?::integer[], project_no)""",
        [[each.project_no for each in projects]],
    )
    version = fetch_row(cursor, "select value from stored.meta where key = 'format'")
    first, last = found or (None, None)
    return Manifest(
        format=writer.suffix.lstrip("."),
        schema_version=version[0] if version else "",
        projects=tuple(str(each) for each in projects),
        first_synced_at=first,
        last_synced_at=last,
        tables=tables,
    )
