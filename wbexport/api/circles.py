"""Classes that lead to each other in circles: a run to its artifacts, an artifact to its runs.

Modules cannot import each other in a circle. So a class that others lead back to puts itself down
here, and they open it by its name.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["led_back_to", "open_by_name"]

_Class = TypeVar("_Class", bound=type)
_classes: dict[str, type] = {}


def led_back_to(cls: _Class) -> _Class:
    """Put a class down, so that what it is built on can open it too."""
    _classes[cls.__name__] = cls
    return cls


def open_by_name(name: str, *arguments: Any) -> Any:
    """Make an object of a class that was put down."""
    return _classes[name](*arguments)
