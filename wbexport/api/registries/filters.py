"""Filters for registries, collections and versions, under the names that W&B's search knows."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Literal

from wbexport.errors import InputError, QueryError
from wbexport.paths import REGISTRY_PREFIX
from wbexport.query.fields import COLLECTION_FIELDS, PROJECT_FIELDS, VERSION_FIELDS, Fields
from wbexport.query.mongo import parse_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["filter_text", "order_text", "registry_filter", "search_filter"]

Thing = Literal["registry", "collection", "version"]

_FIELDS: dict[Thing, Fields] = {
    "registry": PROJECT_FIELDS,
    "collection": COLLECTION_FIELDS,
    "version": VERSION_FIELDS,
}

#: Names that a filter may use, and what each is called on the wire.
_BASIC: dict[Thing, dict[str, str]] = {
    "registry": {name: name for name in ("id", "name", "description", "created_at", "updated_at")},
    "collection": {
        "id": "artifact_collection_id",
        "collection_id": "artifact_collection_id",
        "artifact_collection_id": "artifact_collection_id",
    }
    | {name: name for name in ("name", "tag", "description", "created_at", "updated_at")},
    "version": {
        name: name
        for name in ("id", "version", "tag", "alias", "metadata", "created_at", "updated_at")
    },
}
#: The same where the server searches versions by its other index.
_ADVANCED: dict[Thing, dict[str, str]] = {
    "registry": {"id": "project_id", "project_id": "project_id", "name": "name"},
    "collection": {
        "id": "artifact_collection_id",
        "collection_id": "artifact_collection_id",
        "artifact_collection_id": "artifact_collection_id",
        "name": "name",
        "collection_name": "name",
        "artifact_collection_name": "name",
        "tag": "tag",
        "tags": "tag",
    },
    "version": {
        "id": "artifact_id",
        "artifact_id": "artifact_id",
        "version": "version",
        "version_index": "version",
        "tag": "tag",
        "tags": "tag",
        "alias": "alias",
        "aliases": "alias",
        "metadata": "metadata",
        "artifact_metadata": "metadata",
        "created_at": "artifact_created_at",
        "artifact_created_at": "artifact_created_at",
        "artifact_size": "artifact_size",
        "linked_at": "acm_created_at",
        "acm_created_at": "acm_created_at",
    },
}
_VERSION_ORDERS = ("artifact_created_at", "artifact_size", "acm_created_at")
_LISTED_ORDERS = ("name", "created_at", "updated_at")


def search_filter(
    filters: Mapping[str, Any] | None, thing: Thing, *, advanced: bool = False
) -> dict[str, Any] | None:
    """Return a filter as the server takes it.

    Names of registries get the prefix that those of their projects have; patterns do not.

    Args:
        filters: W&B's filter, in MongoDB's form.
        thing: What it chooses.
        advanced: Whether it is for the server's advanced search.

    Returns:
        The filter; None for none.

    Raises:
        QueryError: It is not understood.
    """
    if filters is None:
        return None
    names = (_ADVANCED if advanced else _BASIC)[thing]
    named: dict[str, Any] = _renamed(filters, thing, names)
    parse_filter(named, _FIELDS[thing])
    return named


def filter_text(filters: Mapping[str, Any] | None) -> str | None:
    """Return a filter as JSON text."""
    return None if filters is None else json.dumps(dict(filters))


def order_text(order: str | None, thing: Thing) -> str | None:
    """Return an order as the server takes it.

    Raises:
        QueryError: Things of this kind cannot be sorted so.
    """
    if order is None:
        return None
    sign, name = (order[0], order[1:]) if order[:1] in ("+", "-") else ("+", order)
    versions = thing == "version"
    known = _ADVANCED[thing].get(name, name) if versions else name
    if known not in (_VERSION_ORDERS if versions else _LISTED_ORDERS):
        names = "created_at, artifact_size or linked_at" if versions else ", ".join(_LISTED_ORDERS)
        raise QueryError(f"order: a {thing} cannot be sorted by {name!r}; take {names}")
    return sign + known


def registry_filter(internal_id: str | None, full_name: str) -> dict[str, Any]:
    """Return the filter that chooses one registry: by its number, or else by its name."""
    try:
        kind, _, number = base64.b64decode(internal_id or "").decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        kind, number = "", ""
    if kind in ("Project", "ProjectInternalId") and number.isascii() and number.isdigit():
        return {"id": int(number)}
    return {"name": full_name}


def _renamed(filters: Any, thing: Thing, names: Mapping[str, str]) -> Any:
    """Rename the fields of a filter, however deep."""
    if isinstance(filters, list | tuple):
        return [_renamed(item, thing, names) for item in filters]
    if not isinstance(filters, dict):
        return filters
    renamed: dict[str, Any] = {}
    for key, operand in filters.items():
        if not isinstance(key, str):
            raise InputError(f"A key of a filter is text, not {key!r}.")
        if key.startswith("$"):
            renamed[key] = _renamed(operand, thing, names)
            continue
        root, dot, rest = key.partition(".")
        if root not in names:
            known = ", ".join(sorted(set(names)))
            raise QueryError(f"a {thing} has no field {root!r} to choose by; take one of {known}")
        is_name = thing == "registry" and names[root] == "name"
        renamed[names[root] + dot + rest] = _prefixed(operand) if is_name else operand
    return renamed


def _prefixed(operand: Any) -> Any:
    """Put the prefix of registries before each name of an operand, but not into a pattern."""
    if isinstance(operand, str):
        return operand if operand.startswith(REGISTRY_PREFIX) else REGISTRY_PREFIX + operand
    if isinstance(operand, list | tuple):
        return [_prefixed(item) for item in operand]
    if isinstance(operand, dict):
        return {
            key: value if key == "$regex" else _prefixed(value) for key, value in operand.items()
        }
    return operand
