"""Expressions and orders as DuckDB text over a relation `r` of runs; values and keys are bound.

A JSON value is read once per clause: a one-element list lets a lambda name it. Keys are JSON
pointers, the one path syntax of DuckDB that can spell every key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wbexport.query.expressions import (
    Always,
    And,
    Compare,
    Exists,
    Expression,
    In,
    Not,
    Or,
    Regex,
    Struct,
    Value,
    kind_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wbexport.query.fields import Field
    from wbexport.query.order import OrderKey

__all__ = ["Sql", "order_by", "where"]


@dataclass(frozen=True, slots=True)
class Sql:
    """A fragment of SQL and the values of its question marks, in order."""

    text: str
    params: list[Any] = field(default_factory=list)


_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

# How to read one JSON value {0} as each type; null when it is of another type, or NaN.
_JSON_READERS = {
    "number": "nullif(try_cast({0}::varchar as double), 'nan'::double)",
    "text": "case when starts_with({0}::varchar, '\"') then {0} ->> '$' end",
    "flag": "case {0}::varchar when 'true' then true when 'false' then false end",
}

# The same for a typed column {0}.
_COLUMN_READERS = {
    "number": "nullif({0}::double, 'nan'::double)",
    "text": "{0}",
    "flag": "{0}",
    "time": "{0}",
}

_SQL_TYPES = {"number": "double", "text": "varchar", "flag": "boolean", "time": "timestamp"}

# True when {test} holds for the JSON value {document}, or for any element of it when it is a list.
_ANY_VALUE = """len(list_filter(flatten(list_transform([{document}], lambda document:
    case when starts_with(document::varchar, '[')
        then list_append(json_extract(document, '$[*]'), document)
        else [document] end)), lambda item: coalesce({test}, false))) > 0"""

# Sorts by type, then value; null for null and missing.
_SORT_KEY = """list_transform([{document}], lambda item: case
    when item is null or item::varchar = 'null' then null
    else {{
        'type': case
            when isnan(try_cast(item::varchar as double)) then 0
            when {number} is not null then 1
            when starts_with(item::varchar, '"') then 2
            when item::varchar = 'false' then 4
            when item::varchar = 'true' then 5
            else 3 end,
        'number': {number},
        'text': {text}}} end)[1]"""


def where(expression: Expression) -> Sql:
    """Write an expression as a condition on the runs relation `r`.

    Args:
        expression: What `parse_filter` gave.

    Returns:
        Text for `where`, never null for any run, and its values.

    Example:
        >>> where(Always())
        Sql(text='true', params=[])
    """
    match expression:
        case Always():
            return Sql("true")
        case And(items):
            return _joined(" and ", map(where, items))
        case Or(items):
            return _joined(" or ", map(where, items))
        case Not(item):
            denied = where(item)
            return Sql(f"(not {denied.text})", denied.params)
        case Exists(field):
            source = _source(field)
            return Sql(f"({source.text} is not null)", source.params)
        case Compare(field, op, value):
            return _test(field, lambda item: _compared(field, item, op, value))
        case In(field, values):
            return _test(field, lambda item: _among(field, item, values))
        case Regex(field, pattern):
            return _test(field, lambda item: _found(field, item, pattern))


def order_by(keys: Sequence[OrderKey]) -> Sql:
    """Write order keys as the terms of `order by` over the runs relation `r`.

    Returns:
        Text for `order by`, ending in the storage id so that the order is total, and its values.
    """
    terms = [_sort_term(key) for key in keys]
    terms.append(Sql("r.storage_id"))
    return Sql(", ".join(term.text for term in terms), [p for term in terms for p in term.params])


def _joined(word: str, parts: Iterable[Sql]) -> Sql:
    listed = list(parts)
    text = word.join(part.text for part in listed)
    return Sql(f"({text})", [param for part in listed for param in part.params])


def _source(field: Field) -> Sql:
    """The field's column, or the JSON value at its first path that exists."""
    column = f"r.{field.column}"
    if field.kind == "tags":
        return Sql(f"to_json({column})")
    if field.kind != "json":
        return Sql(column)
    pointers = ["".join(f"/{_escaped(key)}" for key in path) for path in field.paths]
    return Sql(f"list_any_value(json_extract({column}, ?::varchar[]))", [pointers])


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _is_json(field: Field) -> bool:
    return field.kind in ("json", "tags")


