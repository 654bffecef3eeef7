"""Expressions and orders over a polars frame that has the columns of the runs schema.

A field becomes a small frame of its values, one row per value and per list element. A test filters
that frame; the rows that remain are the runs that match.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

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
    Value,
    as_double,
    kind_of,
    plain,
)
from wbexport.query.fields import MISSING, lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from wbexport.query.fields import Field
    from wbexport.query.order import OrderKey

__all__ = ["filter_frame", "sort_frame"]

_VALUES: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "number": pl.Float64(),
    "text": pl.String(),
    "flag": pl.Boolean(),
    "time": pl.Datetime("us"),
    "structure": pl.String(),
    "null": pl.Boolean(),
}

_COMPARISONS: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "gt": pl.Expr.gt,
    "gte": pl.Expr.ge,
    "lt": pl.Expr.lt,
    "lte": pl.Expr.le,
}


def filter_frame(frame: pl.DataFrame, expression: Expression) -> pl.DataFrame:
    """Keep the runs that match."""
    return frame.filter(_Frame(frame, _fields(expression)).mask(expression))


def sort_frame(frame: pl.DataFrame, keys: Sequence[OrderKey]) -> pl.DataFrame:
    """Sort runs; ties go by storage id."""
    runs = _Frame(frame, {key.field for key in keys})
    columns, descending = [], []
    for key in keys:
        found = runs.sort_columns(key.field)
        columns += found
        descending += [key.descending] * len(found)
    columns.append(frame["storage_id"])
    table = pl.DataFrame({str(place): column for place, column in enumerate(columns)})
    by = pl.arg_sort_by(table.columns, descending=[*descending, False], nulls_last=True)
    return frame[table.select(by).to_series()]


class _Frame:
    """A frame and what the fields that a filter or order names hold in it."""

    def __init__(self, frame: pl.DataFrame, fields: Collection[Field]) -> None:
        self._frame = frame
        self._rows = pl.Series("row", range(frame.height), pl.UInt32)
        self._found = _found(frame, fields)
        self._values: dict[Field, pl.DataFrame] = {}

    def mask(self, expression: Expression) -> pl.Series:
        """Tell for every row whether it matches; never null."""
        match expression:
            case Always():
                return self._constant(True)
            case And(items):
                mask = self._constant(True)
                for item in items:
                    mask = mask & self.mask(item)
                return mask
            case Or(items):
                mask = self._constant(False)
                for item in items:
                    mask = mask | self.mask(item)
                return mask
            case Not(item):
                return ~self.mask(item)
            case Exists(field):
                return self._exists(field)
            case Compare(field, op, value):
                return self._any(field, _compared(op, value))
            case In(field, values):
                return self._any(field, _among(values))
            case Regex(field, pattern):
                text = self._values_of(field)["text"]
                return self._any(field, _searched(text, pattern))

    def _constant(self, value: bool) -> pl.Series:
        return pl.repeat(value, self._frame.height, eager=True)

    def _any(self, field: Field, test: pl.Expr | pl.Series) -> pl.Series:
        """Rows of which any value passes the test."""
        return self._rows.is_in(self._values_of(field).filter(test)["row"].implode())

    def _exists(self, field: Field) -> pl.Series:
        if field.kind != "json":
            return self._frame[field.column].is_not_null()
        found = self._found[field]
        return pl.Series([value is not MISSING for value in found], dtype=pl.Boolean)

    def _values_of(self, field: Field) -> pl.DataFrame:
        if field not in self._values:
            found = self._found.get(field)
            self._values[field] = self._typed(field) if found is None else _listed(found)
        return self._values[field]

    def _typed(self, field: Field) -> pl.DataFrame:
        column = self._frame[field.column].cast(_VALUES[field.kind])
        if field.kind == "number":
            column = column.fill_nan(None) + 0.0
        known = {"row": self._rows, field.kind: column, "null": self._frame[field.column].is_null()}
        absent = [
            pl.lit(None, kind).alias(name) for name, kind in _VALUES.items() if name not in known
        ]
        return pl.DataFrame(known).with_columns(absent)

    def sort_columns(self, field: Field) -> list[pl.Series]:
        """Columns that sort as the field does, nulls last."""
        if field.kind == "json":
            keys = [_sort_key(value) for value in self._found[field]]
            types = (pl.UInt8, pl.Float64, pl.String)
            columns = zip(*keys, strict=True) if keys else ((), (), ())
            return [pl.Series(values, dtype=t) for values, t in zip(columns, types, strict=True)]
        column = self._frame[field.column]
        if field.kind != "number":
            return [column]
        # polars puts NaN after every number; here it comes before them.
        column = column.cast(pl.Float64)
        return [column.is_not_nan(), column]


def _fields(expression: Expression) -> set[Field]:
    match expression:
        case Always():
            return set()
        case And(items) | Or(items):
            return set().union(*map(_fields, items))
        case Not(item):
            return _fields(item)
    return {expression.field}


def _found(frame: pl.DataFrame, fields: Collection[Field]) -> dict[Field, list[Any]]:
    """Read tags and JSON fields: each row's value or MISSING; every document is decoded once."""
    found: dict[Field, list[Any]] = {}
    for column in {field.column for field in fields if field.kind in ("json", "tags")}:
        wanted = [field for field in fields if field.column == column]
        found |= {field: [] for field in wanted}
        for cell in frame[column].to_list():
            document = _parsed(cell) if isinstance(cell, str) else cell
            for field in wanted:
                found[field].append(lookup(document, field.paths))
    return found


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # bare NaN and infinities
        return json.loads(text)


