"""A second, plain reading of the filter and order rules, straight from the JSON, without a tree.

Runs are dicts with the fields of the runs schema; config, summary and the like are Python objects.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["matches", "sort"]

COLUMNS = {
    "id": "storage_id",
    "name": "run_id",
    "displayName": "display_name",
    "state": "state",
    "group": "group_name",
    "jobType": "job_type",
    "sweep": "sweep_id",
    "tags": "tags",
    "notes": "notes",
    "description": "description",
    "commit": "git_commit",
    "host": "host",
    "program": "program",
    "readOnly": "read_only",
    "username": "username",
    "user": "username",
    "createdAt": "created_at",
    "heartbeatAt": "heartbeat_at",
    "updatedAt": "updated_at",
    "duration": "duration",
    "exitcode": "exit_code",
    "stopped": "stop_requested",
    "historyLineCount": "history_line_count",
    "eventsLineCount": "events_line_count",
    "logLineCount": "log_line_count",
    "display_name": "display_name",
    "job_type": "job_type",
    "read_only": "read_only",
    "created_at": "created_at",
    "heartbeat_at": "heartbeat_at",
    "updated_at": "updated_at",
    "history_line_count": "history_line_count",
    "events_line_count": "events_line_count",
    "log_line_count": "log_line_count",
}
NOTHING = object()


def matches(run: dict[str, Any], filters: dict[str, Any] | None) -> bool:
    return all(_clause(run, key, operand) for key, operand in (filters or {}).items())


def _clause(run: dict[str, Any], key: str, operand: Any) -> bool:
    if key == "$and":
        return all(matches(run, part) for part in operand)
    if key == "$or":
        return any(matches(run, part) for part in operand)
    if key == "$nor":
        return not any(matches(run, part) for part in operand)
    if key.startswith("tags."):
        return _has_tag(run, key[5:], operand)
    return _condition(read(run, key), operand)


def _has_tag(run: dict[str, Any], tag: str, operand: Any) -> bool:
    has = tag in (run["tags"] or [])
    if isinstance(operand, bool):
        return has is operand
    ((operator, wanted),) = operand.items()
    return has is not wanted if operator == "$ne" else has is wanted


def _condition(value: Any, operand: Any) -> bool:
    if not isinstance(operand, dict) or not any(key[:1] == "$" for key in operand):
        return _any(value, lambda item: same(item, operand))
    return all(
        _operator(value, name, argument, operand)
        for name, argument in operand.items()
        if name != "$options"
    )


def _operator(value: Any, name: str, argument: Any, operand: dict[str, Any]) -> bool:
    match name:
        case "$eq":
            return _any(value, lambda item: same(item, argument))
        case "$ne":
            return not _any(value, lambda item: same(item, argument))
        case "$in":
            return any(_any(value, lambda item, w=w: same(item, w)) for w in argument)
        case "$nin":
            return not any(_any(value, lambda item, w=w: same(item, w)) for w in argument)
        case "$exists":
            return (value is not NOTHING) is argument
        case "$not":
            return not _condition(value, argument)
        case "$regex":
            insensitive = operand.get("$options") == "i"
            return _any(value, lambda item: _finds(argument, item, insensitive))
    return _any(value, lambda item: _compare(item, name, argument))


def _any(value: Any, test: Any) -> bool:
    return test(value) or (isinstance(value, list) and any(test(item) for item in value))


def _finds(pattern: str, item: Any, insensitive: bool) -> bool:
    if not isinstance(item, str):
        return False
    found = pc.match_substring_regex(pa.scalar(item), pattern, ignore_case=insensitive)
    return bool(found.as_py())


def _type(value: Any) -> str:
    if value is None or value is NOTHING:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def same(item: Any, wanted: Any) -> bool:
    if isinstance(item, datetime) and isinstance(wanted, str):
        wanted = _moment(wanted)
    if _type(item) != _type(wanted):
        return False
    if _type(item) == "null":
        return True
    if _type(item) == "list":
        return len(item) == len(wanted) and all(map(same, item, wanted))
    if _type(item) == "dict":
        return item.keys() == wanted.keys() and all(same(item[key], wanted[key]) for key in item)
    if _type(item) == "number":
        return _float(item) == _float(wanted)
    return bool(item == wanted)


def _compare(item: Any, operator: str, wanted: Any) -> bool:
    if isinstance(item, datetime) and isinstance(wanted, str):
        wanted = _moment(wanted)
    if _type(item) != _type(wanted) or _type(item) in {"null", "list", "dict"}:
        return False
    if _type(item) == "number":
        item, wanted = _float(item), _float(wanted)
    match operator:
        case "$gt":
            return bool(item > wanted)
        case "$gte":
            return bool(item >= wanted)
        case "$lt":
            return bool(item < wanted)
        case "$lte":
            return bool(item <= wanted)
    raise AssertionError(operator)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def read(run: dict[str, Any], name: str) -> Any:
    """Give what a run holds under a filter name, or NOTHING."""
    if name in COLUMNS:
        value = run[COLUMNS[name]]
        return NOTHING if value is None else value
    if name.startswith("keys_info.keys."):
        keys = (run["history_keys"] or {}).get("keys", {})
        return _follow(keys, name.removeprefix("keys_info.keys.").split("."))
    root, _, rest = name.partition(".")
    if root == "config" and rest.startswith("_wandb."):
        rest = rest.removeprefix("_wandb.").removeprefix("value.")
        return _follow(run["wandb_config"], rest.split("."))
    column = {"config": "config", "summary_metrics": "summary", "system_metrics": "system_metrics"}
    return _follow(run[column[root]], rest.split("."), unwrap=root == "config")


def _follow(value: Any, parts: list[str], *, unwrap: bool = False) -> Any:
    """Take the longest literal key that leads somewhere; `unwrap` skips config's `value` level."""
    if not parts:
        return value
    for size in range(len(parts), 0, -1):
        key, rest = ".".join(parts[:size]), parts[size:]
        inner = _step(value, key)
        if inner is NOTHING:
            continue
        found = _after_wrapper(inner, rest) if unwrap else _follow(inner, rest)
        if found is not NOTHING:
            return found
    return NOTHING


