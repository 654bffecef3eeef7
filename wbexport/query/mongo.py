"""W&B's filter JSON, a part of MongoDB's query language, to expressions and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.errors import QueryError
from wbexport.query.expressions import (
    Always,
    And,
    Compare,
    Exists,
    Expression,
    In,
    Not,
    Or,
    Ordering,
    Regex,
    Struct,
    Value,
    as_double,
    plain,
)
from wbexport.query.fields import RUN_FIELDS, Field, Fields, check_text, suggest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_filter", "to_mongo"]

_MAX_DEPTH = 32
_MAX_TERMS = 1_000
_MAX_VALUES = 100_000
_MAX_PATTERN = 1_000

_GROUPS = ("$and", "$or", "$nor")
_ORDERINGS = ("$gt", "$gte", "$lt", "$lte")


def parse_filter(filters: Mapping[str, Any] | None, fields: Fields = RUN_FIELDS) -> Expression:
    """Read a W&B filter.

    Args:
        filters: The filter as `Api.runs` takes it; None and `{}` match everything.
        fields: The names it may use: those of runs, of collections or of versions.

    Returns:
        Its expression.

    Raises:
        QueryError: An unknown operator or field, a malformed operand, or a filter that is too
            deep or too long; the message says where in the filter.

    Example:
        >>> parse_filter({"state": "finished", "config.lr": {"$lt": 0.01}})  # doctest: +ELLIPSIS
        And(items=(In(...), Compare(...)))
    """
    return Always() if filters is None else _Parser(fields).filter(filters, ())


def to_mongo(expression: Expression) -> dict[str, Any]:
    """Write an expression as a filter that `parse_filter` reads back as the same expression."""
    match expression:
        case Always():
            return {}
        case And(items):
            return {"$and": [to_mongo(item) for item in items]}
        case Or(items):
            return {"$or": [to_mongo(item) for item in items]}
        case Not(item):
            return {"$nor": [to_mongo(item)]}
        case Compare(field, op, value):
            return {field.name: {f"${op}": plain(value)}}
        case In(field, values):
            return {field.name: {"$in": [plain(value) for value in values]}}
        case Exists(field):
            return {field.name: {"$exists": True}}
        case Regex(field, pattern):
            return {field.name: {"$regex": pattern}}


class _Parser:
    """One walk over a filter; counts its terms, and knows where it is for messages."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._terms = 0

    def filter(self, filters: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(filters, Mapping):
            raise _error(where, f"a filter is an object, not {_named(filters)}")
        self._enter(where)
        return _all_of([self._entry(key, value, where) for key, value in filters.items()])

    def _entry(self, key: Any, operand: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(key, str):
            raise _error(where, f"a key is text, not {_named(key)}")
        inside = (*where, key)
        if key in _GROUPS:
            return self._group(key, operand, where)
        if key.startswith("$"):
            if key in _IN_FIELDS:
                raise _error(inside, "this operator stands inside a field, as in {field: {…}}")
            raise _error(inside, f"unknown operator{suggest(key, _GROUPS)}")
        if key.startswith("tags."):
            return self._tag(key, operand, inside)
        try:
            field = self._fields.resolve(key)
        except QueryError as error:
            raise _error(where, str(error)) from None
        return self._field(field, operand, inside)

    def _group(self, operator: str, operand: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(operand, list | tuple) or not operand:
            raise _error((*where, operator), "takes a list of at least one filter")
        items = tuple(
            self.filter(item, (*where, f"{operator}[{position}]"))
            for position, item in enumerate(operand)
        )
        if operator == "$and":
            return And(items)
        return Or(items) if operator == "$or" else _none_of(items)

    def _tag(self, key: str, operand: Any, where: tuple[str, ...]) -> Expression:
        """Read `tags.NAME`, which asks whether a run has the tag NAME."""
        self._enter(where)
        operator = "$eq"
        if isinstance(operand, Mapping) and len(operand) == 1:
            ((operator, operand),) = operand.items()
        if operator not in ("$eq", "$ne", "$exists") or not isinstance(operand, bool):
            raise _error(where, "takes true or false: has the run this tag?")
        wanted = operand != (operator == "$ne")
        tagged = In(self._fields.resolve("tags"), (check_text(key.removeprefix("tags.")),))
        return tagged if wanted else Not(tagged)

    def _field(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        self._enter(where)
        if not isinstance(operand, Mapping) or not _is_operators(operand, where):
            return self._equal(field, operand, where)
        if "$options" in operand and "$regex" not in operand:
            raise _error((*where, "$options"), "stands beside $regex only")
        found = []
        for operator, argument in operand.items():
            inside = (*where, operator)
            if operator == "$regex":
                found.append(_regex(field, argument, operand.get("$options", ""), inside))
            elif operator != "$options":
                found.append(_FIELD_OPERATORS[operator](self, field, argument, inside))
        return _all_of(found)

    def _equal(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        value = self._value(field, operand, where)
        return In(field, () if _has_nan(value) else (value,))

    def _not_equal(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        return Not(self._equal(field, operand, where))

    def _ordering(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        if operand is None or isinstance(operand, Mapping | list | tuple):
            raise _error(where, "takes a number, text, a boolean or a time")
        value = cast("bool | int | float | str | datetime", self._value(field, operand, where))
        if _has_nan(value):
            return In(field, ())
        return Compare(field, cast("Ordering", where[-1][1:]), value)

    def _among(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(operand, list | tuple) or len(operand) > _MAX_VALUES:
            raise _error(where, f"takes a list of at most {_MAX_VALUES:,} values")
        values = (
            self._value(field, item, (*where[:-1], f"{where[-1]}[{position}]"))
            for position, item in enumerate(operand)
        )
        return In(field, tuple(value for value in values if not _has_nan(value)))

    def _not_among(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        return Not(self._among(field, operand, where))

    def _exists(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(operand, bool):
            raise _error(where, "takes true or false")
        return Exists(field) if operand else Not(Exists(field))

    def _not(self, field: Field, operand: Any, where: tuple[str, ...]) -> Expression:
        if not isinstance(operand, Mapping) or not _is_operators(operand, where):
            raise _error(where, 'takes operators, as in {"$not": {"$gt": 1}}')
        return Not(self._field(field, operand, where))

    def _value(self, field: Field, operand: Any, where: tuple[str, ...]) -> Value:
        if isinstance(operand, str) and field.kind == "time":
            return _time(operand, where)
        if operand is not None and field.kind == "time":
            raise _error(where, "takes an ISO time such as 2024-01-31T12:00:00Z, or null")
        return self._json(operand, where)

    def _json(self, operand: Any, where: tuple[str, ...]) -> Value:
        match operand:
            case None | bool():
                return operand
            case int():
                return operand if as_double(operand) == operand else as_double(operand)
            case float():
                return operand
            case str():
                return _text(operand, where)
            case list() | tuple():
                self._enter(where, 1 + len(operand))
                items = enumerate(operand)
                return tuple(self._json(item, (*where, str(place))) for place, item in items)
            case Mapping() if all(isinstance(key, str) for key in operand):
                self._enter(where, 1 + len(operand))
                members = sorted(operand.items())
                return Struct(
                    tuple(
                        (_text(key, where), self._json(item, (*where, key)))
                        for key, item in members
                    )
                )
        raise _error(where, f"{_named(operand)} is not a JSON value")

    def _enter(self, where: tuple[str, ...], terms: int = 1) -> None:
        self._terms += terms
        if len(where) > _MAX_DEPTH:
            raise _error(where[:3], f"the filter is more than {_MAX_DEPTH} levels deep")
        if self._terms > _MAX_TERMS:
            raise _error((), f"the filter has more than {_MAX_TERMS:,} terms")


_FIELD_OPERATORS: dict[str, Callable[[_Parser, Field, Any, tuple[str, ...]], Expression]] = {
    "$eq": _Parser._equal,
    "$ne": _Parser._not_equal,
    **dict.fromkeys(_ORDERINGS, _Parser._ordering),
    "$in": _Parser._among,
    "$nin": _Parser._not_among,
    "$exists": _Parser._exists,
    "$not": _Parser._not,
}
_IN_FIELDS = (*_FIELD_OPERATORS, "$regex", "$options")


def _all_of(items: list[Expression]) -> Expression:
    if not items:
        return Always()
    return items[0] if len(items) == 1 else And(tuple(items))


def _none_of(items: tuple[Expression, ...]) -> Expression:
    return Not(items[0] if len(items) == 1 else Or(items))


def _is_operators(operand: Mapping[Any, Any], where: tuple[str, ...]) -> bool:
    """Tell `{"$gt": 1}` from an object to be equal to; a mixture of both is neither."""
    operators = [key for key in operand if isinstance(key, str) and key.startswith("$")]
    if operators and len(operators) < len(operand):
        raise _error(where, "operators and plain keys cannot stand in one object")
    for operator in operators:
        if operator not in _IN_FIELDS:
            raise _error((*where, operator), f"unknown operator{suggest(operator, _IN_FIELDS)}")
    return bool(operators)


def _regex(field: Field, pattern: Any, options: Any, where: tuple[str, ...]) -> Expression:
    if field.kind not in ("text", "tags", "json"):
        raise _error(where, f"looks into text, and {field.name} is a {field.kind}")
    if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN:
        raise _error(where, f"takes a pattern of at most {_MAX_PATTERN:,} characters")
    if options not in ("", "i"):
        raise _error((*where[:-1], "$options"), 'only "i" (ignore case) is understood')
    pattern = "(?i)" * (options == "i") + _text(pattern, where)
    try:
        pc.match_substring_regex(pa.scalar(""), pattern)
    except pa.ArrowInvalid as error:
        raise _error(where, f"not an RE2 pattern: {error}") from None
    return Regex(field, pattern)


def _time(text: str, where: tuple[str, ...]) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise _error(where, f"{text[:80]!r} is not an ISO time") from None


def _has_nan(value: Value) -> bool:
    match value:
        case tuple():
            return any(map(_has_nan, value))
        case Struct(members):
            return any(_has_nan(member) for _, member in members)
    return value != value


def _text(value: str, where: tuple[str, ...]) -> str:
    try:
        return check_text(value)
    except QueryError as error:
        raise _error(where, str(error)) from None


def _named(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _error(where: tuple[str, ...], problem: str) -> QueryError:
    place = " > ".join(part[:80] for part in where)
    return QueryError(f"filter, at {place}: {problem}" if place else f"filter: {problem}")
