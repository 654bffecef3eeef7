"""Takes in the records of one run and keeps what they come to."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json
from wbexport.errors import IntegrityError, ResponseError, UnsafeNameError
from wbexport.ingest.artifacts import LoggedArtifact, read_artifact
from wbexport.ingest.definitions import MetricDefinitions, Telemetry
from wbexport.ingest.environment import read_environment
from wbexport.ingest.terminal import Console
from wbexport.ingest.wire import (
    fields,
    read_nanoseconds,
    read_signed,
    read_text,
    to_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wbexport.ingest.wire import Value

__all__ = ["HISTORY", "RUN", "Alert", "RunRecords", "kind_of"]

HISTORY, SUMMARY, OUTPUT, CONFIG, FILES, STATS, ARTIFACT = range(2, 9)
ALERT, TELEMETRY, METRIC, RAW_OUTPUT = range(10, 14)
RUN, EXIT, PREEMPTING, ENVIRONMENT = 17, 18, 23, 26

#: Beside the record itself: its number, and how the parts of the SDK passed it on.
_ENVELOPE = frozenset({1, 16, 19, 200})
#: Fields of a run record that are columns of the store.
_RUN_TEXTS = {
    6: "group_name",
    7: "job_type",
    8: "display_name",
    9: "notes",
    12: "sweep_id",
    13: "host",
}
#: Fields of a history, config, summary or stats item.
_KEY, _NESTED, _JSON = 1, 2, 16

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """One call of `run.alert`."""

    title: str
    text: str
    level: str


def kind_of(record: bytes) -> tuple[int, Value]:
    """Tell what a record is: the number of its kind, and its content; 0 for none."""
    return next((each for each in fields(record) if each[0] not in _ENVELOPE), (0, b""))


@dataclass
class RunRecords:
    """What the records of one run come to, over all of its files.

    Attributes:
        entity: Its owner, if the run names one.
        project: Its project, if the run names one.
        run_id: The run's id.
        columns: Columns of the store that the run's own records name.
        config: The hyperparameters.
        own: What W&B keeps beside them.
        alerts: What the run sent alerts about.
        saved: Names of files that the run says it saved.
        artifacts: Versions of artifacts that it logged.
        refused: Why others cannot be taken.
        unknown: Kinds of records that a newer SDK wrote.
        ended: Whether the last file has the record of its end.
        exit_code: How the process ended.
        preempting: Whether the machine was about to go away.
        rows: Number of history rows read.
        console: What the last file's process printed.
    """

    config: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    entity: str | None = None
    project: str | None = None
    run_id: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    saved: set[str] = field(default_factory=set)
    artifacts: list[LoggedArtifact] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    ended: bool = False
    exit_code: int | None = None
    preempting: bool = False
    rows: int = 0
    console: Console = field(default_factory=Console)
    started: int = 0
    latest: int = 0
    _metrics: MetricDefinitions = field(default_factory=MetricDefinitions)
    _telemetry: Telemetry = field(default_factory=Telemetry)
    _environment: dict[str, Any] = field(default_factory=dict)
    _summary: dict[str, Any] = field(default_factory=dict)
    #: The last change of each value of the summary, none where it was removed: a run of many
    #: steps writes each of them many times.
    _changes: dict[_Path, bytes | None] = field(default_factory=dict)
    _summarized: bool = False
    _shapes: list[list[_Path]] = field(default_factory=list)
    _steps: list[int | None] = field(default_factory=list)
    _texts: list[bytes] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)

    def begin_file(self, first_line: int) -> None:
        """Prepare for the records of one more process that logged the run."""
        self.console = Console(first_line)
        self.ended, self.exit_code, self.preempting = False, None, False

    def take(self, record: bytes) -> None:
        """Take in one record.

        Raises:
            IntegrityError: It cannot be read.
        """
        kind, content = kind_of(record)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, content)
        elif kind not in _IGNORED:
            self.unknown.add(kind)

    @property
    def waiting(self) -> int:
        """Number of logged values that `take_rows` would give."""
        return len(self._texts)

    def take_rows(self) -> list[dict[str, Any]]:
        """Give the history rows read since the last call."""
        values = iter(_parse_all(self._texts))
        first = self.rows - len(self._shapes)
        found = []
        for number, (shape, step) in enumerate(
            zip(self._shapes, self._steps, strict=True), start=first
        ):
            row: dict[str, Any] = {}
            for path, value in zip(shape, values, strict=False):
                if len(path) == 1:
                    row[path[0]] = value
                else:
                    _put(row, path, value)
            row["_step"] = _whole_step(row.get("_step", number if step is None else step))
            found.append(row)
        if not self._summarized:
            # An SDK before 0.17 writes the summary when the run ends, which may never happen.
            for row in found:
                self._summary |= row
        self._shapes, self._steps, self._texts = [], [], []
        return found

    def take_events(self) -> list[dict[str, Any]]:
        """Give the machine metrics read since the last call."""
        found, self._events = self._events, []
        return found

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, as far as the records are read."""
        for path, text in self._changes.items():
            if text is None:
                _remove(self._summary, path)
            else:
                _put(self._summary, path, _parse(text))
        self._changes.clear()
        return self._summary

    @summary.setter
    def summary(self, values: dict[str, Any]) -> None:
        self._summary = values

    @property
    def environment(self) -> dict[str, Any]:
        """What is known of the machine and the program, as in `wandb-metadata.json`."""
        return self._environment

    def wandb_config(self) -> dict[str, Any]:
        """Give what W&B keeps beside the config: metrics, telemetry, environment."""
        own = dict(self.own)
        for key, number in (("cli_version", 5), ("python_version", 4)):
            if number in self._telemetry.texts:
                own[key] = self._telemetry.texts[number]
        if telemetry := self._telemetry.to_config():
            own["t"] = telemetry
        own["m"] = self._metrics.to_config() or own.get("m", [])
        if writer := self._environment.get("writerId"):
            own["e"] = {**own.get("e", {}), writer: self._environment}
        return own

    def _run(self, content: Value) -> None:
        texts: dict[str, Any] = {}
        tags = []
        for number, value in fields(content):
            if number in _RUN_TEXTS:
                texts[_RUN_TEXTS[number]] = read_text(value)
            elif number == 1:
                self.run_id = read_text(value)
            elif number == 2:
                self.entity = read_text(value) or None
            elif number == 3:
                self.project = read_text(value) or None
            elif number == 4:
                self._config(value)
            elif number == 5:
                self._summarize(value)
            elif number == 10:
                tags.append(read_text(value))
            elif number == 17:
                self._pass(read_nanoseconds(value))
                self.started = read_nanoseconds(value)
            elif number == 19:
                self._telemetry.add(value)
            elif number == 21:
                commit = dict(fields(value)).get(2)
                texts["git_commit"] = read_text(commit) if commit else ""
        self.columns |= {name: text for name, text in texts.items() if text}
        if tags:
            self.columns["tags"] = tags

    def _history(self, content: Value) -> None:
        shape: list[_Path] = []
        step = None
        for number, value in fields(content):
            if number == 1:
                path, text = _item(value)
                shape.append(path)
                self._texts.append(text)
                if path == ("_timestamp",):
                    self._pass(_seconds(text))
            elif number == 2:
                step = next((read_signed(num) for key, num in fields(value) if key == 1), 0)
        self._shapes.append(shape)
        self._steps.append(step)
        self.rows += 1

    def _config(self, content: Value) -> None:
        for number, item in fields(content):
            if number == 1:
                path, text = _item(item)
                _put(self.config, path, _parse(text))
            elif number == 2:
                _remove(self.config, _item(item)[0])
        own = self.config.pop("_wandb", None)
        if isinstance(own, dict):
            self.own |= own

    def _summarize(self, content: Value) -> None:
        for number, item in fields(content):
            if number in (1, 2):
                path, text = _item(item)
                self._changes.pop(path, None)
                self._changes[path] = text if number == 1 else None
                # The service of 0.31 notes its clock before anything is known of the summary.
                self._summarized = self._summarized or path[0] not in ("_wandb", "_runtime")

    def _stats(self, content: Value) -> None:
        moment = self.started
        row: dict[str, Any] = {}
        for number, value in fields(content):
            if number == 2:
                moment = read_nanoseconds(value)
            elif number == 3:
                path, text = _item(value)
                row[f"system.{path[-1]}"] = _parse(text)
        self._pass(moment)
        self._events.append(
            {"_timestamp": moment / 1e9, "_runtime": (moment - self.started) / 1e9} | row
        )

    def _output(self, content: Value) -> None:
        found = dict(fields(content))
        moment = read_nanoseconds(found.get(2, b""))
        self._pass(moment)
        text = read_text(found.get(3, b""))
        self.console.write(text, to_time(moment), is_error=found.get(1, 0) == 0)

    def _files(self, content: Value) -> None:
        for number, value in fields(content):
            if number == 1:
                self.saved.add(read_text(dict(fields(value)).get(1, b"")))

    def _alert(self, content: Value) -> None:
        found = {number: read_text(value) for number, value in fields(content)}
        self.alerts.append(Alert(found.get(1, ""), found.get(2, ""), found.get(3, "")))

    def _artifact(self, content: Value) -> None:
        try:
            self.artifacts.append(read_artifact(content))
        except UnsafeNameError as error:
            self.refused.append(str(error))

    def _exit(self, content: Value) -> None:
        self.ended = True
        self.exit_code = read_signed(dict(fields(content)).get(1, 0))

    def _preempt(self, content: Value) -> None:
        self.preempting = True

    def _take_environment(self, content: Value) -> None:
        found = read_environment(content) if isinstance(content, bytes) else {}
        if found.get("writerId") != self._environment.get("writerId"):
            self._environment = {}
        self._environment |= found

    def _pass(self, moment: int) -> None:
        self.latest = max(self.latest, moment)


