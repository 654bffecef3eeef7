"""Writes what was fetched: rows, statistics, cursor and ledger of many runs in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import pyarrow as pa

from wbexport.arrow.schema import LONG
from wbexport.store import ledger
from wbexport.store.reader import read_runs
from wbexport.store.writer import (
    PART_ROWS,
    ProjectRow,
    upsert_project,
    upsert_runs,
    write_console,
    write_files,
    write_history,
)
from wbexport.sync.crew import Failure
from wbexport.sync.plan import Fingerprint, StoredRun, Stream
from wbexport.sync.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    import duckdb

    from wbexport.api.listing import Headers
    from wbexport.paths import ProjectPath
    from wbexport.store.database import Store
    from wbexport.store.writer import Mode
    from wbexport.sync.fetch import Piece
    from wbexport.sync.plan import RunPlan

__all__ = ["Committer", "Stored", "read_stored"]

#: A batch is written at so many runs or values, or after so many seconds.
BATCH_RUNS = 5000
BATCH_VALUES = 3 * PART_ROWS
BATCH_SECONDS = 1.0
#: A long sync shows readers what it has this often.
PUBLISH_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store knows of a project.

    Args:
        path: The project's path as it was written last; None if it never was.
        runs: Every stored run by storage id, deleted ones too.
        quarantine: Why runs failed the last time, by storage id.
    """

    path: str | None
    runs: Mapping[str, StoredRun]
    quarantine: Mapping[str, str]


def read_stored(store: Store, origin: str, storage_id: str, path: ProjectPath) -> Stored:
    """Reads what a plan compares a listing with.

    Args:
        store: The store.
        origin: The server.
        storage_id: The project's identity there.
        path: Its path there. What was logged here under that path belongs to it.

    Returns:
        The stored runs; none of a project never seen.
    """
    cursor = store.cursor()
    found = ledger.find_project(cursor, origin, storage_id) or ledger.find_logged_project(
        cursor, path.entity, path.project
    )
    if found is None:
        return Stored(None, {}, {})
    project_no, path_then = found
    quarantine = ledger.read_quarantine(cursor, project_no)
    columns = (
        "storage_id run_id run_no status streams fingerprint stored_rows stored_last_step"
        " generation missing_since"
    )
    table = read_runs(cursor, project_no=project_no, columns=columns.split(), missing=True)
    runs = {
        row["storage_id"]: StoredRun(
            run_no=row["run_no"],
            status=row["status"],
            fingerprint=Fingerprint.decode(row["fingerprint"]),
            rows=row["stored_rows"],
            last_step=row["stored_last_step"],
            generation=row["generation"],
            gone=row["missing_since"] is not None,
            run_id=row["run_id"],
            is_local=row["status"] == "live" and row["streams"] is None,
            attempts=quarantine[row["storage_id"]].attempts
            if row["storage_id"] in quarantine
            else 0,
        )
        for row in table.to_pylist()
    }
    return Stored(path_then, runs, {name: each.reason for name, each in quarantine.items()})


