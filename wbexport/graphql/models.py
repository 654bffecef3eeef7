"""Pydantic models of the nodes we read, and runs as rows of `RUNS`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from wbexport.arrow.convert import encode_value, unwrap_config
from wbexport.arrow.literals import SPECIAL_NUMBERS, parse_json
from wbexport.arrow.schema import RUNS
from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ArtifactTypeNode",
    "AuthorNode",
    "CollectionNode",
    "FileNode",
    "HistoryKeys",
    "MemberNode",
    "ParquetHistory",
    "ProjectNode",
    "ReportNode",
    "RunNode",
    "SweepNode",
    "UserNode",
    "VersionNode",
    "count_values",
    "parse_json_object",
    "read_node",
    "runs_to_table",
]

_NodeT = TypeVar("_NodeT", bound=BaseModel)


def parse_json_object(value: Any) -> dict[str, Any]:
    """Read a JSON field that is text on some servers, an object on others, and null when empty."""
    if isinstance(value, str):
        value = _parse_text(value) if value else None
    return value if isinstance(value, dict) else {}


def _parse_text(text: str) -> Any:
    try:
        return parse_json(text)
    except ResponseError:
        # Old runs hold control characters inside their strings.
        return json.loads(text, strict=False)


def read_node(model: type[_NodeT], value: Any) -> _NodeT:
    """Read a GraphQL object."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or model.__name__
        raise ResponseError(
            f"The server sent an object of the wrong shape: {place}: {first['msg']}."
        ) from error


def _naive_utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)


_JsonObject = Annotated[dict[str, Any], BeforeValidator(parse_json_object)]
_Moment = Annotated[datetime | None, AfterValidator(_naive_utc)]


class _Node(BaseModel):
    """A GraphQL object: camelCase on the wire, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class UserNode(_Node):
    """A user as other objects name it."""

    name: str | None = None
    username: str | None = None


def count_values(info: Any) -> int | None:
    """Add up the type counts of one entry of `historyKeys.keys`; None when that cannot be done."""
    try:
        types = info["typeCounts"]
        if len(types) == 1 and type(only := types[0]["count"]) is int:
            return only
        counts = [each["count"] for each in types]
        whole = [int(count) for count in counts]
        return sum(whole) if whole == list(map(float, counts)) else None
    except (KeyError, TypeError, ValueError):
        return None


def _is_number(info: Any) -> bool:
    """Tell quickly of most keys that they were logged as numbers."""
    try:
        return bool(info["typeCounts"][0]["type"] == "number")
    except (IndexError, KeyError, TypeError):
        return False


class HistoryKeys(_Node):
    """What a server knows of the keys of a run's history."""

    #: What `types_of` reads is parsed when it is asked for.
    keys: dict[str, Any] = Field(default_factory=dict)
    last_step: int | None = None

    def types_of(self, key: str) -> frozenset[str]:
        """Return the types a key was logged with."""
        counts = parse_json_object(self.keys.get(key)).get("typeCounts") or ()
        return frozenset(
            str(count["type"]) for count in counts if isinstance(count, dict) and "type" in count
        )

    def count_of(self, key: str) -> int | None:
        """Return how many values of a key were logged; None when that cannot be told."""
        if key not in self.keys:
            # Members of objects have dotted names, and either may be listed without the other.
            related = (k.startswith(f"{key}.") or key.startswith(f"{k}.") for k in self.keys)
            return None if any(related) else 0
        return count_values(parse_json_object(self.keys[key]))

    @cached_property
    def text_keys(self) -> frozenset[str]:
        """Keys that never held a number: in them, the text "NaN" is a text."""
        return frozenset(
            key
            for key, info in self.keys.items()
            if not _is_number(info) and (names := self.types_of(key)) and "number" not in names
        )


class ParquetHistory(_Node):
    """Exported history files, and the rows that are in none of them, which may be very many."""

    parquet_urls: list[str]
    live_data: list[Any]

    @property
    def live_steps(self) -> list[int]:
        """Steps of those rows."""
        rows = (row if type(row) is dict else parse_json_object(row) for row in self.live_data)
        return [step for row in rows if isinstance(step := row.get("_step"), int)]


class FileNode(_Node):
    """A file of a run."""

    id: str
    name: str
    url: str | None = None
    direct_url: str | None = None
    size_bytes: int | None = None
    mimetype: str | None = None
    md5: str | None = None
    updated_at: datetime | None = None


class ProjectNode(_Node):
    """A project as a listing of its runs names it; its time is naive UTC."""

    id: str
    internal_id: str | None = None
    created_at: _Moment = None


class RunNode(_Node):
    """A run with everything a sync plans from."""

    id: str
    name: str
    display_name: str | None = None
    description: str | None = None
    notes: str | None = None
    tags: list[str] | None = None
    state: str | None = None
    group: str | None = None
    job_type: str | None = None
    commit: str | None = None
    read_only: bool | None = None
    created_at: _Moment = None
    heartbeat_at: _Moment = None
    exitcode: int | None = None
    should_stop: bool | None = None
    sweep_name: str | None = None
    user: UserNode | None = None
    config: _JsonObject = Field(default_factory=dict)
    summary_metrics: _JsonObject = Field(default_factory=dict)
    system_metrics: _JsonObject = Field(default_factory=dict)
    history_keys: _JsonObject = Field(default_factory=dict)
    history_line_count: int | None = None
    events_line_count: int | None = None
    log_line_count: int | None = None


class _Named(_Node):
    name: str


class _Identified(_Node):
    id: str


