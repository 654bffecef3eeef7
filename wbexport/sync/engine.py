"""Brings a project into a store: list, plan, fetch, verify, commit, and again next time."""

from __future__ import annotations

import ctypes
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pyarrow as pa

from wbexport.api.client import Api
from wbexport.api.listing import fetch_run_headers
from wbexport.errors import (
    AuthError,
    InputError,
    RateLimitError,
    ServerError,
    StoreError,
    SyncError,
    TransportError,
)
from wbexport.garbage import collector_paused
from wbexport.paths import parse_project_path
from wbexport.store import ledger
from wbexport.store.database import Store
from wbexport.store.writer import ProjectRow, upsert_project
from wbexport.sync.artifacts import sync_artifacts
from wbexport.sync.commit import Committer, read_stored
from wbexport.sync.crew import Crew, Failure
from wbexport.sync.fetch import HEADER, Piece, Source, fetch_run
from wbexport.sync.interrupts import Interrupts, SyncInterrupted
from wbexport.sync.parts import PartJob, sync_reports, sync_sweeps
from wbexport.sync.plan import DEFAULT_STREAMS, Part, Stream, SyncPlan, plan_runs
from wbexport.sync.progress import choose_progress
from wbexport.sync.report import SyncReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from os import PathLike

    from wbexport.api.listing import Headers
    from wbexport.paths import ProjectPath
    from wbexport.settings import Settings
    from wbexport.sync.progress import Progress

__all__ = ["plan", "sync"]

#: More than this share of a project's runs is never taken as deleted without being told so.
VANISHING_SHARE = 0.1
#: After so many runs in a row without an answer the server is taken as down.
OUTAGE_RUNS = 10
#: How each part of a project is brought over; gives how many of its objects were written.
_PARTS: dict[Part, Callable[[PartJob], int]] = {
    "artifacts": sync_artifacts,
    "sweeps": sync_sweeps,
    "reports": sync_reports,
}
_ROWS_AT_ONCE = 100
#: Of `malloc.h`: the number of arenas.
_M_ARENA_MAX = -8
_OUTAGE = (TransportError, ServerError, RateLimitError)


def sync(
    path: str,
    store: str | PathLike[str] | Store = "wb.duckdb",
    *,
    filters: Mapping[str, Any] | None = None,
    include: Collection[Stream | Part] = DEFAULT_STREAMS,
    jobs: int = 12,
    progress: bool | Progress = False,
    api: Api | None = None,
    settings: Settings | None = None,
    accept_deletes: bool = False,
    in_place: bool = False,
) -> SyncReport:
    """Brings a project over, completely the first time, then only what changed.

    What is stored is readable at any moment, and a sync that was killed goes on where it was.
    A run that fails does not stop the others; it is tried again next time.

    A run that was logged or ingested here is replaced by the server's copy once that has at least
    as many rows. With fewer rows its upload was cut short: what is here is kept, and the report
    names the run as incomplete. It is never taken as deleted.

    Args:
        path: The project, as `entity/project`.
        store: The store's file, made if there is none, or an open store to write.
        filters: W&B's filter: which runs. Runs outside of it are left as they are.
        include: What to bring over: of each run history, system, files, console; of the project
            artifacts (their bytes too), sweeps, reports.
        jobs: How many runs are fetched at once.
        progress: True draws a bar on standard error, if that is a terminal.
        api: The connection; made from the environment when None.
        settings: Settings for a connection of its own.
        accept_deletes: Believe the server even if more than a tenth of the stored runs are
            gone, or every version in a collection of artifacts. What was deleted is marked, and
            stays in the store.
        in_place: Write the published file itself, for want of room for a second copy.

    Returns:
        What was done.

    Raises:
        InputError: An argument cannot be right; nothing was sent.
        NotFoundError: There is no such project, or this key may not see it.
        AuthError: The key is refused; what was committed before stays.
        SyncError: Too many runs are gone; nothing was changed.
        StoreError: The store cannot be written.
        SyncInterrupted: ^C or SIGTERM; what was finished is stored and published.

    Example:
        >>> wbexport.sync("team/project", "wb.duckdb").status  # doctest: +SKIP
        'ok'
    """
    started = time.monotonic()
    streams, parts = _split(include)
    _check_jobs(jobs)
    with ExitStack() as stack:
        stack.enter_context(_compact_memory())
        api = api or stack.enter_context(_connect(settings))
        project = parse_project_path(path, lambda: api.default_entity, api.settings.project)
        job = _Job(api, project, filters=filters, include=streams, jobs=jobs)
        first = not isinstance(store, Store) and not Path(store).expanduser().exists()
        if first:
            # A wrong key or name makes no store, which would look like an empty project.
            job.list_runs()
        if not isinstance(store, Store):
            store = stack.enter_context(Store.open_writer(Path(store), in_place=in_place))
        if not first:
            # No other sync is under way now, so what is stored is no newer than this.
            job.list_runs()
        job.plan(store)
        job.find_gone(accept_deletes=accept_deletes)
        job.run(choose_progress(progress, str(project)))
        job.run_parts(parts, accept_deletes=accept_deletes)
        return job.report(started)


