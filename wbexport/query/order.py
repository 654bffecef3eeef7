"""W&B's order strings: a sign and a key."""

from __future__ import annotations

from dataclasses import dataclass

from wbexport.errors import QueryError
from wbexport.query.fields import RUN_FIELDS, Field, Fields

__all__ = ["DEFAULT_ORDER", "OrderKey", "parse_order"]

#: What W&B sorts by when nothing is asked for: oldest run first.
DEFAULT_ORDER = "+created_at"


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A field to sort by.

    Missing and null come last in both directions; ties go by storage id. Values of several types
    ascend as numbers (NaN first), strings by code point, objects and lists, false, true.
    """

    field: Field
    descending: bool = False


def parse_order(order: str | None, fields: Fields = RUN_FIELDS) -> tuple[OrderKey, ...]:
    """Read a W&B order string.

    Args:
        order: `+` (also when there is no sign) or `-`, then a key such as `created_at`,
            `config.KEY.value` or `summary_metrics.KEY`; None and "" mean `+created_at`.
        fields: The names it may use: those of runs, of collections or of versions.
    """
    text = order or DEFAULT_ORDER
    if not isinstance(text, str):
        raise QueryError(f"order: takes text such as '-created_at', not {type(text).__name__}")
    try:
        field = fields.resolve(text[1:] if text[0] in "+-" else text)
    except QueryError as error:
        raise QueryError(f"order: {error}") from None
    if field.kind == "tags":
        raise QueryError(f"order: {fields.thing}s cannot be sorted by their tags")
    return (OrderKey(field, descending=text[0] == "-"),)
