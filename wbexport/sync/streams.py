"""Brings over what a run has besides its history: machine metrics, console lines, files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.api.history import fetch_run, scan_events
from wbexport.arrow.schema import LONG
from wbexport.errors import NotFoundError, ResponseError
from wbexport.graphql.connection import iter_pages
from wbexport.graphql.models import FileNode
from wbexport.store.logged import CONSOLE
from wbexport.sync.downloads import download_blob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wbexport.api.service import Service
    from wbexport.paths import RunPath
    from wbexport.store.database import Store
    from wbexport.sync.plan import RunPlan

__all__ = ["Extras", "fetch_extras"]

_LINES = 1000
_FILES = 200

_FILE = pa.schema(
    [
        ("name", pa.string()),
        ("storage_id", pa.string()),
        ("size", pa.int64()),
        ("md5", pa.string()),
        ("mimetype", pa.string()),
        ("updated_at", pa.timestamp("us")),
        ("uploaded", pa.bool_()),
        ("blob", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Extras:
    """What was fetched of a run's further streams; None is what was not asked for.

    Args:
        system: Machine metrics, as a `LONG` table; the step is the number of the row.
        console: Console lines.
        files: Every file of the run; their bytes are in the blob store already.
    """

    system: pa.Table | None = None
    console: pa.Table | None = None
    files: pa.Table | None = None


def fetch_extras(
    service: Service, store: Store, path: RunPath, plan: RunPlan, header: Mapping[str, Any]
) -> Extras:
    """Fetches the streams a plan names, the history aside.

    Args:
        service: The server.
        store: Takes the files' bytes.
        path: The run.
        plan: Names the streams.
        header: The run as listed.

    Returns:
        What was fetched.
    """
    wanted = plan.streams
    return Extras(
        system=_fetch_system(service, path, header) if "system" in wanted else None,
        console=_fetch_console(service, path) if "console" in wanted else None,
        files=_fetch_files(service, store, path, plan) if "files" in wanted else None,
    )


def _fetch_system(service: Service, path: RunPath, header: Mapping[str, Any]) -> pa.Table:
    tables = list(scan_events(service, path, line_count=header["events_line_count"]))
    return pa.concat_tables(tables) if tables else LONG.empty_table()


def _fetch_console(service: Service, path: RunPath) -> pa.Table:
    def fetch(cursor: str | None) -> Mapping[str, Any] | None:
        page = fetch_run(service, "RunConsoleLines", path, cursor=cursor, perPage=_LINES)
        lines: Mapping[str, Any] | None = page.get("logLines")
        return lines

    nodes = {
        edge["node"]["number"]: edge["node"] for page in iter_pages(fetch) for edge in page["edges"]
    }
    lines = [
        {
            "number": number,
            "logged_at": _moment(node.get("timestamp")),
            "level": node.get("level") or None,
            "line": node.get("line"),
        }
        for number, node in sorted(nodes.items())
    ]
    return pa.Table.from_pylist(lines, CONSOLE)


def _moment(text: str | None) -> datetime | None:
    """Reads a time; one that cannot be read is none, since the line matters more."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment


def _fetch_files(service: Service, store: Store, path: RunPath, plan: RunPlan) -> pa.Table:
    """Lists a run's files and downloads those whose bytes are not in the store yet."""
    known = _stored_files(store, plan)
    rows = []
    for node in _iter_files(service, path):
        updated = _moment(node.updated_at.isoformat()) if node.updated_at else None
        seen = known.get(node.name)
        same = seen is not None and (
            (node.md5, node.size_bytes) == seen[:2]
            if node.md5
            else (None, node.size_bytes, updated) == seen[:3]
        )
        blob = seen[3] if seen and same else _download(service, store, path, node)
        rows.append(
            {
                "name": node.name,
                "storage_id": node.id,
                "size": node.size_bytes,
                "md5": node.md5,
                "mimetype": node.mimetype,
                "updated_at": updated,
                "uploaded": True,
                "blob": blob,
            }
        )
    return pa.Table.from_pylist(rows, _FILE)


def _stored_files(store: Store, plan: RunPlan) -> dict[str, tuple[Any, ...]]:
    if plan.stored is None:
        return {}
    found = store.cursor().execute(
        """
        select name, md5, size, updated_at, blob
        from stored.files
        where run_no = ? and blob is not null
        """,
        [plan.stored.run_no],
    )
    return {row[0]: row[1:] for row in found.fetchall()}


def _iter_files(service: Service, path: RunPath, names: tuple[str, ...] = ()) -> Iterator[FileNode]:
    def fetch(cursor: str | None) -> Mapping[str, Any] | None:
        variables = {"fileNames": list(names), "fileCursor": cursor, "fileLimit": _FILES}
        page: Mapping[str, Any] | None = fetch_run(service, "RunFiles", path, **variables).get(
            "files"
        )
        return page

    for page in iter_pages(fetch):
        for edge in page["edges"]:
            yield FileNode.model_validate(edge["node"])


def _download(service: Service, store: Store, path: RunPath, node: FileNode) -> str:
    def url_of(file: FileNode) -> str:
        url = file.url or file.direct_url
        if not url:
            raise ResponseError(f"The server gave no URL for file {file.name!r} of {path}.")
        return url

    def refresh() -> str:
        for fresh in _iter_files(service, path, (node.name,)):
            return url_of(fresh)
        raise NotFoundError(f"Run {path} has no file {node.name!r} any more.")

    return download_blob(
        service, store, url_of(node), size=node.size_bytes, md5=node.md5, refresh=refresh
    )