def plan(
    path: str,
    store: str | PathLike[str] | Store = "wb.duckdb",
    *,
    filters: Mapping[str, Any] | None = None,
    include: Collection[Stream | Part] = DEFAULT_STREAMS,
    jobs: int = 12,
    api: Api | None = None,
    settings: Settings | None = None,
) -> SyncPlan:
    """Tells what `sync` would fetch, without writing anything.

    Args:
        path: The project, as `entity/project`.
        store: The store's file, which need not exist, or an open store.
        filters: W&B's filter: which runs.
        include: What to bring over of each run: history, system, files, console.
        jobs: How many runs would be fetched at once.
        api: The connection; made from the environment when None.
        settings: Settings for a connection of its own.

    Returns:
        Runs per action, rows, bytes, requests and minutes.

    Raises:
        InputError: An argument cannot be right.
        NotFoundError: There is no such project, or this key may not see it.

    Example:
        >>> wbexport.plan("team/project").minutes  # doctest: +SKIP
        2.5
    """
    streams, _ = _split(include)
    _check_jobs(jobs)
    with ExitStack() as stack:
        api = api or stack.enter_context(_connect(settings))
        project = parse_project_path(path, lambda: api.default_entity, api.settings.project)
        if not isinstance(store, Store):
            file = Path(store).expanduser()
            opened = Store.open_reader(file) if file.exists() else Store.in_memory()
            store = stack.enter_context(opened)
        job = _Job(api, project, filters=filters, include=streams, jobs=jobs)
        job.list_runs()
        return job.plan(store)


def _split(include: Collection[Stream | Part]) -> tuple[tuple[Stream, ...], tuple[Part, ...]]:
    """Tells what belongs to each run from what belongs to the project, each in a fixed order."""
    streams, parts = get_args(Stream), get_args(Part)
    if isinstance(include, str) or set(include) - {*streams, *parts}:
        known = ", ".join((*streams, *parts))
        raise InputError(f"include must be a list of any of {known}; not {include!r}.")
    return (
        tuple(name for name in streams if name in include),
        tuple(name for name in parts if name in include),
    )


def _check_jobs(jobs: int) -> None:
    if jobs < 1:
        raise InputError(f"jobs must be 1 or more, not {jobs}.")


@contextmanager
def _connect(settings: Settings | None) -> Iterator[Api]:
    api = Api(settings=settings)
    try:
        yield api
    finally:
        api.client.session.close()


@contextmanager
def _compact_memory() -> Iterator[None]:
    """Lets threads share what they allocate from: measured, a tenth of a sync's peak each.

    Arrow allocates with jemalloc, where it was built with it: mimalloc keeps what one thread
    allocates and another frees. The C library otherwise keeps for each thread what that once
    needed; it stays told so when the sync is over.
    """
    with suppress(AttributeError, OSError, TypeError):
        # glibc alone has this.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    before = pa.default_memory_pool()
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


