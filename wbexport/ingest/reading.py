"""Reads the files of one run, in pieces that are small enough to be written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.literals import parse_json, wrap_config, write_json
from wbexport.arrow.schema import LONG
from wbexport.errors import UnsafeNameError
from wbexport.ingest.artifacts import store_bytes
from wbexport.ingest.folders import iter_files
from wbexport.ingest.frames import RecordLog
from wbexport.ingest.plan import Known, Part, encode_parts
from wbexport.ingest.records import RunRecords
from wbexport.ingest.wire import to_time
from wbexport.paths import safe_relative_path
from wbexport.store.logged import (
    CONSOLE,
    latest_metrics,
    logged_events,
    logged_rows,
    new_run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wbexport.ingest.artifacts import LoggedArtifact
    from wbexport.ingest.folders import RunFile
    from wbexport.ingest.report import Action
    from wbexport.store.blobs import Blob, BlobStore
    from wbexport.store.writer import Mode

__all__ = ["Piece", "RunReading"]

#: Logged values that are turned into a table together, and those of one piece.
_CHUNK_VALUES = 50_000
PIECE_VALUES = 500_000
#: A run that was silent for longer has crashed: machine metrics come every 15 seconds.
_SILENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a run that is written in one transaction.

    Args:
        run: Columns of the run.
        mode: Whether what is stored of it goes first.
        history: Logged values.
        events: Machine metrics.
        console: Console lines.
        files: Name, bytes and time of each of the run's files.
        artifacts: Versions of artifacts that it logged.
        rows: Number of history rows.
        final: Whether the run is complete with it.
    """

    run: dict[str, Any]
    mode: Mode
    history: pa.Table | None
    events: pa.Table | None
    console: pa.Table | None = None
    files: Sequence[tuple[str, Blob, datetime]] = ()
    artifacts: Sequence[LoggedArtifact] = ()
    rows: int = 0
    final: bool = False

    @property
    def values(self) -> int:
        """Number of values, which is what takes memory."""
        return sum(table.num_rows for table in (self.history, self.events) if table is not None)


