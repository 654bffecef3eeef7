"""Decides what a sync has to fetch, from what is stored and what the server lists; no I/O."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import orjson

from wbexport.arrow.literals import parse_json
from wbexport.arrow.schema import RUNS
from wbexport.graphql.models import count_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "DEFAULT_STREAMS",
    "LIVE_STATES",
    "Action",
    "Fingerprint",
    "Part",
    "RunPlan",
    "StoredRun",
    "Stream",
    "SyncPlan",
    "parse_object",
    "plan_run",
    "plan_runs",
]

Action = Literal["new", "resume", "grew", "rewritten", "edited", "kept", "unchanged"]
Stream = Literal["history", "system", "files", "console"]
Part = Literal["artifacts", "sweeps", "reports"]

#: What a sync brings over unless told otherwise.
DEFAULT_STREAMS: tuple[Stream, ...] = ("history",)

#: States in which a run may still write.
LIVE_STATES = frozenset({"running", "pending", "preempting"})

#: An incomplete or quarantined run whose header stands still is tried this often, then left alone.
MAX_ATTEMPTS = 3

_HISTORY_COLUMNS = frozenset({"storage_id", "history_keys", "history_line_count", "last_step"})
_COUNTERS = frozenset({"updated_at", "duration", "events_line_count", "log_line_count"})
_DESCRIBED = tuple(name for name in RUNS.names if name not in _HISTORY_COLUMNS | _COUNTERS)
_PAGED_ROWS = 10_000
_SECONDS_PER_REQUEST = 0.3
_BYTES_PER_SECOND = 10e6
_BYTES_PER_VALUE = 9


def _hash(value: object) -> str:
    encoded = orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(encoded, digest_size=10).hexdigest()


def parse_object(text: str | None) -> dict[str, Any]:
    """Parses a JSON column of a header, in which NaN may be bare; what is no object is empty."""
    value = parse_json(text or "{}")
    return value if isinstance(value, dict) else {}


def _branch_point(text: str | None) -> Any:
    return parse_object(text).get("branch_point") if text and "branch_point" in text else None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one header says of a run, small enough to be stored beside it.

    Args:
        lines: Number of history rows, when the server tells.
        last_step: Last step of the history, when the server tells.
        keys: Hash of the history keys.
        branch: Hash of the point where the run was forked or rewound.
        heartbeat: Time of the last write to the history.
        described: Hash of everything a person or a script may edit.
        streams: Marker of each further stream that was fetched.
    """

    lines: int | None
    last_step: int | None
    keys: str
    branch: str
    heartbeat: str
    described: str
    streams: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Fingerprint:
        """Takes the fingerprint of one row of a listing."""
        return cls(
            lines=header["history_line_count"],
            last_step=header["last_step"],
            keys=_hash(header["history_keys"]),
            branch=_hash(_branch_point(header["wandb_config"])),
            heartbeat=str(header["heartbeat_at"]),
            described=_hash([header[name] for name in _DESCRIBED]),
        )

    def with_history_of(self, then: Fingerprint) -> Fingerprint:
        """Keeps what was known of the history: this time it is not looked at."""
        return replace(
            self,
            lines=then.lines,
            last_step=then.last_step,
            keys=then.keys,
            branch=then.branch,
            heartbeat=then.heartbeat,
        )

    def encode(self) -> str:
        """Writes the fingerprint as text."""
        return orjson.dumps(
            [
                self.lines,
                self.last_step,
                self.keys,
                self.branch,
                self.heartbeat,
                self.described,
                dict(self.streams),
            ]
        ).decode()

    @classmethod
    def decode(cls, text: str | None) -> Fingerprint | None:
        """Reads what `encode` wrote; anything else is no fingerprint."""
        try:
            return cls(*orjson.loads(text or "null"))
        except (TypeError, orjson.JSONDecodeError):
            return None

    def with_streams(self, streams: Mapping[str, str]) -> Fingerprint:
        """Remembers which further streams were fetched, and in which state."""
        return replace(self, streams=dict(streams))


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What the store knows of a run.

    Args:
        run_no: Its number in the store.
        status: 'complete', 'loading', 'incomplete', 'header' or 'live'.
        fingerprint: Fingerprint of the header it was last brought over by.
        rows: Number of stored history rows.
        last_step: Last stored step; none when there are no rows.
        attempts: How often in a row it failed.
        generation: How often its history was rewritten, from 1.
        gone: Whether it is known to be deleted on the server.
        run_id: Its id in paths.
        is_local: Whether it was logged or ingested here, and never brought over.
    """

    run_no: int
    status: str
    fingerprint: Fingerprint | None
    rows: int
    last_step: int | None
    attempts: int = 0
    generation: int = 1
    gone: bool = False
    run_id: str | None = None
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What has to be done for one run.

    Args:
        storage_id: The run's identity.
        run_id: The run's id in paths.
        action: Why it is fetched, or 'unchanged'.
        from_step: Where the history is read from; its row is compared with the stored one.
        streams: What is fetched: any of history, system, files, console.
        rows: Estimated history rows.
        values: Estimated logged values.
        fingerprint: Fingerprint of the listed header.
        stored: What the store knows, if anything.
    """

    storage_id: str
    run_id: str
    action: Action
    from_step: int | None
    streams: tuple[Stream, ...]
    rows: int
    values: int
    fingerprint: Fingerprint
    stored: StoredRun | None

    @property
    def exports(self) -> bool:
        """Whether exported files are looked at: for no rows, or a few new ones, pages cost less."""
        if self.from_step is None:
            empty = self.fingerprint.lines == 0 and self.fingerprint.last_step in (None, -1)
            return not empty
        return self.rows > _PAGED_ROWS


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a sync would do; see `wbexport.plan`.

    Args:
        path: The project.
        runs: One entry per listed run, in listing order.
        vanished: Storage ids of stored runs that the listing does not hold.
        page_size: Page size of the listing.
        jobs: Concurrency the estimate is made for.
    """

    path: str
    runs: tuple[RunPlan, ...]
    vanished: tuple[str, ...] = ()
    page_size: int = 1000
    jobs: int = 12

    @property
    def actions(self) -> dict[str, int]:
        """Number of runs per action."""
        return dict(Counter(run.action for run in self.runs))

    @property
    def todo(self) -> tuple[RunPlan, ...]:
        """The runs that something is to be brought over of."""
        return tuple(run for run in self.runs if run.action not in ("kept", "unchanged"))

    @property
    def rows(self) -> int:
        """Estimated history rows to fetch."""
        return sum(run.rows for run in self.todo)

    @property
    def bytes(self) -> int:
        """Estimated bytes to receive."""
        return sum(run.values for run in self.todo) * _BYTES_PER_VALUE + 2000 * len(self.runs)

    @property
    def requests(self) -> int:
        """Estimated number of requests."""
        pages = max(1, -(-len(self.runs) // self.page_size))
        return pages + sum(2 * len(run.streams) + run.rows // 50_000 for run in self.todo)

    @property
    def minutes(self) -> float:
        """Estimated duration, at 0.3 s a request and 10 MB/s."""
        waiting = self.requests * _SECONDS_PER_REQUEST / self.jobs
        return round((waiting + self.bytes / _BYTES_PER_SECOND) / 60, 2)

    def to_dict(self) -> dict[str, Any]:
        """Gives the totals, for machines."""
        return {
            "path": self.path,
            "runs": len(self.runs),
            "actions": self.actions,
            "vanished": len(self.vanished),
            "rows": self.rows,
            "bytes": self.bytes,
            "requests": self.requests,
            "minutes": self.minutes,
        }


def _history_action(now: Fingerprint, stored: StoredRun) -> Action:
    """Compares the history parts of a stored and a listed header."""
    then = stored.fingerprint
    if stored.is_local:
        return "rewritten" if now.lines is not None and now.lines >= stored.rows else "kept"
    if then is None or stored.status == "header":
        return "new" if not stored.rows else "rewritten"
    if now.branch != then.branch:
        return "rewritten"
    if stored.status == "loading":
        shrunk = now.lines is not None and now.lines < stored.rows
        return "rewritten" if shrunk else "resume"
    same = (now.lines, now.last_step, now.keys) == (then.lines, then.last_step, then.keys)
    if stored.status == "incomplete":
        return "unchanged" if same and stored.attempts >= MAX_ATTEMPTS else "rewritten"
    if same:
        # A writer was there and left no trace in the counts: its last row is looked at again.
        return "grew" if now.heartbeat != then.heartbeat and stored.rows else "unchanged"
    longer = _more(now.last_step, then.last_step) and _more(now.lines, then.lines)
    return "grew" if longer else "rewritten"


def _more(now: int | None, then: int | None) -> bool:
    """Whether a counter moved up; a counter the server does not give may have."""
    return now is None or then is None or now > then


def _marker(stream: Stream, header: Mapping[str, Any]) -> str:
    """Gives the part of a header that moves when a further stream does."""
    if stream == "system":
        return str(header["events_line_count"])
    # Progress bars rewrite lines, and files are replaced, without any count moving.
    written = f"{header['state']} {header['heartbeat_at']}"
    return f"{header['log_line_count']} {written}" if stream == "console" else written


def _value_count(header: Mapping[str, Any], rows: int) -> int:
    """Estimates logged values from the history keys, at 3 values a row without them."""
    if not rows:
        return 0
    keys = parse_object(header["history_keys"]).get("keys") or {}
    total = sum(count_values(info) or 0 for info in keys.values())
    lines = header["history_line_count"] or 0
    return int(total * min(1.0, rows / lines)) if total and lines else 3 * rows


def plan_run(
    header: Mapping[str, Any], stored: StoredRun | None, include: Collection[Stream]
) -> RunPlan:
    """Compares one listed header with what is stored of the run.

    A run that was logged or ingested here is replaced by the server's copy once that has at
    least as many rows; before, it is kept as it is.

    Args:
        header: One row of the listing, with the columns of `wbexport.arrow.schema.RUNS`.
        stored: What the store knows of the run, if anything.
        include: The streams that are wanted.

    Returns:
        The action, and where to start.
    """
    then = stored.fingerprint if stored is not None else None
    before = dict(then.streams) if then else {}
    markers = {each: _marker(each, header) for each in include if each != "history"}
    streams: list[Stream] = [each for each, mark in markers.items() if before.get(each) != mark]
    now = Fingerprint.of(header).with_streams(before | markers)
    action: Action = "new"
    if stored is not None and "history" in include:
        action = _history_action(now, stored)
        streams = [] if action == "kept" else streams
    elif stored is not None and stored.is_local:
        action, streams = "kept", []
    elif stored is not None:
        action = "unchanged"
        now = now.with_history_of(then) if then else now
    if "history" in include and action in ("new", "resume", "grew", "rewritten"):
        streams.insert(0, "history")
    if action == "unchanged" and stored is not None:
        same = then is not None and now.described == then.described and not stored.gone
        action = "unchanged" if same and not streams else "edited"
    appends = stored is not None and action in ("grew", "resume")
    kept = stored.rows if stored is not None and appends else 0
    rows = max(0, (header["history_line_count"] or 0) - kept) if "history" in streams else 0
    return RunPlan(
        storage_id=header["storage_id"],
        run_id=header["run_id"],
        action=action,
        from_step=stored.last_step if stored is not None and appends else None,
        streams=tuple(streams),
        rows=rows,
        values=_value_count(header, rows),
        fingerprint=now,
        stored=stored,
    )


def plan_runs(
    path: str,
    headers: Iterable[Mapping[str, Any]],
    stored: Mapping[str, StoredRun],
    *,
    include: Collection[Stream] = DEFAULT_STREAMS,
    filtered: bool = False,
    jobs: int = 12,
) -> SyncPlan:
    """Plans a whole project.

    Args:
        path: The project, for the report.
        headers: The complete listing.
        stored: What the store knows, by storage id.
        include: The streams that are wanted.
        filtered: Whether the listing was made with a filter; then nothing counts as vanished.
        jobs: Concurrency to estimate for.

    Returns:
        The plan, in listing order.
    """
    logged = {run.run_id: run for run in stored.values() if run.is_local}
    runs = tuple(
        plan_run(each, stored.get(each["storage_id"]) or logged.get(each["run_id"]), include)
        for each in headers
    )
    listed = {run.storage_id for run in runs}
    alive = {name for name, run in stored.items() if not (run.gone or run.is_local)}
    vanished = () if filtered else tuple(sorted(alive - listed))
    return SyncPlan(path, runs, vanished, jobs=jobs)
