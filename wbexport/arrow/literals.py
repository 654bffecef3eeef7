"""JSON literals: one reader and one writer for every logged value that is not exactly a double."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "SPECIAL_NUMBERS",
    "WHOLE_LIMIT",
    "decode_value",
    "encode_value",
    "escape_surrogates",
    "is_whole",
    "parse_json",
    "parse_rows",
    "unwrap_config",
    "wrap_config",
    "write_json",
    "write_rows",
]

#: How GraphQL's raw JSON spells the numbers that JSON lacks.
SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

#: Below this magnitude a whole double is read back as an `int`.
WHOLE_LIMIT = 2.0**53

# orjson reads an integer of 20 digits or more as a float; Python refuses one of more than 4300.
_MAX_INTEGER_DIGITS = 4300
# With every digit as 0 and all else but the point as a space, such an integer is easily found: in
# a text of so few bytes sooner than by arrays.
_DIGITS_AS_ZEROS = bytes.maketrans(
    bytes(range(256)),
    bytes(48 if 48 <= byte <= 57 else 46 if byte == 46 else 32 for byte in range(256)),
)
_LONG_INTEGER = b" " + b"0" * 20
_FEW_BYTES = 30_000
# Made once: `json.dumps` makes one for each call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
# How a whole float looks inside an object or a list.
_WHOLE_FLOAT_ENDS = (".0,", ".0]", ".0}")
# What orjson writes for NaN, and for numbers that Python writes with an exponent. It writes other
# exponents without a sign or a zero, which `_DIGITS_ALIKE` helps to find.
_UNLIKE_IN_ORJSON = ("null", "0.0000")
_DIGITS_ALIKE = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))


def parse_json(data: bytes | str) -> Any:
    """Read one JSON text as the logged values it stands for.

    Bare `NaN` and `Infinity`, integers of any size and lone surrogates are understood, the last
    of duplicate keys wins. An integer beyond Python's 4300 digits becomes the string of its digits.

    Args:
        data: JSON text.

    Returns:
        The parsed value.

    Raises:
        ResponseError: The text is not JSON, or nests too deeply.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if not _has_long_integer(raw):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    try:
        text = raw.decode("utf-8", "surrogatepass")
        return json.loads(text, parse_int=_parse_integer)
    except (ValueError, RecursionError) as error:
        raise ResponseError(f"The server sent JSON that cannot be read: {error}") from error


def _has_long_integer(raw: bytes) -> bool:
    """Tell whether there may be one: a string may hold so many digits, too."""
    if len(raw) < _FEW_BYTES:
        return _LONG_INTEGER in b" %b" % raw.translate(_DIGITS_AS_ZEROS)
    characters = np.frombuffer(b" " + raw, np.uint8)
    digits = characters - ord("0") < 10
    # Each round doubles the length of the stretches found, up to 16; two of these make 20.
    for size in (1, 2, 4, 8, 4):
        digits = digits[:-size] & digits[size:]
    starts = np.flatnonzero(digits)
    # What stands before the first digit tells an integer from a fraction.
    before = characters[starts - 1]
    return bool(((before != ord(".")) & (before - ord("0") >= 10)).any())


def parse_rows(lines: Sequence[str | bytes]) -> list[dict[str, Any]]:
    """Read a page of history, one JSON object a line.

    Args:
        lines: JSON texts, each one row.

    Returns:
        The rows, in the order of the lines.

    Raises:
        ResponseError: A line is not a JSON object.
    """
    joined = ",".join(lines) if lines and isinstance(lines[0], str) else b",".join(lines)  # type: ignore[arg-type]
    page = f"[{joined}]" if isinstance(joined, str) else b"[%b]" % joined
    rows: list[dict[str, Any]] = parse_json(page)
    if len(rows) != len(lines) or not set(map(type, rows)) <= {dict}:
        raise ResponseError("The server sent a history line that is not one JSON object.")
    return rows


def write_json(value: Any) -> str:
    """Write a value as compact JSON with bare `NaN` tokens.

    Whole floats are written as the integers they are to JSON; lone surrogates stay escaped.
    Keys are sorted, so that equal values have equal texts: the SDK sends objects in any order.
    """
    if type(value) not in (dict, list):
        return _dump(value)
    quick = _dump_quickly(value)
    if quick is not None:
        return quick
    text = _dump(value)
    return _dump(_whole_floats_as_ints(value)) if _has_any(text, _WHOLE_FLOAT_ENDS) else text