@dataclass
class RunReading:
    """One run while it is read.

    Args:
        entity: Its owner.
        project: Its project.
        files: Its files, the first process first.
        known: What the store has of it.
        action: What is to be done.
        blobs: Takes the bytes of its files.

    Attributes:
        records: What the records come to.
        parts: What was read of each file.
        cut: What the last writers did not finish, by file.
        left_out: What was not taken, and why.
    """

    entity: str
    project: str
    files: Sequence[RunFile]
    known: Known | None
    action: Action
    blobs: BlobStore
    records: RunRecords = field(default_factory=RunRecords)
    parts: dict[str, Part] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _history: list[pa.Table] = field(default_factory=list)
    _events: list[pa.Table] = field(default_factory=list)
    _console: list[dict[str, Any]] = field(default_factory=list)
    _new_rows: int = 0
    _mode: Mode = "append"
    _last_step: int | None = None
    _system: str | None = None
    _skip_rows: int = 0
    _skip_events: int = 0

    def pieces(self) -> Iterator[Piece]:
        """Read the files.

        Raises:
            IntegrityError: A record cannot be read.
        """
        if self.known is not None and self.action == "grew":
            row = self.known.row
            self.parts = dict(self.known.parts)
            self._last_step, self._system = row["stored_last_step"], row["system_metrics"]
            self.records.config, self.records.own, self.records.summary = (
                parse_json(row[name] or "{}") for name in ("config", "wandb_config", "summary")
            )
        elif self.known is not None:
            self._mode = "replace"
        for file in self.files:
            yield from self._read(file)
        yield self._piece(final=True)

    def _read(self, file: RunFile) -> Iterator[Piece]:
        seen = self.parts.get(file.name)
        before = list(self.parts.values())
        if seen is not None:
            before = before[: list(self.parts).index(file.name)]
            self._skip_rows, self._skip_events = seen.rows, seen.events
        part = Part(0, shift=seen.shift if seen else 0)
        first_line = sum(each.lines for each in before)
        self.records.begin_file(first_line)
        with file.path.open("rb") as opened:
            log = RecordLog(opened)
            for record in log:
                self.records.take(record)
                if self.records.waiting >= _CHUNK_VALUES:
                    part = self._convert(part, before, is_new=seen is None)
                    self.parts[file.name] = part
                    if sum(table.num_rows for table in self._history) >= PIECE_VALUES:
                        yield self._piece(final=False)
        part = self._convert(part, before, is_new=seen is None)
        self._take_console()
        self.parts[file.name] = replace(
            part,
            size=file.size,
            lines=len(self.records.console),
            holes=tuple(map(str, log.holes)),
        )
        if log.tail is not None:
            self.cut[file.name] = str(log.tail)
        if part.shift and "_step" in self.records.summary:
            self.records.summary["_step"] = self._last_step
        if seen is not None:
            # Titles and tags that were changed in the store since stay as they are.
            self.records.columns.clear()

    def _convert(self, part: Part, before: Sequence[Part], *, is_new: bool) -> Part:
        """Turn what was read into tables; leave out what is stored already."""
        rows, events = self.records.take_rows(), self.records.take_events()
        if is_new and rows and not part.rows:
            part = replace(part, shift=self._shift_of(rows[0]["_step"]))
        first_event = sum(each.events for each in before) + part.events + self._skip_events
        part = replace(part, rows=part.rows + len(rows), events=part.events + len(events))
        rows, self._skip_rows = rows[self._skip_rows :], max(0, self._skip_rows - len(rows))
        events, self._skip_events = (
            events[self._skip_events :],
            max(0, self._skip_events - len(events)),
        )
        if rows:
            if part.shift:
                rows = [row | {"_step": row["_step"] + part.shift} for row in rows]
            table = logged_rows(rows)
            self._history.append(table)
            self._new_rows += len(rows)
            self._last_step = max(
                -1 if self._last_step is None else self._last_step,
                max(row["_step"] for row in rows),
            )
        if events:
            self._events.append(logged_events(events, first=first_event))
            self._system = latest_metrics(self._system, events)
        return part

    def _shift_of(self, step: int) -> int:
        """Tell what a process that begins at a step adds to go on where the run stands."""
        last = self._last_step
        return 0 if last is None or step > last else last + 1 - step

    def _take_console(self) -> None:
        self._console += [
            {
                "number": line.number,
                "logged_at": line.logged_at,
                "level": line.level,
                "line": line.text,
            }
            for line in self.records.console
        ]

    def _piece(self, *, final: bool) -> Piece:
        # Replacing something by nothing takes an empty table.
        nothing = [LONG.empty_table()] if self._mode == "replace" else []
        history, self._history = self._history or nothing, []
        events, self._events = self._events or nothing, []
        rows, self._new_rows = self._new_rows, 0
        mode, self._mode = self._mode, "append"
        console = pa.Table.from_pylist(self._console, schema=CONSOLE) if final else None
        files = list(self._store_files()) if final else []
        return Piece(
            self._columns(),
            mode,
            pa.concat_tables(history) if history else None,
            pa.concat_tables(events) if events else None,
            console,
            files,
            list(self._store_artifacts()) if final else [],
            rows,
            final,
        )

    def _columns(self) -> dict[str, Any]:
        """Give the run as the store keeps it, as far as it is read."""
        records, environment = self.records, self.records.environment
        run_id = self.files[0].run_id
        begun = to_time(self.files[0].started)
        row: dict[str, Any] = {}
        if self.known is None:
            row = new_run(self.entity, self.project, run_id, now=begun)
        elif self.action == "grew":
            begun = self.known.row["created_at"] or begun
        latest = to_time(records.latest)
        row |= {"storage_id": self.known.row["storage_id"]} if self.known else {}
        return row | {
            "run_id": run_id,
            "program": environment.get("program"),
            "git_commit": environment.get("git", {}).get("commit"),
            **records.columns,
            "state": self._state(latest),
            "exit_code": records.exit_code,
            "created_at": begun,
            "heartbeat_at": latest,
            "updated_at": latest,
            "duration": (latest - begun).total_seconds(),
            "config": write_json(records.config),
            "wandb_config": write_json(records.wandb_config()),
            "summary": write_json(records.summary),
            "system_metrics": self._system or "{}",
            "history_line_count": sum(part.rows for part in self.parts.values()),
            "events_line_count": sum(part.events for part in self.parts.values()),
            "log_line_count": sum(part.lines for part in self.parts.values()),
            "last_step": self._last_step,
            "status": "live",
            "streams": None,
            "fingerprint": encode_parts(self.parts),
            "missing_since": None,
        }

    def _state(self, latest: datetime) -> str:
        if self.records.ended:
            return "failed" if self.records.exit_code else "finished"
        if datetime.now(UTC).replace(tzinfo=None) - latest > _SILENCE:
            return "crashed"
        return "preempting" if self.records.preempting else "running"

    def _store_files(self) -> Iterator[tuple[str, Blob, datetime]]:
        """Keep the run's files; of two processes' files of one name, the later one's."""
        found: dict[str, Path] = {}
        for file in self.files:
            for name, place in iter_files(file.path.parent / "files", self.records.saved):
                try:
                    safe_relative_path(name)
                except UnsafeNameError as error:
                    self.left_out.append(str(error))
                    continue
                if place is None:
                    self.left_out.append(f"{name} is a link that the run did not save")
                else:
                    found[name] = place
        for name, place in found.items():
            with place.open("rb") as opened:
                changed = datetime.fromtimestamp(place.stat().st_mtime, UTC).replace(tzinfo=None)
                yield name, self.blobs.add(opened), changed
        for name, content in self._described_files().items():
            if name not in found:
                yield name, self.blobs.add(content.encode()), to_time(self.records.latest)

    def _store_artifacts(self) -> Iterator[LoggedArtifact]:
        self.left_out += self.records.refused
        for artifact in self.records.artifacts:
            if not artifact.listed:
                self.left_out.append(f"artifact {artifact.name}: its files are listed elsewhere")
                continue
            missing = store_bytes(artifact, self.blobs)
            if missing:
                self.left_out.append(
                    f"the bytes of {len(missing)} files of artifact {artifact.name}, such as "
                    f"{missing[0]}: they are no longer where the SDK left them"
                )
            yield artifact

    def _described_files(self) -> dict[str, str]:
        """Give the files that the SDK writes only when it uploads a run."""
        records = self.records
        config = wrap_config(records.config, records.wandb_config())
        # JSON is YAML, too.
        lines = [
            f"{json.dumps(key)}:\n    value: {write_json(item['value'])}\n"
            for key, item in sorted(config.items())
            if isinstance(item, dict)
        ]
        made = {"config.yaml": "".join(lines), "wandb-summary.json": write_json(records.summary)}
        if records.environment:
            made["wandb-metadata.json"] = json.dumps(records.environment, indent=2)
        return made
