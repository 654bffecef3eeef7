"""Posts what a run logs, as a process that runs would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.json_values import write_values
from wbexport.errors import InputError, NotFoundError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["FileStream"]

#: Servers refuse requests, and lines, of more than 10 MiB; JSON in JSON grows by its quotes.
_MAX_CHARACTERS = 4 << 20
_MAX_LINES = 10_000


class FileStream:
    """The stream of one run's metrics. A request that is repeated names the same lines.

    Args:
        client: Posts the requests.
        run: The run.

    Example:
        >>> stream = FileStream(client, run.run_path)
        >>> stream.log([{"_step": 0, "loss": 0.5}])
        >>> stream.finish({"loss": 0.5})
    """

    def __init__(self, client: Service, run: RunPath) -> None:
        self._session = client.session
        self._run = run
        self._lines = 0

    def log(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Post history rows, after those posted before.

        Args:
            rows: The rows, in the order of their steps.

        Raises:
            InputError: A value has no form in JSON, a row is too large, or settings are read-only.
            NotFoundError: There is no such run.
            RequestError: The server did not take them.
        """
        for lines in _requests(write_values(dict(row), "history") for row in rows):
            history = {"offset": self._lines, "content": lines}
            self._post({"files": {"wandb-history.jsonl": history}})
            self._lines += len(lines)

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Post the summary and end the run.

        Args:
            summary: The whole summary.
            exit_code: How it ended; 0 for well.

        Raises:
            InputError: A value has no form in JSON, or the settings are read-only.
            NotFoundError: There is no such run.
            RequestError: The server did not take it.
        """
        content = {"offset": 0, "content": [write_values(dict(summary), "summary")]}
        files = {"wandb-summary.json": content}
        self._post({"files": files, "complete": True, "exitcode": exit_code})

    def _post(self, body: Mapping[str, Any]) -> None:
        parts = (self._run.entity, self._run.project, self._run.run_id)
        path = "/files/{}/{}/{}/file_stream".format(*(quote(part, safe="") for part in parts))
        answer = self._session.post_json(path, body, changes="A post of metrics")
        if errors := answer.get("errors"):
            text = "; ".join(str(each.get("message", each)) for each in errors)
            if answer.get("status") == 404:
                raise NotFoundError(f"The server takes no metrics of run {self._run}: {text}")
            raise RequestError(
                f"The server takes no metrics of run {self._run}: {text}",
                status=answer.get("status"),
            )


def _requests(lines: Iterable[str]) -> Iterator[list[str]]:
    """Gather lines into requests of a size that servers take."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        if len(line) > _MAX_CHARACTERS:
            raise InputError(f"A history row of {len(line)} characters is too large to be sent.")
        if size + len(line) > _MAX_CHARACTERS or len(waiting) == _MAX_LINES:
            yield waiting
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        yield waiting
