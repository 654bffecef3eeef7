"""Console lines of a run, in pages from the first or as a tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.server.resolvers.connections import cursor_at, page_of, position_of
from wbexport.store import attachments

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]


def _log_lines(
    run: Node,
    info: Info,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    useImprovedPagination: bool | None = None,
) -> Node:
    count = run["log_line_count"] or 0
    start = position_of(after)
    size = info.context.page(first if last is None else last, default=1000)
    if last is not None:
        start = max(count - size, 0)
    found = attachments.read_console(info.context.cursor, run["run_no"], start=start, limit=size)
    lines = found.to_pylist()
    page = page_of(lines, start, more=bool(lines) and lines[-1]["number"] + 1 < count)
    for edge in page["edges"]:
        # Line numbers may have gaps, and lines may come in between.
        edge["cursor"] = cursor_at(edge["node"]["number"])
    if lines:
        page["pageInfo"]["endCursor"] = page["edges"][-1]["cursor"]
    return page


RESOLVERS = {
    "Run": {"logLines": _log_lines},
    "LogLine": {
        "timestamp": lambda line, info: line["logged_at"] and line["logged_at"].isoformat(),
        "level": lambda line, info: line["level"] or "",
        "line": lambda line, info: line["line"] or "",
    },
}