class Committer:
    """Gathers what the crew brings and writes it in batches.

    Args:
        store: The store.
        project: The project's row.
        headers: The listing.
        stored: What the store knew before.
        is_read: Whether those who fetch read the store, and must not run short of its memory.
    """

    def __init__(
        self,
        store: Store,
        project: ProjectRow,
        headers: Headers,
        stored: Stored,
        *,
        is_read: bool,
    ) -> None:
        self.runs = 0
        self.rows = 0
        self.failures: dict[str, str] = {}
        self.incomplete: dict[str, str] = {}
        self._store = store
        self._project = project
        self._headers = headers
        self._stored = stored
        self._on_part = None if is_read else store.release_memory
        self._place = {
            name: place for place, name in enumerate(headers.runs["storage_id"].to_pylist())
        }
        self._waiting: list[Piece | Failure] = []
        self._values = 0
        self._since = time.monotonic()
        self._published = time.monotonic()
        #: Numbers of the project and of the sync, once they are committed.
        self._begun: tuple[int, int] | None = None
        self._seen: set[str] = set()

    def add(self, item: Piece | Failure) -> None:
        """Takes in one more item, to be written with the next batch."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(item)
        self._values += 0 if isinstance(item, Failure) else item.values

    def note(self, plan: RunPlan) -> None:
        """Tells of a run that stays incomplete until it changes, or that the server has less of."""
        if plan.stored is None:
            return
        if plan.action == "kept":
            lines = plan.fingerprint.lines
            self.incomplete[self._path_of(plan.run_id)] = (
                f"{plan.stored.rows:,} rows were logged here and the server has "
                f"{'an unknown number' if lines is None else f'{lines:,}'}; what is here is kept"
            )
        elif plan.action == "unchanged" and plan.stored.status == "incomplete":
            reason = self._stored.quarantine.get(
                plan.storage_id, "its rows do not match its header"
            )
            self.incomplete[self._path_of(plan.run_id)] = reason

    def commit_if_due(self) -> bool:
        """Writes the batch if it is large or old enough; tells whether it did."""
        waited = time.monotonic() - self._since
        large = len(self._waiting) >= BATCH_RUNS or self._values >= BATCH_VALUES
        if not self._waiting or not (large or waited >= BATCH_SECONDS):
            return False
        self.commit()
        if time.monotonic() - self._published >= PUBLISH_SECONDS:
            self._store.publish()
            self._published = time.monotonic()
        return True

    def commit(self) -> None:
        """Writes everything that waits, in one transaction."""
        if not self._waiting:
            return
        batch, self._waiting, self._values = self._waiting, [], 0
        pieces = [item for item in batch if not isinstance(item, Failure)]
        failures = [item for item in batch if isinstance(item, Failure)]
        with self._store.transaction() as cursor:
            begun = project_no, sync_no = self._begin(cursor)
            headers = self._headers_of(pieces, failures, sync_no)
            ledger.claim_runs(
                cursor,
                {
                    piece.plan.stored.run_no: piece.plan.storage_id
                    for piece in pieces
                    if piece.plan.stored is not None and piece.plan.stored.is_local
                },
            )
            numbers = upsert_runs(cursor, project_no, headers)
            write_history(cursor, _histories(pieces, numbers), on_part=self._on_part)
            _write_extras(cursor, pieces, numbers, self._on_part)
            self._write_quarantine(cursor, project_no, pieces, failures)
        self._begun = begun
        for piece in pieces:
            piece.discard()
        self._count(pieces, failures)

    def finish(
        self, gone: Collection[str], *, requests: int, received: int, error: BaseException | None
    ) -> None:
        """Writes the rest, marks deleted runs, closes the sync's record and publishes."""
        self.commit()
        with self._store.transaction() as cursor:
            project_no, sync_no = self._begin(cursor)
            ledger.mark_missing(cursor, project_no, gone)
            for lost in self._headers.unreadable:
                name = lost.storage_id or f"offset {lost.offset}"
                ledger.quarantine_run(cursor, project_no, name, lost.run_id, lost.reason)
                self.failures[self._path_of(lost.run_id or name)] = lost.reason
            ledger.finish_sync(
                cursor,
                sync_no,
                status="failed" if error else "partial" if self.partial else "complete",
                message=str(error) if error else None,
                runs_seen=len(self._place) + len(self._headers.unreadable),
                runs_fetched=self.runs,
                rows_fetched=self.rows,
                requests=requests,
                bytes_received=received,
            )
        self._store.publish()

    @property
    def partial(self) -> bool:
        """Whether any run failed or is incomplete."""
        return bool(self.failures or self.incomplete)

    def _begin(self, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Writes the project and opens the sync's record, unless that is done."""
        found = ledger.find_project(cursor, self._project.origin, self._project.storage_id)
        # Whoever else writes to the store may have deleted the project.
        if self._begun is not None and found is not None and found[0] == self._begun[0]:
            return self._begun
        ledger.claim_project(cursor, self._project)
        project_no = upsert_project(cursor, self._project)
        ledger.mark_parts(cursor, project_no, ())
        return project_no, ledger.begin_sync(cursor, project_no)

    def _write_quarantine(
        self,
        cursor: duckdb.DuckDBPyConnection,
        project_no: int,
        pieces: Iterable[Piece],
        failures: Iterable[Failure],
    ) -> None:
        wrong = [(piece.plan, piece.reason) for piece in pieces if piece.reason]
        wrong += [(failure.plan, failure.reason) for failure in failures]
        for plan, reason in wrong:
            ledger.quarantine_run(cursor, project_no, plan.storage_id, plan.run_id, reason)
        done = {piece.plan.storage_id for piece in pieces if piece.final and not piece.reason}
        done -= {plan.storage_id for plan, _ in wrong}
        ledger.release_runs(cursor, project_no, done & self._stored.quarantine.keys())

    def _count(self, pieces: Iterable[Piece], failures: Iterable[Failure]) -> None:
        for piece in pieces:
            self.runs += piece.final
            self.rows += piece.rows
            if piece.reason:
                self.incomplete[self._path_of(piece.plan.run_id)] = piece.reason
        for failure in failures:
            self.runs += 1
            self.failures[self._path_of(failure.plan.run_id)] = failure.reason

    def _path_of(self, run_id: str) -> str:
        return f"{self._project.entity}/{self._project.project}/{run_id}"

    def _headers_of(
        self, pieces: Iterable[Piece], failures: Iterable[Failure], sync_no: int
    ) -> pa.Table:
        """Headers of the runs of a batch, with their ledger columns."""
        ledger_of = {piece.plan.storage_id: _ledger_of(piece) for piece in pieces}
        for plan in (failure.plan for failure in failures):
            if plan.stored is None and plan.storage_id not in self._seen | ledger_of.keys():
                # Known to exist, nothing of it stored: the next sync starts it again.
                ledger_of[plan.storage_id] = ("loading", plan.fingerprint.with_streams({}), 1)
        self._seen |= ledger_of.keys()
        logged = {
            piece.plan.storage_id
            for piece in pieces
            if piece.plan.stored is not None and piece.plan.stored.is_local
        }
        places = pa.array([self._place[name] for name in ledger_of], pa.int64())
        headers = self._headers.runs.take(places)
        values = list(ledger_of.values())
        now = datetime.now(UTC).replace(tzinfo=None)
        columns = {
            "status": pa.array([status for status, _, _ in values], pa.string()),
            # What a run that was logged here has besides its history stays readable.
            "streams": pa.array(
                [
                    sorted(get_args(Stream)) if name in logged else _streams_of(entry)
                    for name, entry in ledger_of.items()
                ],
                pa.list_(pa.string()),
            ),
            "fingerprint": pa.array([each.encode() for _, each, _ in values], pa.string()),
            "generation": pa.array([number for _, _, number in values], pa.int32()),
            "synced_at": pa.array([now] * len(values), pa.timestamp("us")),
            "sync_no": pa.array([sync_no] * len(values), pa.int32()),
            "missing_since": pa.nulls(len(values), pa.timestamp("us")),
        }
        for name, column in columns.items():
            headers = headers.append_column(name, column)
        return headers


def _ledger_of(piece: Piece) -> tuple[str, Fingerprint, int]:
    stored = piece.plan.stored
    generation = stored.generation if stored is not None else 1
    if stored is not None and piece.mode == "replace":
        generation += 1
    return piece.status, piece.fingerprint, generation


def _streams_of(entry: tuple[str, Fingerprint, int]) -> list[str]:
    status, fingerprint, _ = entry
    return [*(["history"] if status != "header" else []), *sorted(fingerprint.streams)]


def _histories(
    pieces: Iterable[Piece], numbers: Mapping[str, int]
) -> Iterator[tuple[int, pa.Table, Mode]]:
    """One table a run as far as memory allows: the store writes many runs at once best."""
    small: dict[str, tuple[list[pa.Table], Mode]] = {}
    large: dict[str, Spool] = {}
    for piece in pieces:
        name = piece.plan.storage_id
        if isinstance(piece.tables, Spool) and piece.tables.is_large:
            small.pop(name, None)
            large[name] = piece.tables
        elif piece.mode == "replace":
            small[name] = list(piece.tables) or [LONG.empty_table()], "replace"
        elif piece.mode == "append":
            tables, mode = small.get(name, ([], "append"))
            small[name] = [*tables, *piece.tables], mode
    for name, (tables, mode) in small.items():
        if tables:
            yield numbers[name], pa.concat_tables(tables), mode
    for name, spool in large.items():
        mode = "replace"
        for table in spool:
            yield numbers[name], table, mode
            mode = "append"


def _write_extras(
    cursor: duckdb.DuckDBPyConnection,
    pieces: Iterable[Piece],
    numbers: Mapping[str, int],
    on_part: Callable[[], object] | None,
) -> None:
    found = [
        (numbers[piece.plan.storage_id], piece.extras)
        for piece in pieces
        if piece.extras is not None
    ]
    system: list[tuple[int, pa.Table, Mode]] = [
        (number, extras.system, "replace") for number, extras in found if extras.system is not None
    ]
    write_history(cursor, system, stream="system", on_part=on_part)
    for number, extras in found:
        if extras.console is not None:
            write_console(cursor, number, extras.console, mode="replace")
        if extras.files is not None and not extras.files.num_rows:
            # An empty list names no run whose files could be forgotten.
            cursor.execute("delete from stored.files where run_no = ?", [number])
        elif extras.files is not None:
            owner = pa.array([number] * len(extras.files), pa.int32())
            write_files(cursor, extras.files.append_column("run_no", owner), complete=True)