def _test(field: Field, write: Callable[[str], Sql]) -> Sql:
    """Apply a test, written for one value, to what the field holds."""
    source = _source(field)
    if not _is_json(field):
        test = write(source.text)
        return Sql(f"coalesce({test.text}, false)", test.params)
    test = write("item")
    text = _ANY_VALUE.format(document=source.text, test=test.text)
    return Sql(f"({text})", source.params + test.params)


def _read(field: Field, item: str, kind: str) -> str | None:
    """Text that reads a value as one type; None when the column never holds that type."""
    if _is_json(field):
        return _JSON_READERS[kind].format(item)
    return _COLUMN_READERS[kind].format(item) if kind == field.kind else None


def _bound(value: Value) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _compared(field: Field, item: str, op: str, value: Value) -> Sql:
    reader = _read(field, item, kind_of(value))
    if reader is None:
        return Sql("false")
    return Sql(f"({reader}) {_SIGNS[op]} ?", [_bound(value)])


def _among(field: Field, item: str, values: Sequence[Value]) -> Sql:
    """Equality with any of the operands, which are compared type by type."""
    tests = []
    for kind, sql_type in _SQL_TYPES.items():
        alike = [_bound(value) for value in values if kind_of(value) == kind]
        reader = _read(field, item, kind) if alike else None
        if reader is not None and _is_json(field):
            tests.append(Sql(f"list_contains(?::{sql_type}[], {reader})", [alike]))
        elif reader is not None:
            tests.append(Sql(f"{reader} in (select unnest(?::{sql_type}[]))", [alike]))
    if None in values:
        tests.append(Sql(f"{item} is null"))
    if _is_json(field):
        tests += [Sql(f"{item}::varchar = 'null'")] * (None in values)
        tests += [_same(item, value) for value in values if kind_of(value) == "structure"]
    return _joined(" or ", tests) if tests else Sql("false")


def _same(item: str, value: Value) -> Sql:
    """Exact equality with a list or an object: every node of the operand in its place."""
    tests = []
    for pointer, node in _nodes(value, ""):
        test = _same_node(node)
        text = f"list_transform([json_extract({item}, ?)], lambda part: {test.text})[1]"
        tests.append(Sql(text, [pointer or "$", *test.params]))
    return _joined(" and ", tests)


def _nodes(value: Value, pointer: str) -> Iterator[tuple[str, Value]]:
    yield pointer, value
    if isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _nodes(item, f"{pointer}/{position}")
    elif isinstance(value, Struct):
        for key, item in value.members:
            yield from _nodes(item, f"{pointer}/{_escaped(key)}")


def _same_node(value: Value) -> Sql:
    match value:
        case tuple():
            text = "starts_with(part::varchar, '[') and json_array_length(part) = ?"
            return Sql(text, [len(value)])
        case Struct(members):
            text = "starts_with(part::varchar, '{') and len(json_keys(part)) = ?"
            return Sql(text, [len(members)])
        case None:
            return Sql("part::varchar = 'null'")
        case _:
            reader = _JSON_READERS[kind_of(value)].format("part")
            return Sql(f"({reader}) = ?", [_bound(value)])


def _found(field: Field, item: str, pattern: str) -> Sql:
    return Sql(f"regexp_matches({_read(field, item, 'text')}, ?)", [pattern])


def _sort_term(key: OrderKey) -> Sql:
    source = _source(key.field)
    direction = "desc nulls last" if key.descending else "asc nulls last"
    if key.field.kind == "json":
        readers = {kind: _JSON_READERS[kind].format("item") for kind in ("number", "text")}
        text = _SORT_KEY.format(document=source.text, **readers)
        return Sql(f"{text} {direction}", source.params)
    if key.field.kind == "number":
        # DuckDB puts NaN after every number; here it comes before them.
        return Sql(f"not isnan({source.text}::double) {direction}, {source.text} {direction}")
    return Sql(f"{source.text} {direction}")
