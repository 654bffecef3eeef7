"""Pages of nodes: cursors are positions, opaque to clients."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from wbexport.errors import InputError, QueryError
from wbexport.query.fields import RUN_FIELDS
from wbexport.query.mongo import parse_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wbexport.query.expressions import Expression
    from wbexport.query.fields import Fields
    from wbexport.server.service import Info


__all__ = ["connection", "cursor_at", "filter_of", "page_of", "position_of"]


def cursor_at(position: int) -> str:
    """Return the cursor of the node at a position."""
    return base64.urlsafe_b64encode(b"at:%d" % position).decode().rstrip("=")


def position_of(cursor: str | None) -> int:
    """Return the position after a cursor.

    Raises:
        InputError: When the cursor is not one of ours.
    """
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = int(text.removeprefix(b"at:"))
    except (binascii.Error, ValueError):
        position = -1
    if not 0 <= position < 2**62 or cursor_at(position) != cursor:
        raise InputError("the cursor is not one of this server's")
    return position + 1


def filter_of(filters: str | None, fields: Fields = RUN_FIELDS) -> Expression:
    """Return the expression of a filter that came as JSON text.

    Raises:
        QueryError: When it is not JSON, or no filter.
    """
    try:
        parsed = json.loads(filters or "{}")
    except (ValueError, RecursionError) as error:
        raise QueryError("filters is not JSON") from error
    return parse_filter(parsed or {}, fields)


def page_of(nodes: Sequence[Any], start: int, *, more: bool) -> dict[str, Any]:
    """Return a connection of the nodes that stand at `start` and after it."""
    edges = [{"node": node, "cursor": cursor_at(start + i)} for i, node in enumerate(nodes)]
    return {
        "edges": edges,
        "pageInfo": {
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": more,
            "hasPreviousPage": start > 0,
        },
    }


def connection(
    info: Info, nodes: Sequence[Any], first: int | None, after: str | None
) -> dict[str, Any]:
    """Cut one page out of a short list."""
    start = position_of(after)
    size = info.context.page(first)
    page = page_of(nodes[start : start + size], start, more=start + size < len(nodes))
    return page | {"totalCount": len(nodes)}
