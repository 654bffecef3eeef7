"""Reads run folders into a store: find, plan, read, commit."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.errors import StoreError, WbexportError
from wbexport.ingest.artifacts import write_artifact
from wbexport.ingest.folders import find_run_folders, open_run
from wbexport.ingest.frames import RecordLog
from wbexport.ingest.plan import Known, decode_parts, plan_run
from wbexport.ingest.reading import PIECE_VALUES, RunReading
from wbexport.ingest.records import HISTORY, kind_of
from wbexport.ingest.report import IngestReport
from wbexport.paths import DEFAULT_PROJECT
from wbexport.query.mongo import parse_filter
from wbexport.store.database import Store
from wbexport.store.logged import (
    default_entity,
    ensure_project,
    file_row,
    find_project,
    runs_table,
)
from wbexport.store.reader import read_runs
from wbexport.store.writer import upsert_runs, write_console, write_files, write_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    import duckdb

    from wbexport.ingest.folders import RunFile
    from wbexport.ingest.reading import Piece
    from wbexport.store.writer import Mode

__all__ = ["ingest"]

_BATCH_RUNS = 50
_FILES = pa.schema(
    [
        ("run_no", pa.int32()),
        ("name", pa.string()),
        ("storage_id", pa.string()),
        ("size", pa.int64()),
        ("md5", pa.string()),
        ("mimetype", pa.string()),
        ("updated_at", pa.timestamp("us")),
        ("uploaded", pa.bool_()),
        ("blob", pa.string()),
    ]
)


def ingest(
    folder: str | PathLike[str],
    store: str | PathLike[str] | Store = "wb.duckdb",
    *,
    entity: str | None = None,
    project: str | None = None,
) -> IngestReport:
    """Read the run folders of W&B's SDK, of offline runs above all, into a store.

    Reading a folder again changes nothing; of a run that has gone on since, only what is new is
    written. A run that was resumed has several folders: they become one run, and the steps of a
    later one go on where the run stood if they would begin anew.

    A run is identified by entity, project and run id. One that is in the store from a server
    already stays as it is if it has at least as many rows there (`superseded`); otherwise the
    upload was cut short, and the folders win. A later `wbexport.sync` follows the same rule.

    What is damaged is left out and named; whatever can be read around it is read.

    Args:
        folder: The SDK's `wandb` folder, the folder that holds it, or one run's folder.
        store: The store's file, made if there is none, or an open store to write.
        entity: The owner of every run, whatever its folder says. An offline run names none
            unless it was told; then it is the store's first, or `local`.
        project: The project of every run.

    Returns:
        What was read.

    Raises:
        InputError: It is no folder.
        NotFoundError: There are no run folders in it.
        StoreError: The store cannot be written.

    Example:
        >>> wbexport.ingest("wandb", "wb.duckdb").actions  # doctest: +SKIP
        {'new': 3}
    """
    started = time.monotonic()
    found = find_run_folders(Path(folder).expanduser())
    with ExitStack() as stack:
        if not isinstance(store, Store):
            store = stack.enter_context(Store.open_writer(Path(store)))
        job = _Job(store, entity, project)
        job.open(found)
        job.run()
        store.publish()
        return job.report(str(folder), started)


class _Job:
    """One ingest from its folders to its report."""

    def __init__(self, store: Store, entity: str | None, project: str | None) -> None:
        self._store = store
        self._entity = entity
        self._project = project
        self._runs: dict[tuple[str, str, str], list[RunFile]] = defaultdict(list)
        self._waiting: list[tuple[RunReading, Piece]] = []
        self._actions: Counter[str] = Counter()
        self._rows = 0
        self._files = 0
        self._failures: dict[str, str] = {}
        self._incomplete: dict[str, str] = {}
        self._cut: dict[str, str] = {}
        self._notes: dict[str, list[str]] = {}
        self._alerts: dict[str, list[str]] = {}

    def open(self, folders: Sequence[Path]) -> None:
        """Read which run each folder is of."""
        owner = default_entity(self._store.cursor())
        for folder in folders:
            try:
                file = open_run(folder)
            except WbexportError as error:
                self._failures[folder.name] = str(error)
                continue
            path = (
                self._entity or file.entity or owner,
                self._project or file.project or DEFAULT_PROJECT,
                file.run_id,
            )
            self._runs[path].append(file)

    def run(self) -> None:
        """Read and commit run after run; one that fails does not stop the others."""
        for (entity, project, run_id), files in self._runs.items():
            files.sort(key=lambda file: (file.started, file.name))
            try:
                self._ingest(entity, project, run_id, files)
            except StoreError:
                raise
            except (WbexportError, OSError) as error:
                self._failures |= {file.path.parent.name: str(error) for file in files}
        self._commit()

    def _ingest(self, entity: str, project: str, run_id: str, files: Sequence[RunFile]) -> None:
        known = self._known(entity, project, run_id)
        sizes = {file.name: file.size for file in files}
        action = plan_run(known, sizes, lambda: sum(_count_rows(file.path) for file in files))
        path = f"{entity}/{project}/{run_id}"
        if action in ("unchanged", "superseded"):
            holes = {name: part.holes for name, part in known.parts.items()} if known else {}
            self._note_holes(path, holes)
        else:
            reading = RunReading(entity, project, files, known, action, self._store.blobs)
            for piece in reading.pieces():
                self._waiting.append((reading, piece))
                values = sum(each.values for _, each in self._waiting)
                if not piece.final or values >= PIECE_VALUES or len(self._waiting) >= _BATCH_RUNS:
                    self._commit()
            self._note(path, reading)
        self._actions[action] += 1

    def _known(self, entity: str, project: str, run_id: str) -> Known | None:
        cursor = self._store.cursor()
        owner = find_project(cursor, entity, project)
        if owner is None:
            return None
        found = read_runs(
            cursor,
            project_no=owner["project_no"],
            where=parse_filter({"name": run_id}),
            limit=1,
            missing=True,
        ).to_pylist()
        return Known(found[0], decode_parts(found[0]["fingerprint"])) if found else None

    def _note(self, path: str, reading: RunReading) -> None:
        self._note_holes(path, {name: part.holes for name, part in reading.parts.items()})
        if reading.cut:
            self._cut[path] = "; ".join(f"{name}: {why}" for name, why in reading.cut.items())
        notes = list(reading.left_out)
        if unknown := reading.records.unknown:
            kinds = ", ".join(map(str, sorted(unknown)))
            notes.append(f"records of a newer SDK (kind {kinds})")
        if notes:
            self._notes[path] = notes
        if alerts := reading.records.alerts:
            self._alerts[path] = [f"{alert.title}: {alert.text}" for alert in alerts]

    def _note_holes(self, path: str, holes: dict[str, tuple[str, ...]]) -> None:
        damaged = [f"{name}: {loss}" for name, losses in holes.items() for loss in losses]
        if damaged:
            self._incomplete[path] = "; ".join(damaged)

    def _commit(self) -> None:
        """Write everything that waits, in one transaction."""
        if not self._waiting:
            return
        batch, self._waiting = self._waiting, []
        with self._store.transaction() as cursor:
            owners = _write_runs(cursor, batch)
            pieces = [
                (run_no, piece) for (_, run_no), (_, piece) in zip(owners, batch, strict=True)
            ]
            history: list[tuple[int, pa.Table, Mode]] = [
                (number, piece.history, piece.mode)
                for number, piece in pieces
                if piece.history is not None
            ]
            events: list[tuple[int, pa.Table, Mode]] = [
                (number, piece.events, piece.mode)
                for number, piece in pieces
                if piece.events is not None
            ]
            write_history(cursor, history)
            write_history(cursor, events, stream="system")
            _write_extras(cursor, pieces)
            for (project_no, run_no), (_, piece) in zip(owners, batch, strict=True):
                for artifact in piece.artifacts:
                    write_artifact(
                        cursor,
                        self._store.blobs,
                        artifact,
                        project_no=project_no,
                        run_no=run_no,
                        run=piece.run,
                    )
        self._rows += sum(piece.rows for _, piece in batch)
        self._files += sum(len(piece.files) for _, piece in batch)

    def report(self, folder: str, started: float) -> IngestReport:
        """Tell what was read."""
        return IngestReport(
            folder=folder,
            store=str(self._store.path),
            status="partial" if self._failures or self._incomplete else "ok",
            runs=len(self._runs),
            actions=dict(self._actions),
            rows=self._rows,
            files=self._files,
            seconds=round(time.monotonic() - started, 3),
            failures=self._failures,
            incomplete=self._incomplete,
            cut=self._cut,
            notes=self._notes,
            alerts=self._alerts,
        )


def _write_runs(
    cursor: duckdb.DuckDBPyConnection, batch: Sequence[tuple[RunReading, Piece]]
) -> list[tuple[int, int]]:
    """Write the columns of runs, those of one project at once; return project and run numbers."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, (reading, piece) in enumerate(batch):
        groups[reading.entity, reading.project, *piece.run].append(place)
    numbers = [(0, 0)] * len(batch)
    for (entity, project, *_), places in groups.items():
        rows = [batch[place][1].run for place in places]
        project_no, _ = ensure_project(cursor, entity, project, now=rows[0]["created_at"])
        written = upsert_runs(cursor, project_no, runs_table(rows))
        for place, row in zip(places, rows, strict=True):
            numbers[place] = project_no, written[row["storage_id"]]
    return numbers


def _write_extras(cursor: duckdb.DuckDBPyConnection, pieces: Sequence[tuple[int, Piece]]) -> None:
    files: list[dict[str, Any]] = []
    for number, piece in pieces:
        if piece.console is not None and (piece.console.num_rows or piece.mode == "replace"):
            write_console(cursor, number, piece.console, mode=piece.mode)
        files += [
            file_row(number, piece.run["storage_id"], name, blob, now=changed)
            for name, blob, changed in piece.files
        ]
    if files:
        write_files(cursor, pa.Table.from_pylist(files, schema=_FILES))


def _count_rows(path: Path) -> int:
    with path.open("rb") as file:
        return sum(kind_of(record)[0] == HISTORY for record in RecordLog(file))
