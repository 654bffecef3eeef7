"""The one reader of a run's complete history, which everything else uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.api.answers import run_in
from wbexport.api.exports import open_exports, union_by_step
from wbexport.api.pages import StepWindows, iter_step_pages
from wbexport.arrow.convert import parse_rows, rows_to_long
from wbexport.arrow.lines import lines_to_long
from wbexport.arrow.literals import parse_json
from wbexport.decoding import decode
from wbexport.errors import GraphQLError, ResponseError
from wbexport.garbage import collector_paused
from wbexport.graphql.documents import aliased
from wbexport.graphql.models import HistoryKeys, ParquetHistory, read_node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from wbexport.graphql.client import GraphQL
    from wbexport.paths import ProjectPath, RunPath
    from wbexport.transport import Session

__all__ = [
    "HistorySource",
    "fetch_fresh_url",
    "fetch_history_keys",
    "fetch_run",
    "fetch_source",
    "fetch_sources",
    "scan_events",
    "scan_long",
]

_Row = dict[str, Any]

_EVENT_ROWS = 10_000
_LIVE_KEYS = ["_step"]
_SOURCES_PER_REQUEST = 50


@dataclass(frozen=True)
class HistorySource:
    """Where a run's whole history is, at one moment.

    Args:
        urls: Signed URLs of the exported files, in no order.
        first_live_step: Where the rows that are in no exported file begin, if there are any.
        last_step: The last step logged, where the server says so.
        line_count: How many rows were logged, where the server says so.
        key_count: How many metric keys the server knows.
        text_keys: Those that never held a number.
    """

    urls: tuple[str, ...]
    first_live_step: int | None
    last_step: int | None
    line_count: int | None
    key_count: int
    text_keys: frozenset[str]

    @classmethod
    def parse(cls, run: Mapping[str, Any], name: str) -> HistorySource:
        """Read the answer of `RunHistorySource`."""
        if run.get("parquetHistory") is None:
            raise ResponseError(f"The server gave no list of history files for {name}.")
        exports = read_node(ParquetHistory, run["parquetHistory"])
        keys = read_node(HistoryKeys, run.get("historyKeys") or {})
        live = exports.live_steps
        known = live if keys.last_step is None else [*live, keys.last_step]
        return cls(
            urls=tuple(exports.parquet_urls),
            first_live_step=min(live, default=None),
            last_step=max(known, default=None),
            line_count=run.get("historyLineCount"),
            key_count=len(keys.keys),
            text_keys=keys.text_keys,
        )

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> HistorySource:
        """Leave out the exported files, which a listing does not name: all is read by pages."""
        keys = read_node(HistoryKeys, parse_json(header["history_keys"] or "{}"))
        return cls(
            urls=(),
            first_live_step=None,
            last_step=header["last_step"],
            line_count=header["history_line_count"],
            key_count=len(keys.keys),
            text_keys=keys.text_keys,
        )

    @property
    def steps_per_row(self) -> float | None:
        """How far apart rows are, on average."""
        if self.last_step is None or not self.line_count:
            return None
        return (self.last_step + 1) / self.line_count

    def live_range(
        self, exported: int | None, exported_rows: int, from_step: int = 0
    ) -> tuple[int, int | None]:
        """Tell which steps have to be asked for besides the exported files. Pure.

        Returns:
            The first step and the step to stop before, None when that is unknown.
        """
        end = None if self.last_step is None else self.last_step + 1
        if exported is None:
            is_empty = self.line_count == 0 and self.first_live_step is None
            return (from_step, from_step) if is_empty and not end else (from_step, end)
        if self.first_live_step is not None:
            return max(from_step, min(exported + 1, self.first_live_step)), end
        if end is not None and exported + 1 >= end and exported_rows < (self.line_count or 0):
            # The files reach the last step but lack rows: the live rows may fill the holes.
            return from_step, end
        return max(from_step, exported + 1), end


def fetch_run(graphql: GraphQL, operation: str, path: RunPath, **variables: Any) -> _Row:
    """Fetch the `run` object of a query about one run.

    Raises:
        NotFoundError: There is no such run, or this key may not see it.
    """
    names = {"entity": path.entity, "project": path.project, "name": path.run_id}
    return dict(run_in(graphql.execute(operation, {**names, **variables}), path))


def fetch_history_keys(graphql: GraphQL, path: RunPath) -> HistoryKeys:
    """Fetch what the server knows of a run's keys now."""
    run = fetch_run(graphql, "RunHistoryKeys", path)
    return read_node(HistoryKeys, run.get("historyKeys") or {})


def fetch_source(graphql: GraphQL, path: RunPath) -> HistorySource:
    """Find out where a run's whole history is.

    Returns:
        Its source; without exported files on a server that knows none.
    """
    try:
        run = fetch_run(graphql, "RunHistorySource", path, liveKeys=_LIVE_KEYS)
    except GraphQLError as error:
        if not _is_unknown_field(error):
            raise
        run = fetch_run(graphql, "RunHistoryCounts", path)
        run["parquetHistory"] = {"parquetUrls": [], "liveData": []}
    return HistorySource.parse(run, str(path))


def _is_unknown_field(error: GraphQLError) -> bool:
    text = str(error)
    return "parquetHistory" in text and ("Cannot query" in text or "nknown field" in text)


def fetch_fresh_url(graphql: GraphQL, path: RunPath, url: str) -> str:
    """Fetch a new URL of an exported file whose URL has expired: the signature is in its query."""
    for candidate in fetch_source(graphql, path).urls:
        if urlsplit(candidate).path == urlsplit(url).path:
            return candidate
    raise ResponseError(f"A history file of {path} was replaced while it was read; try again.")