def _after_wrapper(value: Any, parts: list[str]) -> Any:
    if parts[:1] != ["value"]:
        return _follow(value, parts)
    for size in range(len(parts), 1, -1):
        inner = _step(value, ".".join(parts[:size]))
        found = NOTHING if inner is NOTHING else _follow(inner, parts[size:])
        if found is not NOTHING:
            return found
    return _follow(value, parts[1:])


def _step(value: Any, key: str) -> Any:
    if isinstance(value, dict) and key in value:
        return value[key]
    if isinstance(value, list) and key in [str(position) for position in range(len(value))]:
        return value[int(key)]
    return NOTHING


def sort(runs: list[dict[str, Any]], order: str | None) -> list[dict[str, Any]]:
    order = order or "+created_at"
    descending = order.startswith("-")
    name = order[1:] if order[0] in "+-" else order

    def compare(left: dict[str, Any], right: dict[str, Any]) -> int:
        a, b = _rank(read(left, name)), _rank(read(right, name))
        if (a is None) != (b is None):
            return 1 if a is None else -1
        if a is not None and b is not None and a != b:
            return -1 if (a < b) is not descending else 1
        return -1 if left["storage_id"] < right["storage_id"] else 1

    return sorted(runs, key=functools.cmp_to_key(compare))


def _rank(value: Any) -> tuple[Any, ...] | None:
    match _type(value):
        case "null":
            return None
        case "number":
            return (0,) if value != value else (1, _float(value))
        case "str":
            return (2, value)
        case "list" | "dict":
            return (3,)
        case "bool":
            return (4, value)
    return (5, value)