def _listed(found: list[Any]) -> pl.DataFrame:
    """List every value and every element of a list, one row each, one column per type."""
    rows = []
    for row, value in enumerate(found):
        rows.append(_typed_row(row, value))
        if isinstance(value, list):
            rows.extend(_typed_row(row, item) for item in value)
    columns = zip(*rows, strict=True) if rows else [()] * len(_VALUES)
    return pl.DataFrame(dict(zip(_VALUES, columns, strict=True)), schema=_VALUES)


def _typed_row(row: int, value: Any) -> tuple[Any, ...]:
    number = text = flag = structure = None
    match value:
        case bool():
            flag = value
        case int() | float():
            number = _double(value)
        case str():
            text = value
        case list() | dict():
            structure = _canonical(value)
    return row, number, text, flag, None, structure, value is None or value is MISSING


def _double(value: float) -> float | None:
    """The number as a double; None for NaN, which is equal to nothing."""
    number = as_double(value)
    return None if math.isnan(number) else number


def _canonical(value: list[Any] | dict[str, Any]) -> str | None:
    """Text that is equal for equal lists and objects; None when NaN is among their values."""
    try:
        return json.dumps(_doubled(value), sort_keys=True)
    except _NotANumber:
        return None


class _NotANumber(ValueError):
    pass


def _doubled(value: Any) -> Any:
    match value:
        case list():
            return [_doubled(item) for item in value]
        case dict():
            return {key: _doubled(item) for key, item in value.items()}
        case int() | float() if not isinstance(value, bool):
            if (number := _double(value)) is None:
                raise _NotANumber
            return number
    return value


def _compared(op: str, value: Value) -> pl.Expr:
    return _COMPARISONS[op](pl.col(kind_of(value)), pl.lit(value))


def _among(values: Sequence[Value]) -> pl.Expr:
    """Equality with any of the operands, which are compared type by type."""
    test = pl.col("null") if None in values else pl.lit(False)
    for kind in _VALUES:
        alike = [_operand(value) for value in values if kind_of(value) == kind]
        wanted = pl.Series(alike, dtype=_VALUES[kind]).drop_nulls()
        if len(wanted):
            test = test | pl.col(kind).is_in(wanted.implode())
    return test


def _operand(value: Value) -> Any:
    match kind_of(value):
        case "number":
            return _double(cast("float", value))
        case "structure":
            return _canonical(plain(value))
    return value


def _searched(text: pl.Series, pattern: str) -> pl.Series:
    """Search with Arrow's RE2: the language of W&B and DuckDB, and safe from slow patterns."""
    subjects = pa.chunked_array([text.to_arrow()]).cast(pa.large_string())
    return pl.Series(pc.match_substring_regex(subjects, pattern).to_pylist(), dtype=pl.Boolean)


def _sort_key(value: Any) -> tuple[int | None, float | None, str | None]:
    """Rank of the type, then the value within it; as the sort key of `to_sql`."""
    match value:
        case bool():
            return 4 + value, None, None
        case int() | float():
            number = _double(value)
            return (0 if number is None else 1), number, None
        case str():
            return 2, None, value
        case list() | dict():
            return 3, None, None
    return None, None, None