def write_rows(rows: Iterable[dict[str, Any] | list[Any]]) -> list[str]:
    """Write each row as `write_json` does, several times as fast where most are plain.

    Args:
        rows: Parsed rows, as objects or lists.

    Returns:
        Their JSON texts.
    """
    listed = list(rows)
    try:
        # Inside JSON a line break is written as an escape.
        options = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        lines = [orjson.dumps(row, option=options) for row in listed]
    except TypeError:
        return list(map(write_json, listed))
    page = b"".join(lines)
    texts = page.decode().split("\n")[:-1]
    ends = np.cumsum([len(line) for line in lines])
    for number in set(np.searchsorted(ends, list(_unlike_places(page)), "right").tolist()):
        texts[number] = write_json(listed[number])
    return texts


def encode_value(value: Any) -> tuple[float | None, str | None]:
    """Split a logged value into its double or its JSON literal.

    Args:
        value: A parsed JSON value.

    Returns:
        `(double, None)` for a number that is exactly a double, else `(None, literal)`.

    Example:
        >>> encode_value(3), encode_value("cat")
        ((3.0, None), (None, '"cat"'))
    """
    if type(value) is float:
        return value, None
    if type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            return None, str(value)
        return (number, None) if number == value else (None, str(value))
    return None, write_json(value)


def decode_value(value: float | None, text: str | None) -> Any:
    """Join what `encode_value` split: a whole double reads as `int`, a literal as its JSON.

    Args:
        value: The double, if the value is one.
        text: The JSON literal otherwise.

    Returns:
        The logged value.
    """
    if text is not None:
        return parse_json(text)
    if value is None:
        return None
    return int(value) if is_whole(value) else value


def is_whole(value: float) -> bool:
    """Tell whether a double reads as an `int`; -0.0 does not."""
    if not -WHOLE_LIMIT < value < WHOLE_LIMIT or value != math.floor(value):
        return False
    return value != 0 or math.copysign(1.0, value) > 0


def escape_surrogates(text: str) -> str:
    r"""Replace lone surrogates, which Arrow cannot hold, by their `\udXXX` escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def unwrap_config(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split W&B's raw config into the user's values and W&B's own record.

    Args:
        raw: `{"lr": {"value": 0.1, "desc": null}, "_wandb": {"value": {...}}}`.

    Returns:
        `({"lr": 0.1}, {...})`; the second holds non-null descriptions under `desc`.
    """
    config: dict[str, Any] = {}
    descriptions: dict[str, Any] = {}
    for key, wrapped in raw.items():
        is_wrapped = isinstance(wrapped, dict) and "value" in wrapped
        config[key] = wrapped["value"] if is_wrapped else wrapped
        if is_wrapped and wrapped.get("desc") is not None:
            descriptions[key] = wrapped["desc"]
    own = config.pop("_wandb", None)
    wandb_config = dict(own) if isinstance(own, dict) else {}
    if "wandb_version" in config:
        wandb_config["wandb_version"] = config.pop("wandb_version")
    if descriptions:
        wandb_config["desc"] = descriptions
    return config, wandb_config


def wrap_config(config: dict[str, Any], wandb_config: dict[str, Any] | None) -> dict[str, Any]:
    """Undo `unwrap_config`: give back W&B's raw config."""
    own = dict(wandb_config or {})
    descriptions = own.pop("desc", {})
    raw: dict[str, Any] = {
        key: {"value": value, "desc": descriptions.get(key)} for key, value in config.items()
    }
    if "wandb_version" in own:
        raw["wandb_version"] = own.pop("wandb_version")
    if own:
        raw["_wandb"] = {"value": own}
    return raw


def _dump_quickly(value: Any) -> str | None:
    """Write an object or a list with orjson, or nothing where Python would write it otherwise."""
    try:
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    text = data.decode()
    differs = _has_any(text, _WHOLE_FLOAT_ENDS) or _has_any(text, _UNLIKE_IN_ORJSON)
    return None if differs or b"0e" in data.translate(_DIGITS_ALIKE) else text


def _unlike_places(page: bytes) -> Iterator[int]:
    """Find every place where Python would write otherwise, as `_dump_quickly` does."""
    alike = page.translate(_DIGITS_ALIKE)
    for part in (*_WHOLE_FLOAT_ENDS, *_UNLIKE_IN_ORJSON, "0e"):
        data = alike if part == "0e" else page
        place = data.find(part.encode())
        while place >= 0:
            yield place
            place = data.find(part.encode(), place + 1)


def _has_any(text: str, parts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts)


def _dump(value: Any) -> str:
    text = _ENCODER.encode(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return text


def _whole_floats_as_ints(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_floats_as_ints(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_floats_as_ints(item) for item in value]
    return int(value) if type(value) is float and is_whole(value) else value


def _parse_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits
