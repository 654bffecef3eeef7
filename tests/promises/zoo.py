"""A project of odd runs as plain Python: what a complete and honest copy has to hold.

Nothing of wbexport is used here. `PLAIN` runs are posted as a file stream has them, `LOGGED` is
what the real SDK logs, and `LONG_ROWS` makes a run that is long. `digest_of` follows the words of
`wbexport.arrow.digest`, not its code; `as_read` is all that W&B's JSON cannot tell apart.
"""

from __future__ import annotations

import json
import math
import struct
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["CONFIGS", "LOGGED", "PLAIN", "as_read", "digest_of", "exact", "long_rows"]

Row = dict[str, Any]

#: Names that are SQL, HTML, paths, control characters, or each other but for a trifle.
NAMES = [
    *("loss", "Loss", "LOSS", "é", "e\u0301", "É", "ß", "ss", "ﬁ", "K", "K", "İ", "i\u0307"),
    *("a.b", "a/b", "a\\b", "a b", " a", "a ", "a,b", "a:b", "a=b", "a%b", "a#2", "#2", "*"),
    *('"', "'", "''", '""', "`", "[x]", "{}", "$1", "?", "\\", "\\n", "%s", "{0}", "-", "--"),
    *("..", ".", "/", "../../etc/passwd", "/etc/passwd", "C:\\x", "nul", "\\\\host\\share"),
    *("'; drop table stored.history; --", '"; drop table runs; --', "select", "null", "NaN"),
    *("<img src=x onerror=alert(1)>", "'\"><script>alert(1)</script>", "&amp;", "&lt;b&gt;"),
    *("tab\tnew\nline\r", "\x1b[31mred\x1b[0m", "\x00", "\x00nul", "\x7f", "\u2028", "\ufeff"),
    *("😀", "\u202egnp.exe", "\u200b", "a\u200db", "日本", "run_id", "run_id#2", "run_no", "step"),
    *("key", "value", "text", "entity", "project", "storage_id", "_steps", "_wandb", "k" * 70_000),
]  # fmt: skip

#: Values of every kind that a key can change to. The text "NaN" is not among them: where a key
#: has numbers too, W&B's raw JSON spells the number so.
VALUES: list[Any] = [
    *(1, "one", True, None, 2.5, -1, {"a": 1}, [1], "", False, "null", "1", "nan"),
    *(math.nan, 0, -0.0, math.inf, {}, [], -math.inf, 2**53, 2**53 + 1, 10**30, -(2**63), 1e308),
    *(5e-324, {"deep": {"er": [None, math.nan, {"x.y": 2**70}]}}, "é\u0301 \u2028 \x00 \"' \\", 7),
]  # fmt: skip

_HISTOGRAM = {"_type": "histogram", "bins": [0, 0.5, 2.25, 9.75], "values": [3, 0, 1]}


def _letters(count: int) -> list[Row]:
    return [{"_step": step, "loss": step + 0.5, "acc": step % 3} for step in range(count)]


PLAIN: dict[str, list[Row]] = {
    "empty": [],
    "running": _letters(30),
    "even": _letters(40),
    "overlapping": [row | {"word": f"w{row['_step']}"} for row in _letters(60)],
    "gaps": [{"_step": step, "x": step / 8} for step in (3, 4, 90, 1_000, 5_000_000, 2**31, 2**40)],
    "late": [{"_step": 10**9 + step * 4_096, "tokens": step} for step in range(50)],
    "only-steps": [{"_step": 0}, {"_step": 1, "a": 1}, {"_step": 2}, {"_step": 9}],
    "names": [{"_step": step} | dict.fromkeys(NAMES, step) for step in range(3)],
    "sparse-names": [{"_step": step, name: step + 0.25} for step, name in enumerate(NAMES)],
    "values": [{"_step": step, "any": value, "n": step} for step, value in enumerate(VALUES)],
    "number": [{"_step": step, "typed": step} for step in range(5)],
    "string": [{"_step": step, "typed": str(step)} for step in range(5)],
    "floats": [{"_step": step, "typed": step / 4} for step in range(5)],
    "nans": [
        {"_step": step, "f": value, "g": -0.0}
        for step, value in enumerate([math.nan, math.inf, -math.inf, -0.0, 0.0, 1.5, math.nan])
    ],
    "wholes": [
        {"_step": step, "big": value}
        for step, value in enumerate([2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**64, 10**22])
    ],
    "texts": [
        {"_step": step, "word": word} for step, word in enumerate(["NaN", "Infinity", "", "-0"])
    ],
    "nulls": [{"_step": step, "maybe": None if step % 2 else step} for step in range(9)],
    "only-null": [{"_step": step, "nothing": None} for step in range(3)],
    "nested": [
        {"_step": step, "nest": {"a": step, "b": {"c": [step, None]}}, "nest.a": -step}
        for step in range(9)
    ],
    "even-nested": [{"_step": step, "nest": {"a": step, "b": 0.5}} for step in range(30)],
    "histograms": [{"_step": step, "h": _HISTOGRAM} for step in range(12)],
    "many-keys": [
        {"_step": step} | {f"layer.{key}/norm": key + step / 8 for key in range(step, 2_000, 7)}
        for step in range(7)
    ],
    "<b>r'&\"": _letters(3),
    "x' or 1=1--": _letters(3),
    "é\u0301 😀 ..": _letters(3),
}

