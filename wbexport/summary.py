"""A run's summary: a dict whose nested objects are summaries too."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

__all__ = ["Summary"]


class Summary(MutableMapping[str, Any]):
    """A run's summary values, read as items or as attributes.

    Args:
        values: The values; the summary changes them in place.

    Example:
        >>> run.summary["loss"], run.summary.get("acc", 0.0)
        (0.25, 0.0)
    """

    def __init__(self, values: dict[str, Any]) -> None:
        object.__setattr__(self, "_json_dict", values)

    _json_dict: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        value = self._json_dict[_stripped(key)]
        return self._nested(value) if isinstance(value, dict) else value

    def _nested(self, values: dict[str, Any]) -> Summary:
        return Summary(values)

    def __setitem__(self, key: str, value: Any) -> None:
        self._json_dict[_stripped(key)] = dict(value) if isinstance(value, Summary) else value

    def __delitem__(self, key: str) -> None:
        del self._json_dict[_stripped(key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._json_dict)

    def __len__(self) -> int:
        return len(self._json_dict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._json_dict:
            raise AttributeError(f"The summary has no value {name!r}")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._json_dict)


def _stripped(key: Any) -> Any:
    """W&B's summaries ignore blanks around a key."""
    return key.strip() if isinstance(key, str) else key
