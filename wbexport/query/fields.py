"""The names a filter or an order may use, and the column or JSON key each one means."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from wbexport.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "COLLECTION_FIELDS",
    "DOCUMENT_FIELDS",
    "MISSING",
    "PROJECT_FIELDS",
    "RUN_FIELDS",
    "SWEEP_FIELDS",
    "VERSION_FIELDS",
    "Field",
    "Fields",
    "Kind",
    "check_text",
    "lookup",
    "suggest",
]

Kind = Literal["text", "number", "flag", "time", "tags", "json"]

#: What `lookup` gives for a key that is not there, to be told from an explicit null.
MISSING = object()

_MAX_NAME = 1_000
_MAX_PARTS = 32
_MAX_FULLY_SPLIT = 6


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be compared or sorted by.

    Args:
        name: W&B's name for it.
        column: Column of the relation that holds it.
        kind: How the column's values are read.
        paths: For JSON columns, the keys to follow; the first path that exists counts.
    """

    name: str
    column: str
    kind: Kind
    paths: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Fields:
    """The names that filters and orders of one kind of thing may use.

    Args:
        thing: What the things are called.
        columns: W&B's camelCase name, the column and its kind; snake_case follows from the first.
        json_roots: A root of dotted names, the JSON column it reads, and the keys that stand
            before the name.
        server_only: Roots of names that are known to W&B's own server alone.
        mistakes: Near misses that no spelling distance would find.
    """

    thing: str
    columns: tuple[tuple[str, str, Kind], ...]
    json_roots: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    server_only: tuple[str, ...] = ()
    mistakes: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> Field:
        """Find what a filter or order name means.

        Args:
            name: `state`, `createdAt`, `created_at`, `config.KEY`, `summary_metrics.KEY`, …

        Returns:
            The field; for dotted JSON keys with every reading, longest literal key first.
        """
        check_text(name)
        if found := self._by_name.get(name):
            return found
        for root, (column, keys) in self.json_roots.items():
            if name.startswith(f"{root}."):
                return _json_field(name, name[len(root) + 1 :], column, keys)
        if name.partition(".")[0] in self.server_only:
            raise QueryError(
                f"{name[:80]!r} is known to W&B's server alone: a filter must mean the same there, "
                "in the store and in frames; leave it out and choose among what is found"
            )
        raise QueryError(f"no {self.thing} field is called {name[:80]!r}{self._suggest(name)}")

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {
            spelling: Field(name, column, kind, ((),) if kind == "tags" else ())
            for name, column, kind in self.columns
            for spelling in (name, _snake_case(name))
        }

    def _suggest(self, name: str) -> str:
        root, dot, rest = name.partition(".")
        of_column = {column: known for known, column, _ in reversed(self.columns)}
        better = self.mistakes.get(root) or of_column.get(root)
        if better is None and not dot and root in self.json_roots:
            better = f"{root}.KEY"
        if better is not None:
            return f"; did you mean '{better}{dot}{rest[:80]}'?"
        roots = {f"{known}.{rest}" for known in self.json_roots} if dot else set()
        return suggest(name, [*self._by_name, *sorted(roots)])


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


#: Runs, over the relation of their headers.
RUN_FIELDS = Fields(
    "run",
    (
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
    ),
    json_roots={
        "config": ("config", ()),
        "summary_metrics": ("summary", ()),
        "system_metrics": ("system_metrics", ()),
        "keys_info.keys": ("history_keys", ("keys",)),
    },
    server_only=("inputArtifacts", "input_artifacts", "outputArtifacts", "output_artifacts"),
    mistakes={
        "summary": "summary_metrics",
        "summaryMetrics": "summary_metrics",
        "systemMetrics": "system_metrics",
        "historyKeys": "keys_info.keys",
        "keys_info": "keys_info.keys",
        "exit_code": "exitcode",
    },
)

#: Sweeps, over their stored rows.
SWEEP_FIELDS = Fields(
    "sweep",
    (
        ("id", "storage_id", "text"),
        ("name", "sweep_id", "text"),
        ("displayName", "display_name", "text"),
        ("description", "description", "text"),
        ("method", "method", "text"),
        ("state", "state", "text"),
        ("bestLoss", "best_loss", "number"),
        ("createdAt", "created_at", "time"),
        ("updatedAt", "updated_at", "time"),
        ("heartbeatAt", "heartbeat_at", "time"),
    ),
)

#: Artifact collections, over the relation of `store.artifact_listing`.
COLLECTION_FIELDS = Fields(
    "collection",
    (
        ("id", "storage_id", "text"),
        ("artifactCollectionId", "storage_id", "text"),
        ("collectionId", "storage_id", "text"),
        ("name", "name", "text"),
        ("artifactCollectionName", "name", "text"),
        ("collectionName", "name", "text"),
        ("type", "type", "text"),
        ("collectionType", "kind", "text"),
        ("description", "description", "text"),
        ("tags", "tags", "tags"),
        ("tag", "tags", "tags"),
        ("createdAt", "created_at", "time"),
        ("updatedAt", "updated_at", "time"),
    ),
)

#: Objects that only the API reads, over the relation of `store.documents`.
DOCUMENT_FIELDS = Fields(
    "object",
    (
        ("id", "storage_id", "text"),
        ("name", "name", "text"),
        ("createdAt", "created_at", "time"),
        ("updatedAt", "updated_at", "time"),
    ),
)

#: Versions as members of a collection, over the relation of `store.artifact_listing`.
VERSION_FIELDS = Fields(
    "version",
    (
        ("id", "artifact.storage_id", "text"),
        ("artifactId", "artifact.storage_id", "text"),
        ("state", "artifact.state", "text"),
        ("versionIndex", "version_index", "number"),
        ("version", "version_index", "number"),
        ("digest", "artifact.digest", "text"),
        ("description", "artifact.description", "text"),
        ("type", "collection.type", "text"),
        ("aliases", "aliases", "tags"),
        ("alias", "aliases", "tags"),
        ("tags", "artifact.tags", "tags"),
        ("tag", "artifact.tags", "tags"),
        ("size", "artifact.size", "number"),
        ("artifactSize", "artifact.size", "number"),
        ("fileCount", "artifact.file_count", "number"),
        ("createdAt", "artifact.created_at", "time"),
        ("artifactCreatedAt", "artifact.created_at", "time"),
        ("acmCreatedAt", "created_at", "time"),
        ("linkedAt", "created_at", "time"),
        ("updatedAt", "artifact.updated_at", "time"),
    ),
    json_roots={
        "metadata": ("artifact.metadata", ()),
        "artifact_metadata": ("artifact.metadata", ()),
    },
)

#: Projects, registries among them, over the relation of `store.projects`.
PROJECT_FIELDS = Fields(
    "project",
    (
        ("id", "project_no", "number"),
        ("projectId", "project_no", "number"),
        ("name", "project", "text"),
        ("description", "description", "text"),
        ("access", "access", "text"),
        ("createdAt", "created_at", "time"),
        ("updatedAt", "updated_at", "time"),
    ),
)


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
