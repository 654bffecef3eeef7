"""The names a filter or an order may use, and the column or JSON key each one means."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wbexport.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MISSING", "Field", "Kind", "check_text", "lookup", "resolve", "suggest"]

Kind = Literal["text", "number", "flag", "time", "tags", "json"]

#: What `lookup` gives for a key that is not there, to be told from an explicit null.
MISSING = object()

_MAX_NAME = 1_000
_MAX_PARTS = 32
_MAX_FULLY_SPLIT = 6


@dataclass(frozen=True, slots=True)
class Field:
    """One thing of a run that can be compared or sorted by.

    Args:
        name: W&B's name for it.
        column: Column of the runs relation that holds it.
        kind: How the column's values are read.
        paths: For JSON columns, the keys to follow; the first path that exists counts.
    """

    name: str
    column: str
    kind: Kind
    paths: tuple[tuple[str, ...], ...] = ()


# W&B's camelCase name, the column, its kind; the snake_case name follows from the first.
_RUN_FIELDS: tuple[tuple[str, str, Kind], ...] = (
    ("id", "storage_id", "text"),
    ("name", "run_id", "text"),
    ("displayName", "display_name", "text"),
    ("state", "state", "text"),
    ("group", "group_name", "text"),
    ("jobType", "job_type", "text"),
    ("sweep", "sweep_id", "text"),
    ("tags", "tags", "tags"),
    ("notes", "notes", "text"),
    ("description", "description", "text"),
    ("commit", "git_commit", "text"),
    ("host", "host", "text"),
    ("program", "program", "text"),
    ("readOnly", "read_only", "flag"),
    ("username", "username", "text"),
    ("user", "username", "text"),
    ("createdAt", "created_at", "time"),
    ("heartbeatAt", "heartbeat_at", "time"),
    ("updatedAt", "updated_at", "time"),
    ("duration", "duration", "number"),
    ("exitcode", "exit_code", "number"),
    ("stopped", "stop_requested", "flag"),
    ("historyLineCount", "history_line_count", "number"),
    ("eventsLineCount", "events_line_count", "number"),
    ("logLineCount", "log_line_count", "number"),
)

# A root of dotted names, the JSON column it reads, and the keys that stand before the name.
_JSON_ROOTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "config": ("config", ()),
    "summary_metrics": ("summary", ()),
    "system_metrics": ("system_metrics", ()),
    "keys_info.keys": ("history_keys", ("keys",)),
}

# Fields by which only W&B's own server can choose runs: no run holds them.
_SERVER_ONLY = ("inputArtifacts", "input_artifacts", "outputArtifacts", "output_artifacts")

# Near misses that no spelling distance would find.
_KNOWN_MISTAKES = {
    "summary": "summary_metrics",
    "summaryMetrics": "summary_metrics",
    "systemMetrics": "system_metrics",
    "historyKeys": "keys_info.keys",
    "keys_info": "keys_info.keys",
    "exit_code": "exitcode",
}


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


_FIELDS = {
    spelling: Field(name, column, kind, ((),) if kind == "tags" else ())
    for name, column, kind in _RUN_FIELDS
    for spelling in (name, _snake_case(name))
}
_NAME_OF_COLUMN = {column: name for name, column, _ in reversed(_RUN_FIELDS)}


def resolve(name: str) -> Field:
    """Find what a filter or order name means.

    Args:
        name: `state`, `createdAt`, `created_at`, `config.KEY`, `summary_metrics.KEY`, …

    Returns:
        The field; for dotted JSON keys with every reading, longest literal key first.
    """
    check_text(name)
    if field := _FIELDS.get(name):
        return field
    for root, (column, keys) in _JSON_ROOTS.items():
        if name.startswith(f"{root}."):
            return _json_field(name, name[len(root) + 1 :], column, keys)
    if name.partition(".")[0] in _SERVER_ONLY:
        raise QueryError(
            f"{name[:80]!r} is known to W&B's server alone: a filter must mean the same there, in "
            "the store and in frames; leave it out and choose among the runs that are found"
        )
    raise QueryError(f"no run field is called {name[:80]!r}{_suggest_field(name)}")


def _json_field(name: str, key: str, column: str, keys: tuple[str, ...]) -> Field:
    parts = key.split(".")
    if not key or len(key) > _MAX_NAME or len(parts) > _MAX_PARTS:
        limits = f"1 to {_MAX_NAME} characters and at most {_MAX_PARTS} dotted parts"
        raise QueryError(f"the key of {name[:80]!r} must have {limits}")
    readings: Iterable[tuple[str, ...]] = _readings(parts)
    if column == "config":
        readings = (_without_wrapper(reading) for reading in readings)
        if parts[0] == "_wandb":
            return _json_field(name, ".".join(parts[1:]).removeprefix("value."), "wandb_config", ())
    paths = dict.fromkeys((*keys, *reading) for reading in readings)
    return Field(name, column, "json", tuple(paths))


def _readings(parts: list[str]) -> Iterator[tuple[str, ...]]:
    """Give the keys that dotted parts may stand for; only the main ones when there are many."""
    yield (".".join(parts),)
    for size in range(len(parts) - 1, 0, -1):
        head, rest = ".".join(parts[:size]), parts[size:]
        if len(parts) <= _MAX_FULLY_SPLIT:
            yield from ((head, *tail) for tail in _readings(rest))
        else:
            yield from ((head, ".".join(rest)), (head, *rest))


def _without_wrapper(path: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the `value` of W&B's raw config, `{"lr": {"value": 0.1}}`; columns have none."""
    return path[:1] + path[2:] if path[1:2] == ("value",) else path


def lookup(document: Any, paths: Iterable[tuple[str, ...]]) -> Any:
    """Follow the first path that exists in a parsed JSON document."""
    for path in paths:
        value = document
        for key in path:
            value = _member(value, key)
            if value is MISSING:
                break
        else:
            return value
    return MISSING


def _member(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, MISSING)
    is_index = key.isascii() and key.isdigit() and (key == "0" or key[0] != "0")
    if isinstance(value, list) and is_index and int(key) < len(value):
        return value[int(key)]
    return MISSING


def check_text(text: str) -> str:
    """Refuse text that no UTF-8 store can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{text[:80]!a} holds half of a surrogate pair") from None
    return text


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Word a hint for a name that is not known.

    Returns:
        `"; did you mean 'x'?"`, or an empty string when nothing is near.
    """
    nearest = difflib.get_close_matches(name[:_MAX_NAME], list(candidates), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _suggest_field(name: str) -> str:
    root, dot, rest = name.partition(".")
    better = _KNOWN_MISTAKES.get(root) or _NAME_OF_COLUMN.get(root)
    if better is None and not dot and root in _JSON_ROOTS:
        better = f"{root}.KEY"
    if better is not None:
        return f"; did you mean '{better}{dot}{rest[:80]}'?"
    roots = {f"{known}.{rest}" for known in _JSON_ROOTS} if dot else set()
    return suggest(name, [*_FIELDS, *sorted(roots)])
