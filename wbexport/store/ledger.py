"""What the store knows of its own filling: syncs, failures, and runs the server has no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.errors import NotFoundError
from wbexport.store.histories import among_runs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    import duckdb

    from wbexport.store.writer import ProjectRow

__all__ = [
    "LOGGED_HERE",
    "Quarantined",
    "begin_sync",
    "claim_project",
    "claim_runs",
    "find_logged_project",
    "find_project",
    "finish_sync",
    "has_silent_runs",
    "mark_crashed",
    "mark_missing",
    "mark_parts",
    "quarantine_run",
    "read_parts",
    "read_quarantine",
    "release_runs",
    "require_own",
    "require_part",
    "require_stream",
]

#: Origin of projects that no other server has.
LOGGED_HERE = "local"

_NOW = "(now() at time zone 'UTC')"
# Only runs that log into this store: what another server says of its own is left as it is.
_SILENT = "status = 'live' and state in ('running', 'preempting') and heartbeat_at < ?"
_COUNTS = ("runs_seen", "runs_fetched", "rows_fetched", "requests", "bytes_received")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A run that could not be brought over.

    Args:
        run_id: Its id in paths, when known.
        reason: What went wrong the last time.
        attempts: How often in a row it did.
    """

    run_id: str | None
    reason: str
    attempts: int


def find_project(
    cursor: duckdb.DuckDBPyConnection, origin: str, storage_id: str
) -> tuple[int, str] | None:
    """Find a project by its identity.

    Args:
        cursor: Any cursor of the store.
        origin: The server it came from.
        storage_id: Its identity there.

    Returns:
        Its number and its path when it was written last, or None.
    """
    found = cursor.execute(
        """
        select project_no, entity || '/' || project
        from stored.projects
        where origin = ? and storage_id = ?
        """,
        [origin, storage_id],
    ).fetchall()
    return found[0] if found else None


def find_logged_project(
    cursor: duckdb.DuckDBPyConnection, entity: str, project: str
) -> tuple[int, str] | None:
    """Find a project that so far was only logged here, by its path.

    Args:
        cursor: Any cursor of the store.
        entity: Its owner.
        project: Its name.

    Returns:
        Its number and its path, or None.
    """
    found = cursor.execute(
        """
        select project_no, entity || '/' || project
        from stored.projects
        where origin = ? and entity = ? and project = ?
        """,
        [LOGGED_HERE, entity, project],
    ).fetchall()
    return found[0] if found else None


def claim_project(cursor: duckdb.DuckDBPyConnection, project: ProjectRow) -> None:
    """Make a project that was only logged here the server's that has one of its path.

    Nothing is done where the server's project is known already.

    Args:
        cursor: The cursor of a transaction.
        project: The server's project.
    """
    if find_project(cursor, project.origin, project.storage_id) is None:
        cursor.execute(
            """
            update stored.projects
            set origin = ?, storage_id = ?
            where origin = ? and entity = ? and project = ?
            """,
            [project.origin, project.storage_id, LOGGED_HERE, project.entity, project.project],
        )


def claim_runs(cursor: duckdb.DuckDBPyConnection, storage_ids: Mapping[int, str]) -> None:
    """Give runs that were logged here the identity that a server has for them.

    Args:
        cursor: The cursor of a transaction.
        storage_ids: Run number to the storage id on the server.
    """
    for run_no, storage_id in storage_ids.items():
        cursor.execute(
            "update stored.runs set storage_id = ? where run_no = ?", [storage_id, run_no]
        )


def begin_sync(cursor: duckdb.DuckDBPyConnection, project_no: int) -> int:
    """Record that a sync has begun, and that one which never ended was killed."""
    cursor.execute(
        "update stored.syncs set status = 'killed' where project_no = ? and status = 'running'",
        [project_no],
    )
    ((number,),) = cursor.execute(
        "select coalesce(max(sync_no), 0) + 1 from stored.syncs"
    ).fetchall()
    cursor.execute(
        f"""
        insert into stored.syncs (sync_no, project_no, started_at, status)
        values (?, ?, {_NOW}, 'running')
        """,
        [number, project_no],
    )
    return int(number)


def finish_sync(
    cursor: duckdb.DuckDBPyConnection,
    sync_no: int,
    *,
    status: str = "complete",
    message: str | None = None,
    **counts: int,
) -> None:
    """Record how a sync ended.

    Args:
        cursor: The cursor of a transaction.
        sync_no: Its number.
        status: `complete`, `partial` or `failed`; a sync that was killed is found by the next.
        message: What went wrong.
        counts: Any of `runs_seen`, `runs_fetched`, `rows_fetched`, `requests` and
            `bytes_received`.
    """
    cursor.execute(
        f"""
        update stored.syncs
        set
            finished_at = {_NOW},
            status = $status,
            message = $message,
            {", ".join(f"{name} = ${name}" for name in _COUNTS)}
        where sync_no = $sync_no
        """,
        {
            "sync_no": sync_no,
            "status": status,
            "message": message,
            **dict.fromkeys(_COUNTS),
            **counts,
        },
    )