class _EdgeOf(_Node, Generic[_NodeT]):
    node: _NodeT


class _Edges(_Node, Generic[_NodeT]):
    edges: list[_EdgeOf[_NodeT]] = Field(default_factory=list)

    @property
    def nodes(self) -> list[_NodeT]:
        """The nodes of all edges."""
        return [edge.node for edge in self.edges]


class SweepNode(_Node):
    """A sweep without its runs."""

    id: str
    name: str
    display_name: str | None = None
    description: str | None = None
    method: str | None = None
    state: str | None = None
    config: str | None = None
    best_loss: float | None = None
    run_count: int | None = None
    run_count_expected: int | None = None
    created_at: _Moment = None
    updated_at: _Moment = None


class AuthorNode(_Node):
    """Who wrote a report."""

    username: str | None = None
    email: str | None = None
    photo_url: str | None = None


class ReportNode(_Node):
    """A report, with what it shows as JSON text."""

    id: str
    name: str
    display_name: str | None = None
    description: str | None = None
    user: AuthorNode | None = None
    spec: str
    created_at: _Moment = None
    updated_at: _Moment = None


class ArtifactTypeNode(_Node):
    """A type of artifacts."""

    id: str
    name: str
    description: str | None = None
    created_at: _Moment = None


class _PlaceNode(_Node):
    id: str
    internal_id: str | None = None
    name: str
    entity: _Named


class CollectionNode(_Node):
    """A collection of artifact versions, and the project it is in."""

    typename: str = Field(alias="__typename")
    id: str
    name: str
    description: str | None = None
    created_at: _Moment = None
    updated_at: _Moment = None
    project: _PlaceNode
    default_artifact_type: _Named
    tags: _Edges[_Named] = Field(default_factory=_Edges[_Named])


class _AliasNode(_Node):
    alias: str


class MemberNode(_Node):
    """A version in a collection."""

    id: str
    version_index: int | None = None
    created_at: _Moment = None
    aliases: list[_AliasNode] = Field(default_factory=list)
    artifact_collection: _Identified | None = None


class _CreatorNode(_Node):
    id: str | None = None
    username: str | None = None


class _ManifestFile(_Node):
    direct_url: str


class _ManifestNode(_Node):
    file: _ManifestFile


class VersionNode(_Node):
    """An artifact version with all that a copy of it must know."""

    id: str
    version_index: int | None = None
    state: str
    digest: str
    digest_algorithm: str | None = None
    description: str | None = None
    metadata: str | None = None
    ttl_duration_seconds: int | None = None
    history_step: int | None = None
    size: int | None = None
    file_count: int | None = None
    commit_hash: str | None = None
    created_at: _Moment = None
    updated_at: _Moment = None
    tags: list[_Named] = Field(default_factory=list)
    artifact_sequence: CollectionNode
    artifact_memberships: _Edges[MemberNode]
    created_by: _CreatorNode | None = None
    used_by: _Edges[_Identified]
    current_manifest: _ManifestNode | None = None


def runs_to_table(nodes: Iterable[RunNode]) -> pa.Table:
    """Lay runs out as a table of schema `RUNS`."""
    return pa.Table.from_pylist([_row(node) for node in nodes], schema=RUNS)


def _row(node: RunNode) -> dict[str, Any]:
    config, wandb_config = unwrap_config(node.config)
    history = read_node(HistoryKeys, node.history_keys)
    summary = _with_numbers(node.summary_metrics, history)
    user = node.user or UserNode()
    row = {
        "storage_id": node.id,
        "run_id": node.name,
        "display_name": node.display_name,
        "state": node.state,
        "group_name": node.group,
        "job_type": node.job_type,
        "sweep_id": node.sweep_name,
        "tags": node.tags,
        "notes": node.notes,
        "description": node.description,
        "git_commit": node.commit,
        "read_only": node.read_only,
        "username": user.username,
        "user_name": user.name,
        "created_at": node.created_at,
        "heartbeat_at": node.heartbeat_at,
        "duration": _duration(summary),
        "exit_code": node.exitcode,
        "stop_requested": node.should_stop,
        "config": _json(config),
        "wandb_config": _json(wandb_config),
        "summary": _json(summary),
        "system_metrics": _json(_with_numbers(node.system_metrics, HistoryKeys())),
        "history_keys": _json(node.history_keys),
        "history_line_count": node.history_line_count,
        "events_line_count": node.events_line_count,
        "log_line_count": node.log_line_count,
        "last_step": history.last_step,
    }
    # A lone surrogate is valid JSON but no valid UTF-8; the JSON columns hold it escaped.
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _with_numbers(metrics: dict[str, Any], history: HistoryKeys) -> dict[str, Any]:
    """Turn the wire's texts for NaN and infinities back into numbers."""
    texts = {key: value for key, value in metrics.items() if isinstance(value, str)}
    if SPECIAL_NUMBERS.keys().isdisjoint(texts.values()):
        return metrics
    numbers = {
        key: SPECIAL_NUMBERS[text]
        for key, text in texts.items()
        if text in SPECIAL_NUMBERS and key not in history.text_keys
    }
    return {**metrics, **numbers}


def _duration(summary: dict[str, Any]) -> float | None:
    inner = summary.get("_wandb")
    runtime = inner.get("runtime") if isinstance(inner, dict) else None
    runtime = summary.get("_runtime") if runtime is None else runtime
    return float(runtime) if isinstance(runtime, int | float) else None


def _json(value: dict[str, Any]) -> str | None:
    return encode_value(value)[1]
