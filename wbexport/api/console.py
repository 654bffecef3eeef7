"""What a run printed, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wbexport.api.answers import run_in
from wbexport.api.collection import Collection, QueryText
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["ConsoleLogLine", "ConsoleLogs"]


@dataclass(frozen=True)
class ConsoleLogLine:
    """One line that a run printed.

    Attributes:
        number: Its place in the log, from 0 on.
        timestamp: When it was printed, in UTC; None when that is unknown.
        level: `error` for what was printed as an error, else empty.
        label: Which of several processes printed it; empty when there is one.
        content: The text.
    """

    number: int
    timestamp: datetime | None
    level: str
    label: str
    content: str


class ConsoleLogs(Collection[ConsoleLogLine]):
    """A lazy listing of what a run printed, the oldest line first.

    Args:
        client: Executes queries.
        path: The run.
        per_page: Lines per request.
        last: Only so many lines, the newest; None for all.

    Raises:
        InputError: `per_page` or `last` is not a whole number above 0.

    Example:
        >>> [line.content for line in run.console_logs(last=1)]
        ['done']
    """

    QUERY = QueryText("RunConsoleLines")

    def __init__(
        self, client: Service, path: RunPath, per_page: int = 1000, last: int | None = None
    ) -> None:
        if last is not None and (isinstance(last, bool) or not isinstance(last, int) or last < 1):
            raise InputError(f"last must be a whole number above 0, not {last!r}.")
        variables = {"entity": path.entity, "project": path.project, "name": path.run_id}
        super().__init__(client, variables, per_page)
        self.path = path
        self.last = last

    def _fetch(self, cursor: str | None) -> Mapping[str, Any] | None:
        if self.last is None:
            return super()._fetch(cursor)
        variables = {**self.variables, "last": self.last}
        return self._connection(self.client.execute("RunConsoleTail", variables))

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        lines: Mapping[str, Any] | None = run_in(data, self.path).get("logLines")
        return lines

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[ConsoleLogLine]:
        return [
            ConsoleLogLine(
                number=node["number"],
                timestamp=_moment(node.get("timestamp")),
                level=node.get("level") or "",
                label=node.get("label") or "",
                content=node.get("line") or "",
            )
            for node in nodes
        ]

    def __repr__(self) -> str:
        return f"<ConsoleLogs {self.path}>"


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