def fetch_sources(
    graphql: GraphQL, project: ProjectPath, run_ids: Sequence[str]
) -> dict[str, HistorySource]:
    """Find the sources of many runs in few requests.

    Returns:
        By run id. A run is missing when it is gone or its batch failed: `scan_long` asks for it
        alone and says what is wrong.
    """
    found = {}
    shared = {"entity": project.entity, "project": project.project, "liveKeys": _LIVE_KEYS}
    for start in range(0, len(run_ids), _SOURCES_PER_REQUEST):
        names = run_ids[start : start + _SOURCES_PER_REQUEST]
        batch = aliased("RunHistorySource", [{"name": name} for name in names], shared=shared)
        try:
            data = graphql.execute_text(batch.text, batch.variables)
        except (GraphQLError, ResponseError):
            continue
        with collector_paused():
            for index, name in enumerate(names):
                run = (data.pop(f"b{index}", None) or {}).get("run")
                if run and run.get("parquetHistory"):
                    found[name] = HistorySource.parse(run, f"{project}/{name}")
    return found


def scan_long(
    graphql: GraphQL,
    session: Session,
    path: RunPath,
    *,
    from_step: int = 0,
    to_step: int | None = None,
    line_count: int | None = None,
    last_step: int | None = None,
    text_keys: Collection[str] = (),
    keys: Collection[str] | None = None,
    source: HistorySource | None = None,
    page_rows: int = 1000,
    on_bytes: Callable[[int], object] | None = None,
) -> Iterator[pa.Table]:
    """Read a run's complete history, ordered by step, each step once, in bounded memory.

    Exported files come first, then the live rows behind them; in steps that both have, the live
    row is taken. What was logged after the source was fetched is not read.

    Args:
        graphql: Executes the queries.
        session: Downloads the exported files.
        path: The run.
        from_step: First step.
        to_step: Step to stop before; None for all.
        line_count: How many rows the run has, if the caller knows better than the source.
        last_step: Its last step, likewise.
        text_keys: Keys without numbers, besides those the server names.
        keys: Keys to read; None for all.
        source: Where the history is; fetched when None.
        page_rows: Rows of a page of live rows, at most.
        on_bytes: Told how many bytes came in.

    Yields:
        Tables of schema `LONG`, the steps of each above those of the one before.

    Raises:
        NotFoundError: There is no such run.
        IntegrityError: An exported file cannot be read.
        ResponseError: The server sent null in place of rows.
    """
    source = source or fetch_source(graphql, path)
    if line_count is not None or last_step is not None:
        source = replace(
            source,
            line_count=source.line_count if line_count is None else line_count,
            last_step=max(-1 if s is None else s for s in (source.last_step, last_step)),
        )
    text_keys = frozenset(text_keys) | source.text_keys

    def refresh(index: int) -> str:
        return fetch_fresh_url(graphql, path, source.urls[index])

    def fetch(start: int, stop: int, samples: int) -> pa.Table:
        lines = _fetch_page(graphql, path, start, stop, samples)
        if on_bytes:
            on_bytes(sum(map(len, lines)))
        return decode(lambda: lines_to_long(lines, text_keys=text_keys))

    with open_exports(
        session, source.urls, name=str(path), keys=keys, refresh=refresh, on_bytes=on_bytes
    ) as exports:
        start, end = source.live_range(exports.last_step, exports.rows, from_step)
        if to_step is not None:
            start, end = min(start, to_step), to_step if end is None else min(end, to_step)
        yield from exports.iter_long(from_step, start, keys=keys)
        windows = StepWindows(
            start,
            end,
            page_rows=page_rows,
            steps_per_row=source.steps_per_row,
            keys=source.key_count,
        )
        live = (_select(page, keys) for page in iter_step_pages(fetch, windows))
        newer = (table for table in live if table.num_rows)
        yield from union_by_step(exports.iter_long(start, to_step, keys=keys), newer)


def _fetch_page(graphql: GraphQL, path: RunPath, start: int, stop: int, samples: int) -> list[str]:
    variables = {"minStep": start, "maxStep": stop, "samples": samples}
    lines = fetch_run(graphql, "RunHistoryPage", path, **variables).get("history")
    if not isinstance(lines, list):
        raise ResponseError(f"The server sent no history for {path}; try again later.")
    return lines


def _select(long: pa.Table, keys: Collection[str] | None) -> pa.Table:
    if keys is None:
        return long
    return long.filter(pc.is_in(long.column("key"), pa.array(list(keys), pa.string())))


def scan_events(
    graphql: GraphQL,
    path: RunPath,
    *,
    line_count: int | None = None,
    text_keys: Collection[str] = (),
) -> Iterator[pa.Table]:
    """Read a run's complete machine metrics; their step is the number of the row."""
    if line_count == 0:
        return
    samples = _EVENT_ROWS if line_count is None else 2 * line_count
    while True:
        lines = fetch_run(graphql, "RunEvents", path, samples=samples).get("history")
        if not isinstance(lines, list):
            raise ResponseError(f"The server sent no events for {path}; try again later.")
        # An answer as long as what was asked for may have been thinned out.
        if len(lines) < samples:
            break
        samples *= 4
    for start in range(0, len(lines), _EVENT_ROWS):
        rows = parse_rows(lines[start : start + _EVENT_ROWS])
        yield rows_to_long(rows, text_keys=text_keys, step_key=None, first_step=start)