#: Configs of runs; any other is empty.
CONFIGS: dict[str, Row] = {
    "names": dict.fromkeys(set(NAMES) - {"_wandb"}, 1),  # That one is W&B's own.
    "values": {f"v{place}": value for place, value in enumerate(VALUES)},
    "nested": {"a": {"b": {"c": None}}, "a.b": [1, [2]], "": "empty", "value": {"value": 1}},
}

#: What the SDK logs, in one run. It adds `_runtime` and `_timestamp`, and sends -0.0 as 0.
LOGGED: list[Row] = [
    {"_step": 0, "loss": 0.5, "Loss": 1, "é": 1, "e\u0301": 2, "a.b": 3, "a/b": 4, 'q"u\'o': 5},
    {"_step": 1, "odd": math.nan, "up": math.inf, "down": -math.inf},
    {"_step": 2, "big": 2**53 + 1, "flag": True, "word": "NaN", "none": None},
    {"_step": 7, "mixed": 1, "nest": {"a": 1, "b": {"c": [1, None]}}},
    {"_step": 8, "mixed": "one", "'; drop table runs; --": 1, "<img src=x onerror=a()>": 2},
    {"_step": 90, "mixed": {"a": [1]}, "\t\n \x1b[31m": 1, "../../up": 2, "h": _HISTOGRAM},
    *({"_step": step, "loss": step / 8, "late": step} for step in range(2_500, 2_530)),
]  # fmt: skip


def long_rows(count: int) -> Iterator[Row]:
    """Give the rows of a long run: three keys, one of which comes and goes."""
    for step in range(count):
        row: Row = {"_step": step, "loss": 1 / (step + 1), "seen": step * 128}
        yield row | ({"acc": (step % 1_000) / 1_000} if step % 5 == 0 else {})


def as_read(value: Any) -> Any:
    """Tell as what a logged value comes back: JSON has one type for all numbers."""
    if type(value) is int and abs(value) >= 2**53 and _is_double(value):
        return float(value)
    if type(value) is float and value.is_integer() and abs(value) < 2**53 and not _is_minus(value):
        return int(value)
    return value


def exact(value: Any) -> str:
    """Give a text in which `1`, `1.0`, `-0.0`, `"1"`, `true`, `null` and NaN all differ."""
    return json.dumps(value, sort_keys=True)


def digest_of(storage_id: str, rows: Iterable[Mapping[str, Any]], stream: str = "history") -> int:
    """Compute the digest of a run's history from its plain rows."""
    heads: dict[str, Callable[[], Any]] = {}
    total = 0
    for row in rows:
        alone = len(row) == 1
        for key, value in row.items():
            if key == "_step" and not alone:
                continue
            if key not in heads:
                heads[key] = blake2b(_head(storage_id, stream, key), digest_size=16).copy
            one = heads[key]()
            one.update(struct.pack("<q", row["_step"]) + _bytes(value))
            total += int.from_bytes(one.digest(), "little")
    return total % (1 << 128)


def _head(*parts: str) -> bytes:
    return b"".join(struct.pack("<q", len(part.encode())) + part.encode() for part in parts)


def _bytes(value: Any) -> bytes:
    if type(value) in (int, float) and (type(value) is float or _is_double(value)):
        return b"d" + struct.pack("<d", math.nan if value != value else value)
    return b"t" + json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _is_double(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _is_minus(value: float) -> bool:
    return value == 0 and math.copysign(1, value) < 0
