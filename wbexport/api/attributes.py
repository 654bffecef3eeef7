"""What all API objects share: fields of the server under Python's names, and their HTML."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["Attributes", "Settable", "iframe", "link"]

_T = TypeVar("_T")


class Attributes:
    """An object whose fields are those the server sent: `run.display_name` is `displayName`.

    Args:
        attrs: The fields as received.
    """

    #: Fields that hold secrets: they do not go along when the object is copied or pickled.
    _SECRETS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, attrs: Mapping[str, Any]) -> None:
        self._attrs = dict(attrs)

    def __getstate__(self) -> dict[str, Any]:
        shown = {name: self._attrs[name] for name in self._attrs if name not in self._SECRETS}
        return vars(self) | {"_attrs": shown}

    def __getattr__(self, name: str) -> Any:
        # Looking up a private name here would recurse while an object is being copied.
        attrs = {} if name.startswith("_") else self._attrs
        for key in (_camel_case(name), name):
            if key in attrs:
                return attrs[key]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def to_html(self, height: int = 420, hidden: bool = False) -> str | None:
        """Write HTML that shows the object; None when it has no page of its own.

        Args:
            height: Pixels.
            hidden: Show only a name until it is opened.

        Returns:
            The HTML.
        """
        return None

    def display(self, height: int = 420, hidden: bool = False) -> bool:
        """Show the object in a notebook.

        Args:
            height: Pixels.
            hidden: Show only a name until it is opened.

        Returns:
            Whether there is a notebook to show it in, and a page to show.
        """
        html = self.to_html(height, hidden)
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython else None
        if html is None or shell is None or not hasattr(shell, "kernel"):
            return False
        shell.display_pub.publish({"text/html": html, "text/plain": repr(self)})
        return True


class Settable(Generic[_T]):
    """A field of an object that may be set; the object's `update` or `save` sends it.

    Args:
        key: The server's name of the field.
        doc: What the field holds.
    """

    def __init__(self, key: str, doc: str) -> None:
        self._key = key
        self.__doc__ = doc

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Attributes, owner: type) -> _T: ...

    def __get__(self, instance: Attributes | None, owner: type) -> Self | _T:
        if instance is None:
            return self
        value: _T = instance._attrs.get(self._key)  # type: ignore[assignment]
        return value

    def __set__(self, instance: Attributes, value: _T) -> None:
        instance._attrs[self._key] = value


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