def mark_missing(
    cursor: duckdb.DuckDBPyConnection, project_no: int, storage_ids: Iterable[str]
) -> None:
    """Mark runs that the server has no more; everything stored of them is kept.

    A run that comes back is unmarked by writing its header with `missing_since` null.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project.
        storage_ids: The runs; one that is marked already keeps its time.
    """
    cursor.execute(
        f"""
        update stored.runs
        set missing_since = {_NOW}
        where project_no = $project_no
            and storage_id in (select unnest($gone::varchar[]))
            and missing_since is null
        """,
        {"project_no": project_no, "gone": list(storage_ids)},
    )


def has_silent_runs(cursor: duckdb.DuckDBPyConnection, since: datetime) -> bool:
    """Tell whether `mark_crashed` has something to do."""
    found = cursor.execute(f"select 1 from stored.runs where {_SILENT} limit 1", [since])
    return bool(found.fetchall())


def mark_crashed(cursor: duckdb.DuckDBPyConnection, since: datetime) -> None:
    """Give up the runs that were logging into this store and have fallen silent."""
    cursor.execute(f"update stored.runs set state = 'crashed' where {_SILENT}", [since])


def quarantine_run(
    cursor: duckdb.DuckDBPyConnection,
    project_no: int,
    storage_id: str,
    run_id: str | None,
    reason: str,
) -> None:
    """Record that a run could not be brought over, once more if it was before.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project.
        storage_id: The run.
        run_id: Its id in paths, when known.
        reason: What went wrong.
    """
    before = read_quarantine(cursor, project_no).get(storage_id)
    release_runs(cursor, project_no, [storage_id])
    cursor.execute(
        f"insert into stored.quarantine values (?, ?, ?, ?, ?, {_NOW})",
        [project_no, storage_id, run_id, reason, 1 + (before.attempts if before else 0)],
    )


def read_quarantine(cursor: duckdb.DuckDBPyConnection, project_no: int) -> dict[str, Quarantined]:
    """Read which runs of a project could not be brought over."""
    found = cursor.execute(
        """
        select storage_id, run_id, reason, attempts
        from stored.quarantine
        where project_no = ?
        order by run_id, storage_id
        """,
        [project_no],
    ).fetchall()
    return {storage_id: Quarantined(*rest) for storage_id, *rest in found}


def release_runs(
    cursor: duckdb.DuckDBPyConnection, project_no: int, storage_ids: Collection[str]
) -> None:
    """Take runs out of quarantine: they were brought over after all.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project.
        storage_ids: The runs.
    """
    if storage_ids:
        cursor.execute(
            """
            delete from stored.quarantine
            where project_no = $project_no
                and storage_id in (select unnest($freed::varchar[]))
            """,
            {"project_no": project_no, "freed": list(storage_ids)},
        )


def require_stream(
    cursor: duckdb.DuckDBPyConnection, run_nos: Collection[int], stream: str
) -> None:
    """Refuse to read what no sync has brought over: it would look as if nothing was logged.

    Raises:
        NotFoundError: Some of the runs lack the stream; the message says how to get it.
    """
    scope, params = among_runs(run_nos, "run_no")
    found = cursor.execute(
        f"select run_id from stored.runs where {scope} and not list_contains(streams, $stream)",
        {"stream": stream, **params},
    ).fetchall()
    if found:
        run_id = min(found)[0]
        others = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
        raise NotFoundError(
            f"This store has no {stream} of run {run_id}{others}: no sync has brought it over. "
            f"Sync again and include {stream}."
        )


def mark_parts(cursor: duckdb.DuckDBPyConnection, project_no: int, parts: Collection[str]) -> None:
    """Record what a sync has brought over of a project besides its runs.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project.
        parts: Any of `artifacts`, `sweeps` and `reports`, or none; those recorded before stay.
    """
    cursor.execute(
        """
        update stored.projects
        set parts = list_sort(list_distinct(list_concat(coalesce(parts, []), $parts::varchar[])))
        where project_no = $project_no
        """,
        {"project_no": project_no, "parts": list(parts)},
    )


def read_parts(cursor: duckdb.DuckDBPyConnection, project_no: int) -> set[str]:
    """Read what syncs have brought over of a project besides its runs."""
    found = cursor.execute(
        "select unnest(parts) from stored.projects where project_no = ?", [project_no]
    )
    return {part for (part,) in found.fetchall()}


def require_part(cursor: duckdb.DuckDBPyConnection, project_no: int, part: str) -> None:
    """Refuse to read what no sync has brought over: it would look as if there were none.

    Raises:
        NotFoundError: The project came from another server, without this part.
    """
    found = cursor.execute(
        """
        select entity || '/' || project
        from stored.projects
        where project_no = ? and not list_contains(parts, ?)
        """,
        [project_no, part],
    ).fetchall()
    if found:
        raise NotFoundError(
            f"This store has no {part} of {found[0][0]}: no sync has brought them over. "
            f"Sync again and include {part}."
        )


def require_own(cursor: duckdb.DuckDBPyConnection, entity: str, what: str) -> None:
    """Refuse to read of an entity what no sync brings over.

    Raises:
        NotFoundError: All that the store knows of the entity came from another server.
    """
    found = cursor.execute(
        "select bool_and(parts is not null) from stored.projects where entity = ?", [entity]
    ).fetchall()
    if found[0][0]:
        raise NotFoundError(
            f"This store has no {what} of {entity}: a sync does not bring them over. "
            "Ask the server that has them."
        )
