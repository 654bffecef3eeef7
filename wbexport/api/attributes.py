"""What all API objects share: fields of the server under Python's names, and their HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Attributes", "iframe", "link"]


class Attributes:
    """An object whose fields are those the server sent: `run.display_name` is `displayName`.

    Args:
        attrs: The fields as received.
    """

    def __init__(self, attrs: Mapping[str, Any]) -> None:
        self._attrs = dict(attrs)

    def __getattr__(self, name: str) -> Any:
        # Looking up a private name here would recurse while an object is being copied.
        attrs = {} if name.startswith("_") else self._attrs
        for key in (_camel_case(name), name):
            if key in attrs:
                return attrs[key]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def iframe(url: str, label: str, height: int, hidden: bool) -> str:
    """Write HTML that shows a page of the web app."""
    source = html.escape(f"{url}?jupyter=true", quote=True)
    style = f"border:none;width:100%;height:{int(height)}px;"
    frame = f'<iframe src="{source}" style="{style}"></iframe>'
    if not hidden:
        return frame
    return f"<details><summary>{html.escape(label, quote=True)}</summary>{frame}</details>"


def link(url: str, label: str) -> str:
    """Write an HTML link; unlike a frame it asks no other host for anything."""
    return f'<a href="{html.escape(url, quote=True)}">{html.escape(label, quote=True)}</a>'