_HANDLERS: dict[int, Callable[[RunRecords, Value], None]] = {
    HISTORY: RunRecords._history,
    SUMMARY: RunRecords._summarize,
    OUTPUT: RunRecords._output,
    RAW_OUTPUT: RunRecords._output,
    CONFIG: RunRecords._config,
    FILES: RunRecords._files,
    STATS: RunRecords._stats,
    ARTIFACT: RunRecords._artifact,
    ALERT: RunRecords._alert,
    TELEMETRY: lambda run, content: run._telemetry.add(content),
    METRIC: lambda run, content: run._metrics.add(content),
    RUN: RunRecords._run,
    EXIT: RunRecords._exit,
    PREEMPTING: RunRecords._preempt,
    ENVIRONMENT: RunRecords._take_environment,
}
#: Begin and end of the file, TensorBoard folders, use of artifacts, requests inside the SDK, the
#: SDK's own messages: nothing in them belongs to a run as the store knows it.
_IGNORED = frozenset({0, 9, 20, 21, 22, 24, 25, 27, 100})


def _item(data: Value) -> tuple[_Path, bytes]:
    """Read one item of a history, config, summary or stats record: where, and which JSON text."""
    if isinstance(data, bytes) and (plain := _plain_item(data)) is not None:
        return plain
    key, nested, text = "", [], b"null"
    for number, value in fields(data):
        if number == _JSON and isinstance(value, bytes):
            text = value
        elif number == _NESTED:
            nested.append(_name(value))
        elif number == _KEY:
            key = _name(value)
        elif number in _TYPED:
            text = _TYPED[number](value)
    return tuple(nested) or (key,), text


def _plain_item(data: bytes) -> tuple[_Path, bytes] | None:
    """Read an item of one short name and a JSON text, as nearly all are; logs hold millions."""
    if data[:1] not in (b"\x0a", b"\x12") or len(data) < 5:
        return None
    stop = 2 + data[1]
    start = stop + 3
    if stop > 129 or data[stop : stop + 2] != b"\x82\x01" or start > len(data):
        return None
    size = data[stop + 2]
    return (_path(data[2:stop]), data[start:]) if size < 128 and start + size == len(data) else None


@lru_cache(maxsize=10_000)
def _path(name: bytes) -> _Path:
    return (read_text(name),)


@lru_cache(maxsize=10_000)
def _name(value: Value) -> str:
    return read_text(value)


def _zigzag(value: Value) -> bytes:
    number = value if isinstance(value, int) else 0
    return b"%d" % ((number >> 1) ^ -(number & 1))


def _double(value: Value) -> bytes:
    if not isinstance(value, bytes) or len(value) != 8:
        raise IntegrityError("a history record holds something else where a number belongs")
    return json.dumps(struct.unpack("<d", value)[0]).encode()


#: History items may hold values as they are, besides JSON text.
_TYPED: dict[int, Callable[[Value], bytes]] = {
    3: lambda value: b"null",
    4: lambda value: b"true" if value else b"false",
    5: _zigzag,
    6: _double,
    7: lambda value: json.dumps(read_text(value)).encode(),
    8: lambda value: value if isinstance(value, bytes) else b"null",
}


def _put(values: dict[str, Any], path: _Path, value: Any) -> None:
    for part in path[:-1]:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[path[-1]] = value


def _remove(values: dict[str, Any], path: _Path) -> None:
    for part in path[:-1]:
        inner = values.get(part)
        if not isinstance(inner, dict):
            return
        values = inner
    values.pop(path[-1], None)


def _parse(text: bytes) -> Any:
    try:
        return parse_json(text)
    except ResponseError as error:
        raise IntegrityError("a record holds a value that is not JSON") from error


def _parse_all(texts: Sequence[bytes]) -> list[Any]:
    """Parse many JSON texts at once, which is several times as fast."""
    found: list[Any] = _parse(b"[%b]" % b",".join(texts))
    if len(found) != len(texts):
        raise IntegrityError("a record holds a value that is not JSON")
    return found


def _whole_step(step: Any) -> int:
    if type(step) not in (int, float) or step != step // 1:
        raise IntegrityError(f"a history record has no whole number as its step: {step!r:.80}")
    return int(step)


def _seconds(text: bytes) -> int:
    """Read a time in seconds, as nanoseconds; anything else is no time."""
    try:
        return int(float(text) * 1e9)
    except (ValueError, OverflowError):
        return 0
