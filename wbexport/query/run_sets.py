"""The filters, orders and choices of a report's run set, as those that `Api.runs` takes; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from wbexport.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["filter_of_run_set", "order_of_run_set"]

_JsonObject = dict[str, Any]

_SECTIONS = {
    "run": "",
    "config": "config.",
    "summary": "summary_metrics.",
    "keys_info": "keys_info.keys.",
    "tags": "tags.",
}
_OPERATORS = {
    "!=": "$ne",
    ">": "$gt",
    ">=": "$gte",
    "<": "$lt",
    "<=": "$lte",
    "IN": "$in",
    "NIN": "$nin",
    "REGEX": "$regex",
}
_GROUPS = {"AND": "$and", "OR": "$or"}


def filter_of_run_set(run_set: Mapping[str, Any], *, only_selected: bool = True) -> _JsonObject:
    """Read which runs a run set shows.

    Args:
        run_set: One of a section's `runSets`, of the older form with groups inside groups, or of
            the newer one, where each item names what connects it to the one before.
        only_selected: Leave out the runs whose eye is closed.

    Returns:
        A filter for `Api.runs`.

    Raises:
        QueryError: The run set holds something that is not understood.

    Example:
        >>> leaf = {"key": {"section": "config", "name": "lr"}, "op": "<", "value": 1}
        >>> filter_of_run_set({"filters": {"op": "AND", "filters": [leaf]}})
        {'config.lr': {'$lt': 1}}
    """
    chosen = _selection(run_set.get("selections") or {}) if only_selected else None
    return _all_of("$and", [_translated(run_set.get("filters")), chosen]) or {}


def order_of_run_set(run_set: Mapping[str, Any]) -> str:
    """Read how a run set is sorted.

    Args:
        run_set: One of a section's `runSets`.

    Returns:
        An order for `Api.runs`: that of the first key, empty when there is none.

    Raises:
        QueryError: The key is not understood.
    """
    sort = _mapping(run_set.get("sort") or {}, "sort")
    keys = sort["keys"] if sort.get("keys") else [sort] if sort.get("key") else []
    for entry in keys:
        return ("+" if entry.get("ascending") else "-") + _path(entry.get("key"))
    return ""


def _selection(selections: Mapping[str, Any]) -> _JsonObject | None:
    """Read which runs have an open eye: those listed, or all but those listed."""
    listed = [
        each.get("value") if isinstance(each, dict) else each
        for each in selections.get("tree") or ()
    ]
    if selections.get("root"):
        return {"name": {"$nin": listed}} if listed else None
    return {"name": {"$in": listed}} if "tree" in selections else None


def _translated(item: Any) -> _JsonObject | None:
    """Translate a filter; None for one that lets every run through."""
    if item is None:
        return None
    if not isinstance(item, dict):
        raise QueryError(f"a filter of a report is an object, not {type(item).__name__}")
    if isinstance(item.get("filters"), list):
        operator = item.get("op")
        if item.get("filterFormat") is not None or operator is None:
            return _connected(item["filters"])
        if operator not in _GROUPS:
            raise QueryError(f"a group of a report's filters is AND or OR, not {operator!r}")
        return _all_of(_GROUPS[operator], [_translated(each) for each in item["filters"]])
    return _leaf(item) if item.get("key") else None


def _connected(items: Sequence[Any]) -> _JsonObject | None:
    """Join items by what stands between them; AND binds more tightly than OR."""
    block = 0
    blocks: list[tuple[int, _JsonObject]] = []
    for item in items:
        translated = _translated(item)
        if translated is not None:
            block += item.get("connector") == "OR"
            blocks.append((block, translated))
    parts = [[part for _, part in group] for _, group in groupby(blocks, key=lambda each: each[0])]
    return _all_of("$or", [_all_of("$and", part) for part in parts])


def _all_of(operator: str, parts: Sequence[_JsonObject | None]) -> _JsonObject | None:
    """Join filters, leaving out those that let every run through."""
    some = [part for part in parts if part is not None]
    return {operator: some} if len(some) > 1 else next(iter(some), None)


def _leaf(item: Mapping[str, Any]) -> _JsonObject | None:
    key = _mapping(item["key"], "key")
    operator, value = item.get("op", "="), item.get("value")
    is_unset = value is None and operator not in ("=", "==", "!=")
    if not key.get("name") or is_unset or item.get("disabled"):
        return None
    if key.get("section") == "tags":
        return _tag(str(key["name"]), operator, value)
    path = _path(key)
    if operator in ("=", "=="):
        return {path: value}
    if operator == "WITHINSECONDS" and isinstance(value, int | float):
        return {path: {"$gte": (datetime.now(UTC) - timedelta(seconds=value)).isoformat()}}
    if operator not in _OPERATORS:
        raise QueryError(f"a report filters by {operator!r}, which is not known")
    return {path: {_OPERATORS[operator]: value}}


def _tag(name: str, operator: str, value: Any) -> _JsonObject:
    if operator in ("IN", "NIN"):
        return {"tags": {_OPERATORS[operator]: value}}
    has_it = (value is not False) is (operator != "!=")
    return {"tags": name} if has_it else {"tags": {"$ne": name}}


def _path(key: Any) -> str:
    """Name a key as filters and orders do."""
    fields = _mapping(key, "key")
    section, name = fields.get("section"), fields.get("name")
    if section not in _SECTIONS or not isinstance(name, str):
        raise QueryError(f"a report names a key that is not known: {section!r}, {name!r}")
    return _SECTIONS[section] + name


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise QueryError(f"{what} of a report's run set is an object, not {value!r}")
    return value