class _Job:
    """One sync from its listing to its report, its methods called in the order they are in."""

    def __init__(
        self,
        api: Api,
        project: ProjectPath,
        *,
        filters: Mapping[str, Any] | None,
        include: tuple[Stream, ...],
        jobs: int,
    ) -> None:
        self._service = api.client
        self._origin = str(api.settings.origin)
        self._project = project
        self._filters = filters
        self._include = include
        self._jobs = jobs
        self._changed: dict[str, int] = {}
        self._before = (0, 0)
        self._before = self._traffic()

    def list_runs(self) -> None:
        """Lists the project's runs."""
        self._listed = self._fetch_headers()

    def plan(self, store: Store) -> SyncPlan:
        """Compares what was listed with a store."""
        self._store = store
        self._stored = read_stored(
            self._store, self._origin, self._listed.project.id, self._project
        )
        self._row = ProjectRow(
            self._origin,
            self._listed.project.id,
            self._project.entity,
            self._project.project,
            internal_id=self._listed.project.internal_id,
            created_at=self._listed.project.created_at,
        )
        runs = self._listed.runs
        self._places = {name: n for n, name in enumerate(runs["storage_id"].to_pylist())}
        with collector_paused():
            self._plan = plan_runs(
                str(self._project),
                (row for batch in runs.to_batches(_ROWS_AT_ONCE) for row in batch.to_pylist()),
                self._stored.runs,
                include=self._include,
                filtered=bool(self._filters),
                jobs=self._jobs,
            )
        self._committer = Committer(
            self._store,
            self._row,
            self._listed,
            self._stored,
            is_read=any(each.streams and each.stored is not None for each in self._plan.todo),
        )
        return self._plan

    def find_gone(self, *, accept_deletes: bool) -> None:
        """Believes that a run was deleted only when a second complete listing agrees."""
        self._gone = self._missing_from(self._listed, set(self._plan.vanished))
        if not self._gone:
            return
        self._gone = self._missing_from(self._fetch_headers(), self._gone)
        limit = VANISHING_SHARE * len(self._stored.runs)
        if len(self._gone) > limit and not accept_deletes:
            raise SyncError(
                f"{len(self._gone)} of the {len(self._stored.runs)} stored runs of {self._project} "
                "are no longer listed, which looks like a changed key or a moved project. Nothing "
                "was changed. If they were deleted, sync again with accept_deletes "
                "(--accept-deletes): they are marked as deleted and stay in the store."
            )

    def run(self, progress: Progress) -> None:
        """Fetches and commits what the plan asks for; then publishes."""
        committer = self._committer
        for each in self._plan.runs:
            committer.note(each)
        fetched = sorted(
            (each for each in self._plan.todo if each.streams), key=lambda each: -each.values
        )
        edited = [each for each in self._plan.todo if not each.streams]
        if not self._listed.stable:
            reason = "its listing did not settle, so runs may be missing"
            committer.incomplete[str(self._project)] = reason
        renamed = self._stored.path != str(self._project)
        if not (fetched or edited or renamed or self._gone or self._listed.unreadable):
            # A sync that was killed may have committed everything and shown nothing of it.
            self._store.publish()
            return
        source = Source(
            self._service,
            self._project,
            self._store,
            dict.fromkeys(each.run_id for each in fetched if each.exports),
        )
        crew = Crew(
            lambda each: fetch_run(source, each, self._header(each.storage_id)),
            fetched,
            jobs=self._jobs,
            stopped=source.stopped,
        )
        progress.start(len(self._plan.todo))
        try:
            with Interrupts() as interrupts:
                for each in edited:
                    committer.add(Piece(each, each.stored.status if each.stored else "header"))
                crew.start()
                ending: BaseException | None = self._drive(crew, committer, interrupts, progress)
                committer.commit()
                if interrupts.requested:
                    ending = self._interrupted()
                sent, received = self._traffic()
                committer.finish(self._gone, requests=sent, received=received, error=ending)
        finally:
            crew.stop()
            progress.close()
        if ending is not None:
            raise ending

    def run_parts(self, parts: tuple[Part, ...], *, accept_deletes: bool) -> None:
        """Brings over what the project has besides its runs, and publishes."""
        if not parts:
            return
        known = ledger.find_project(self._store.cursor(), self._origin, self._row.storage_id)
        if known is None:
            with self._store.transaction() as cursor:
                project_no = upsert_project(cursor, self._row)
        else:
            project_no = known[0]
        with Interrupts() as interrupts:
            job = PartJob(
                self._service,
                self._store,
                self._origin,
                self._project,
                project_no,
                interrupted=lambda: interrupts.requested,
                accept_deletes=accept_deletes,
                failures=self._committer.failures,
            )
            for part in parts:
                if not interrupts.requested:
                    self._changed[part] = _PARTS[part](job)
        if not interrupts.requested:
            self._mark(project_no, parts)
        self._store.publish()
        if interrupts.requested:
            raise SyncInterrupted(
                f"Interrupted: the runs of {self._project} are stored, not all of its "
                f"{', '.join(parts)}. The same sync, started again, goes on from there."
            )

    def _mark(self, project_no: int, parts: tuple[Part, ...]) -> None:
        """Notes what is here now, unless that is known."""
        if not ledger.read_parts(self._store.cursor(), project_no).issuperset(parts):
            with self._store.transaction() as cursor:
                ledger.mark_parts(cursor, project_no, parts)

    def _interrupted(self) -> SyncInterrupted:
        return SyncInterrupted(
            f"Interrupted: {self._committer.runs:,} of {len(self._plan.todo):,} runs of "
            f"{self._project} are stored. The same sync, started again, goes on from there."
        )

    def _drive(
        self, crew: Crew, committer: Committer, interrupts: Interrupts, progress: Progress
    ) -> Exception | None:
        """Commits what the crew brings; returns the error that ends a sync before its time."""
        waiting = {each.storage_id for each in self._plan.todo if each.streams}
        unanswered = 0
        while waiting and not interrupts.requested:
            item = crew.take(timeout=0.1)
            if isinstance(item, Failure):
                if isinstance(item.error, AuthError | StoreError):
                    return item.error
                unanswered = unanswered + 1 if isinstance(item.error, _OUTAGE) else 0
            elif item is not None:
                unanswered = 0
            if item is not None:
                committer.add(item)
                if isinstance(item, Failure) or item.final:
                    waiting.discard(item.plan.storage_id)
            if committer.commit_if_due():
                progress.update(committer.runs, committer.rows, self._traffic()[1])
            if isinstance(item, Failure) and unanswered >= OUTAGE_RUNS:
                return item.error
        return None

    def report(self, started: float) -> SyncReport:
        """Tells what was done."""
        sent, received = self._traffic()
        committer = self._committer
        return SyncReport(
            path=str(self._project),
            store=str(self._store.path),
            status="partial" if committer.partial else "ok",
            runs=len(self._places) + len(self._listed.unreadable),
            actions=self._plan.actions,
            vanished=len(self._gone),
            rows=committer.rows,
            parts=self._changed,
            bytes=received,
            requests=sent,
            seconds=round(time.monotonic() - started, 3),
            failures=committer.failures,
            incomplete=committer.incomplete,
        )

    def _fetch_headers(self) -> Headers:
        return fetch_run_headers(self._service, self._project, filters=self._filters)

    def _header(self, storage_id: str) -> dict[str, Any]:
        runs, place = self._listed.runs, self._places[storage_id]
        return {name: runs.column(name)[place].as_py() for name in HEADER}

    def _missing_from(self, listed: Headers, candidates: set[str]) -> set[str]:
        """Narrows candidates to those a listing shows to be gone; a shaky listing shows nothing."""
        unread = {lost.storage_id for lost in listed.unreadable}
        if not listed.stable or None in unread:
            return set()
        return candidates - set(listed.runs["storage_id"].to_pylist()) - unread

    def _traffic(self) -> tuple[int, int]:
        """Requests sent and bytes received by this sync so far."""
        stats = self._service.session.stats
        return stats.requests - self._before[0], stats.bytes_received - self._before[1]
