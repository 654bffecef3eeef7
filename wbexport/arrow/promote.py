"""Kinds of logged values: one key seen with several types takes the kind that holds all.

Each kind is a set of flags, so joining kinds is a bitwise or: associative and commutative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.literals import WHOLE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "KINDS",
    "column_type",
    "doubles",
    "first_bytes",
    "fits",
    "key_runs",
    "kinds_of",
    "promote",
    "promote_all",
    "scan_kind",
    "value_flags",
    "whole_numbers",
]

KINDS = ("int", "float", "string", "bool", "json", "null", "mixed")

_INT, _FLOAT, _STRING, _BOOL, _JSON, _NULL, _MIXED = (1 << bit for bit in range(7))

_FLAGS = dict(zip(KINDS, (_INT, _FLOAT, _STRING, _BOOL, _JSON, _NULL, _MIXED), strict=True))
_KIND_OF_FLAGS = {flag: kind for kind, flag in _FLAGS.items()} | {_INT | _FLOAT: "float"}

# First byte of a _JSON literal to its flag. A literal that starts as a number is an integer no
# double holds: it fits no typed column, hence mixed.
_FLAG_OF_BYTE = np.full(256, _MIXED, np.uint8)
for _bytes, _flag in ((b'"', _STRING), (b"tf", _BOOL), (b"{[", _JSON), (b"n", _NULL)):
    _FLAG_OF_BYTE[list(_bytes)] = _flag


def promote(first: str, second: str) -> str:
    """Give the kind that holds values of both kinds.

    Args:
        first: One kind.
        second: Another.

    Returns:
        int with float is float, null with a kind is that kind, other unlike kinds are mixed.
    """
    return _kind(_FLAGS[first] | _FLAGS[second])


def promote_all(kinds: Iterable[str]) -> str:
    """Give the kind that holds values of all kinds; none at all is `null`."""
    flags = 0
    for kind in kinds:
        flags |= _FLAGS[kind]
    return _kind(flags or _NULL)


def scan_kind(kind: str) -> str:
    """Give the kind of a key's column in a lazy frame, which has its types before it has read.

    A server does not say which numbers are whole, nor what a key without values would hold.
    """
    return "float" if kind in ("int", "null") else kind


def kinds_of(long: pa.Table) -> dict[str, str]:
    """Give the kind of every key of a `LONG` or `STORED_LONG` table."""
    flags = value_flags(long)
    joined: dict[str, int] = {}
    for key, start, stop in key_runs(long):
        joined[key] = joined.get(key, 0) | int(np.bitwise_or.reduce(flags[start:stop]))
    return {key: _kind(flag) for key, flag in joined.items()}


def value_flags(long: pa.Table) -> NDArray[np.uint8]:
    """Give the kind flag of every value of a long table."""
    numbers = doubles(long)
    flags = np.where(whole_numbers(numbers), _INT, _FLOAT).astype(np.uint8)
    firsts = first_bytes(long)
    if firsts.any():
        flags = np.where(firsts, _FLAG_OF_BYTE[firsts], flags)
    return flags


def first_bytes(long: pa.Table) -> NDArray[np.uint8]:
    """Give the first byte of every literal of a long table; 0 where the value is a double."""
    texts = long.column("text").combine_chunks()
    firsts = np.zeros(len(texts), np.uint8)
    if texts.null_count < len(texts):
        rows = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
        literals = pc.drop_null(texts)
        offsets = np.frombuffer(literals.buffers()[1], np.int32)[literals.offset :][: len(rows)]
        firsts[rows] = np.frombuffer(literals.buffers()[2], np.uint8)[offsets]
    return firsts


def whole_numbers(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which doubles read as an `int`: `literals.is_whole`, for arrays."""
    whole: NDArray[np.bool_] = (np.abs(numbers) < WHOLE_LIMIT) & (np.trunc(numbers) == numbers)
    whole &= (numbers != 0) | ~np.signbit(numbers)
    return whole


def doubles(long: pa.Table) -> NDArray[np.float64]:
    """Give column `value` as numpy doubles; NaN where the value is a literal."""
    values = long.column("value").combine_chunks()
    numbers: NDArray[np.float64] = values.to_numpy(zero_copy_only=False)
    return numbers


def key_runs(long: pa.Table) -> list[tuple[str, int, int]]:
    """List the stretches of rows that share a key, as `(key, start, stop)`."""
    if not long.num_rows:
        return []
    keys = long.column("key").combine_chunks()
    codes, names = keys.indices.to_numpy(), keys.dictionary.to_pylist()
    stops = [*(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist(), len(codes)]
    starts = [0, *stops[:-1]]
    return list(zip([names[code] for code in codes[starts].tolist()], starts, stops, strict=True))


def fits(flags: NDArray[np.uint8], kind: str) -> bool:
    """Tell whether values of these flags can stand in a column of a kind."""
    allowed = {"float": _INT | _FLOAT | _NULL, "mixed": 127}.get(kind, _FLAGS[kind] | _NULL)
    return not (flags & ~np.uint8(allowed)).any()


def column_type(kind: str) -> pa.DataType:
    """Give the Arrow type of a wide column that holds this kind."""
    return _COLUMN_TYPES.get(kind, pa.string())


_COLUMN_TYPES: Mapping[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}


def _kind(flags: int) -> str:
    return _KIND_OF_FLAGS.get(flags) or _KIND_OF_FLAGS.get(flags & ~_NULL, "mixed")
