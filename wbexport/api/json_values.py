"""Writes the values that users set as JSON for the wire, and refuses what JSON cannot hold."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from wbexport.errors import InputError

__all__ = ["write_values"]


def write_values(values: dict[str, Any], what: str) -> str:
    """Write a dict as JSON: a bare `NaN` for NaN, plain numbers and lists for those of numpy.

    Args:
        values: Configuration, summary or history row.
        what: What they are, for the error.

    Returns:
        JSON text.

    Raises:
        InputError: A value has no form in JSON, or a dict holds itself.

    Example:
        >>> write_values({"lr": 0.1, "classes": ("cat", "dog")}, "config")
        '{"lr": 0.1, "classes": ["cat", "dog"]}'
    """
    try:
        return json.dumps(values, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"The {what} cannot be written as JSON: {error}.") from error


def _plain(value: Any) -> Any:
    """Turn numpy's, torch's and Python's own richer values into those of JSON."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "_json_dict"):
        return dict(value._json_dict)
    raise TypeError(f"{value!r} is of type {type(value).__name__}")
