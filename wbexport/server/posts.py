"""The body of a file stream request, parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from wbexport.arrow.literals import parse_rows

__all__ = ["ConsoleLine", "Lines", "Post", "Seen", "parse_console_line", "parse_post"]

_HISTORY = "wandb-history.jsonl"
_EVENTS = "wandb-events.jsonl"
_SUMMARY = "wandb-summary.json"
_CONSOLE = "output.log"

_STAMPED = re.compile(
    r"(?:(?P<level>[A-Z]+) )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?) (?P<text>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Lines:
    """Consecutive lines of one streamed file, the first of them with number `offset`."""

    offset: int = 0
    content: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.content)

    @property
    def end(self) -> int:
        """Line number after the last."""
        return self.offset + len(self.content)

    def after(self, seen: int) -> Lines:
        """Return what is left without the first `seen` lines of the file."""
        known = min(max(seen - self.offset, 0), len(self.content))
        return Lines(self.offset + known, self.content[known:])


@dataclass(frozen=True)
class ConsoleLine:
    """One line that a run printed, its time (UTC) and level taken off."""

    logged_at: datetime | None
    level: str | None
    text: str


@dataclass(frozen=True)
class Post:
    """One file stream request.

    Attributes:
        history: Rows as JSON text.
        events: Machine metrics as JSON text.
        summary: The whole summary as JSON text, when it is sent.
        console: Console lines.
        shared: Whether several processes write the run, each counting lines and steps alone.
        preempting: Whether the machine may go away.
        complete: Whether this is the last request.
        exit_code: How the process ended.
    """

    history: Lines = field(default_factory=Lines)
    events: Lines = field(default_factory=Lines)
    summary: str | None = None
    console: Lines = field(default_factory=Lines)
    shared: bool = False
    preempting: bool = False
    complete: bool = False
    exit_code: int | None = None


@dataclass(frozen=True)
class Seen:
    """How many lines one of several processes has posted to a run they share."""

    history: int = 0
    events: int = 0
    console: int = 0

    def after(self, post: Post) -> Seen:
        """Return the counts once a request is stored."""
        return Seen(
            history=max(self.history, post.history.end),
            events=max(self.events, post.events.end),
            console=max(self.console, post.console.end),
        )

    def fresh(self, post: Post, counts: Seen) -> Post:
        """Return what is new in a request, numbered after what the run has."""
        return replace(
            post,
            history=Lines(counts.history, post.history.after(self.history).content),
            events=Lines(counts.events, post.events.after(self.events).content),
            console=Lines(counts.console, post.console.after(self.console).content),
        )


def parse_console_line(line: str) -> ConsoleLine:
    """Split a console line into level, time and text."""
    match = _STAMPED.fullmatch(line)
    if match is None:
        return ConsoleLine(None, None, line)
    try:
        moment = datetime.fromisoformat(match["time"])
    except ValueError:
        return ConsoleLine(None, None, line)
    level = match["level"].lower() if match["level"] else None
    return ConsoleLine(moment, level, match["text"])


def parse_post(body: bytes, *, shared: bool = False) -> Post:
    """Read the unpacked body of a file stream request.

    Raises:
        ValueError: When it is not of the protocol's form.
    """
    parsed = orjson.loads(body) if body.strip() else {}
    if not isinstance(parsed, dict):
        raise ValueError("send one JSON object")
    streamed = {} if parsed.get("files") is None else parsed["files"]
    if not isinstance(streamed, dict):
        raise ValueError("files must be an object")
    summary = _lines(streamed.get(_SUMMARY))
    exit_code = parsed.get("exitcode")
    return Post(
        history=_lines(streamed.get(_HISTORY)),
        events=_lines(streamed.get(_EVENTS)),
        summary=_summary_text(summary.content[-1]) if summary else None,
        console=_lines(streamed.get(_CONSOLE)),
        shared=shared,
        preempting=bool(parsed.get("preempting")),
        complete=bool(parsed.get("complete")),
        exit_code=exit_code if isinstance(exit_code, int) else None,
    )


def _lines(value: object) -> Lines:
    if value is None:
        return Lines()
    if not isinstance(value, dict):
        raise ValueError("a streamed file must be an object with offset and content")
    offset, content = value.get("offset", 0), value.get("content") or []
    if not isinstance(offset, int) or offset < 0:
        raise ValueError("offset must be a line number")
    if not isinstance(content, list) or not all(isinstance(line, str) for line in content):
        raise ValueError("content must be a list of lines")
    return Lines(offset, tuple(content))


def _summary_text(line: str) -> str:
    """Check that a summary is a JSON object; bare NaN is fine."""
    parse_rows([line])
    return line
