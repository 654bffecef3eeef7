"""Conditions on runs and artifacts, in the part of MongoDB's language that automations use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator

from wbexport.errors import InputError

__all__ = ["Condition", "Filter", "FilterField", "event_form", "run_form"]

Scalar: TypeAlias = str | int | float | bool

_GROUPS = ("$and", "$or", "$nor")


class Filter:
    """A condition. Combine conditions with `&`, `|` and `~`.

    Args:
        document: The condition as MongoDB writes it; the empty one always holds.

    Raises:
        InputError: It is not an object, or a group in it is not a list of objects.

    Example:
        >>> ArtifactEvent.alias.eq("prod") | ArtifactEvent.tag.eq("gold")
        Filter({'$or': [{'alias': {'$eq': 'prod'}}, {'tag': {'$eq': 'gold'}}]})
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, document: Mapping[str, Any] | None = None) -> None:
        self.document: dict[str, Any] = _normal(document or {"$and": []})

    def __and__(self, other: Any) -> Filter:
        # What is no filter may know how to join one: a condition on a metric or a state does.
        return _joined("$and", self, other) if isinstance(other, Filter) else NotImplemented

    def __or__(self, other: Any) -> Filter:
        return _joined("$or", self, other) if isinstance(other, Filter) else NotImplemented

    def __invert__(self) -> Filter:
        return Filter(_negated(self.document))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.document == other.document

    def __repr__(self) -> str:
        return f"Filter({self.document!r})"


#: A filter as a field of a model.
Condition = Annotated[
    Filter,
    PlainValidator(lambda value: value if isinstance(value, Filter) else Filter(value)),
    PlainSerializer(lambda condition: condition.document),
]


class FilterField:
    """A field that conditions can be put on, such as `RunEvent.name` or `ArtifactEvent.alias`.

    Its operators `==`, `!=`, `<`, `<=`, `>` and `>=` give conditions, as its methods do.

    Args:
        name: The server's name of the field.

    Example:
        >>> RunEvent.name.contains("baseline")
        Filter({'display_name': {'$contains': 'baseline'}})
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self._name = name

    def matches_regex(self, pattern: str, /) -> Filter:
        """Hold where a regular expression is found."""
        return self._where("$regex", _text(pattern))

    def contains(self, text: str, /) -> Filter:
        """Hold where a text is found."""
        return self._where("$contains", _text(text))

    def exists(self, exists: bool = True, /) -> Filter:
        """Hold where there is a value, or where there is none."""
        if not isinstance(exists, bool):
            raise InputError(f"exists() takes True or False, not {exists!r}.")
        return self._where("$exists", exists)

    def lt(self, value: Scalar, /) -> Filter:
        """Hold below a value."""
        return self._where("$lt", _scalar(value))

    def gt(self, value: Scalar, /) -> Filter:
        """Hold above a value."""
        return self._where("$gt", _scalar(value))

    def lte(self, value: Scalar, /) -> Filter:
        """Hold at or below a value."""
        return self._where("$lte", _scalar(value))

    def gte(self, value: Scalar, /) -> Filter:
        """Hold at or above a value."""
        return self._where("$gte", _scalar(value))

    def eq(self, value: Scalar | Iterable[Scalar], /) -> Filter:
        """Hold where the field is a value, or a list of values."""
        return self._where("$eq", _scalar_or_list(value))

    def ne(self, value: Scalar | Iterable[Scalar], /) -> Filter:
        """Hold where the field is another value."""
        return self._where("$ne", _scalar_or_list(value))

    def in_(self, values: Iterable[Scalar], /) -> Filter:
        """Hold where the field is one of some values."""
        return self._where("$in", _list(values))

    def not_in(self, values: Iterable[Scalar], /) -> Filter:
        """Hold where the field is none of some values."""
        return self._where("$nin", _list(values))

    def __lt__(self, other: Scalar) -> Filter:
        return self.lt(other)

    def __gt__(self, other: Scalar) -> Filter:
        return self.gt(other)

    def __le__(self, other: Scalar) -> Filter:
        return self.lte(other)

    def __ge__(self, other: Scalar) -> Filter:
        return self.gte(other)

    def __eq__(self, other: Any) -> Filter:  # type: ignore[override]
        return self.eq(other)

    def __ne__(self, other: Any) -> Filter:  # type: ignore[override]
        return self.ne(other)

    def __repr__(self) -> str:
        return f"FilterField({self._name!r})"

    def _where(self, operator: str, value: Any) -> Filter:
        return Filter({self._name: {operator: value}})


def run_form(condition: Filter) -> Filter:
    """Write a condition on runs as W&B wants it: one list of conditions that all hold."""
    return Filter(_wrapped("$and", _simple(condition.document)))


def event_form(condition: Filter) -> Filter:
    """Write a condition on artifacts as W&B wants it: one list of lists."""
    return Filter(_wrapped("$or", _wrapped("$and", _simple(condition.document))))


def _joined(operator: str, *conditions: Filter) -> Filter:
    return Filter({operator: [condition.document for condition in conditions]})


def _normal(document: Any) -> dict[str, Any]:
    """Spell a condition in one way: one key an object, every plain value under `$eq`."""
    if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
        raise InputError(f"A condition is an object such as {{'alias': 'prod'}}, not {document!r}.")
    if len(document) > 1:
        return {"$and": [_normal({key: value}) for key, value in document.items()]}
    for key, value in document.items():
        if key in _GROUPS:
            if not isinstance(value, list | tuple):
                raise InputError(f"{key} takes a list of conditions, not {value!r}.")
            return {key: [_normal(item) for item in value]}
        if key == "$not":
            return {key: _normal(value)}
        if not key.startswith("$") and not isinstance(value, Mapping):
            return {key: {"$eq": value}}
    return dict(document)


def _operator(document: Mapping[str, Any]) -> str | None:
    return next((key for key in document if key.startswith("$")), None)


def _negated(document: dict[str, Any]) -> dict[str, Any]:
    operator = _operator(document)
    if operator == "$not":
        inner: dict[str, Any] = document["$not"]
        return inner
    swapped = {"$or": "$nor", "$nor": "$or"}.get(operator or "")
    return {swapped: document[operator]} if swapped and operator else {"$not": document}


def _simple(document: dict[str, Any]) -> dict[str, Any]:
    """Join lists inside lists of the same kind, drop lists of one, and resolve double negation."""
    operator = _operator(document)
    if operator in ("$and", "$or"):
        items = [_simple(item) for item in _flat(operator, document[operator])]
        return items[0] if len(items) == 1 else {operator: items}
    if operator == "$nor":
        return {operator: [_simple(item) for item in document[operator]]}
    if operator == "$not":
        turned = _negated(document["$not"])
        return _simple(turned) if turned != document else {operator: _simple(document["$not"])}
    return document


def _flat(operator: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the items of inner lists of the same kind in their place."""
    found = []
    for item in items:
        found += _flat(operator, item[operator]) if _operator(item) == operator else [item]
    return found


def _wrapped(operator: str, document: dict[str, Any]) -> dict[str, Any]:
    return document if _operator(document) == operator else {operator: [document]}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"A condition on text takes text, not {value!r}.")
    return value


def _scalar(value: Any) -> Scalar:
    if not isinstance(value, str | int | float) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise InputError(f"A condition takes text, a finite number, True or False, not {value!r}.")
    return value


def _list(values: Any) -> list[Scalar]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"A condition on several values takes a list of them, not {values!r}.")
    return [_scalar(value) for value in values]


def _scalar_or_list(value: Any) -> Scalar | list[Scalar]:
    return _scalar(value) if isinstance(value, str | int | float) else _list(value)
