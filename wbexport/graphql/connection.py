"""Walks a Relay connection page by page, whatever the server says about its own cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["iter_pages"]

_MAX_EMPTY_PAGES = 3


def iter_pages(
    fetch: Callable[[str | None], Mapping[str, Any] | None], *, start: str | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of a connection until the server says there are no more.

    Args:
        fetch: Takes a cursor (None for the first page), returns the connection:
            `{"edges": [{"node": …, "cursor": …}], "pageInfo": {"endCursor", "hasNextPage"}}`.
        start: Cursor to go on from.

    Yields:
        Each connection as received, with `edges` free of nulls and of edges without a node.

    Raises:
        ResponseError: A page is null, or the server does not move on: it repeats a cursor, gives
            none, or sends empty pages. An answer like that must not read as "no more rows".

    Example:
        >>> page = {"edges": [{"node": {"name": "a"}}], "pageInfo": {"hasNextPage": False}}
        >>> [edge["node"]["name"] for page in iter_pages(lambda _: page) for edge in page["edges"]]
        ['a']
    """
    cursor = start
    seen = {start}
    empty = 0
    while True:
        page = fetch(cursor)
        edges = _edges(page)
        yield {**(page or {}), "edges": edges}
        info = (page or {}).get("pageInfo") or {}
        if not info.get("hasNextPage"):
            return
        empty = 0 if edges else empty + 1
        cursor = info.get("endCursor") or next((edge.get("cursor") for edge in edges[::-1]), None)
        if cursor is None or cursor in seen or empty >= _MAX_EMPTY_PAGES:
            raise ResponseError(
                "The server says there are more pages but does not move on from the last one. "
                "Try again later; nothing was left out silently."
            )
        seen.add(cursor)


def _edges(page: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if page is None or not isinstance(page.get("edges"), list):
        raise ResponseError("The server sent no list where a page was expected; try again later.")
    return [edge for edge in page["edges"] if edge and edge.get("node") is not None]
