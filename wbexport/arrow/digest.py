"""An order-free digest of logged values: equal for equal contents, whatever way they came."""

from __future__ import annotations

import json
import struct
from hashlib import blake2b
from typing import TYPE_CHECKING

from wbexport.arrow.literals import parse_json
from wbexport.arrow.promote import doubles, key_runs

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DIGEST_MODULUS", "long_digest"]

#: Digests of parts are added modulo this number.
DIGEST_MODULUS = 1 << 128

_NAN = struct.pack("<d", float("nan"))


def long_digest(storage_id: str, stream: str, long: pa.Table) -> int:
    """Digest the values of one run, or of any part of it.

    Each value gives the blake2b-128 of its run, stream, key, step and either the bits of its
    double or its JSON text with sorted keys. Their sum does not depend on order or on how the
    values are cut in parts: add the digests of the parts modulo `DIGEST_MODULUS`.

    Args:
        storage_id: The run.
        stream: `history` or `system`.
        long: A `LONG` table.

    Returns:
        A number below `DIGEST_MODULUS`.
    """
    steps, numbers = long.column("step").to_pylist(), doubles(long).tolist()
    texts = long.column("text").to_pylist()
    total = 0
    for key, start, stop in key_runs(long):
        head = blake2b(digest_size=16)
        for part in (storage_id, stream, key):
            encoded = part.encode()
            head.update(struct.pack("<q", len(encoded)) + encoded)
        for row in range(start, stop):
            value = head.copy()
            value.update(struct.pack("<q", steps[row]) + _value_bytes(numbers[row], texts[row]))
            total += int.from_bytes(value.digest(), "little")
    return total % DIGEST_MODULUS


def _value_bytes(number: float, text: str | None) -> bytes:
    if text is None:
        # NaN has many bit patterns and one meaning.
        return b"d" + (_NAN if number != number else struct.pack("<d", number))
    return b"t" + _canonical(text).encode()


def _canonical(text: str) -> str:
    if text[0] not in '{["':
        return text
    return json.dumps(parse_json(text), sort_keys=True, separators=(",", ":"))
