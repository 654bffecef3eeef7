"""The tree that a filter becomes: small frozen nodes, one meaning for every back end.

Comparisons hold between like types only (numbers, strings, booleans, times), and numbers compare
as doubles, because W&B's JSON has one number type. A list matches when it, or any of its elements,
does. Missing and null are equal to null and to nothing else. NaN compares with nothing, so it is
never an operand: parsing leaves it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from wbexport.query.fields import Field

__all__ = [
    "Always",
    "And",
    "Compare",
    "Exists",
    "Expression",
    "In",
    "Not",
    "Or",
    "Ordering",
    "Regex",
    "Struct",
    "Value",
    "as_double",
    "kind_of",
    "plain",
]


@dataclass(frozen=True, slots=True)
class Struct:
    """A JSON object as an operand: its members sorted by key."""

    members: tuple[tuple[str, Value], ...]


#: What a field is compared with. Tuples are JSON lists; times only meet time fields.
Value: TypeAlias = "bool | int | float | str | datetime | tuple[Value, ...] | Struct | None"

Ordering = Literal["gt", "gte", "lt", "lte"]


@dataclass(frozen=True, slots=True)
class Always:
    """Matches every run: the empty filter."""


@dataclass(frozen=True, slots=True)
class And:
    """Matches when every item does."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Matches when any item does."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Matches when the item does not."""

    item: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    """Matches values on one side of an operand of the same type."""

    field: Field
    op: Ordering
    value: bool | int | float | str | datetime


@dataclass(frozen=True, slots=True)
class In:
    """Matches values equal to one of the operands; plain equality has one operand."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """Matches runs that have the field; an explicit JSON null counts."""

    field: Field


@dataclass(frozen=True, slots=True)
class Regex:
    """Matches strings in which the RE2 pattern is found; flags stand inside the pattern."""

    field: Field
    pattern: str


Expression = Always | And | Or | Not | Compare | In | Exists | Regex


def as_double(value: float) -> float:
    """Give a JSON number as the double it compares as."""
    try:
        return float(value) + 0.0
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def kind_of(value: Value) -> Literal["null", "flag", "number", "text", "time", "structure"]:
    """Name the type of an operand; only values of the same type are compared."""
    match value:
        case None:
            return "null"
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str():
            return "text"
        case datetime():
            return "time"
    return "structure"


def plain(value: Value) -> Any:
    """Give an operand as the JSON value it was parsed from."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Struct):
        return {key: plain(member) for key, member in value.members}
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value
