"""Reads what a run has besides its history: files and console lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.errors import NotFoundError
from wbexport.store.exchange import fetch_arrow
from wbexport.store.ledger import require_stream

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb
    import pyarrow as pa

__all__ = ["delete_files", "read_console", "read_files"]


def read_files(
    cursor: duckdb.DuckDBPyConnection,
    run_no: int,
    *,
    names: Collection[str] = (),
    pattern: str | None = None,
) -> pa.Table:
    """Read the files that were uploaded to a run.

    Args:
        cursor: Any cursor of the store.
        run_no: The run.
        names: Only these, when there are any.
        pattern: Only names like this, in SQL's sense.

    Returns:
        One row per file, in the order of their names.

    Raises:
        NotFoundError: No sync has brought over the run's files.
    """
    require_stream(cursor, [run_no], "files")
    return fetch_arrow(
        cursor,
        """
        select
            name,
            storage_id,
            size,
            md5,
            mimetype,
            updated_at,
            blob
        from stored.files
        where run_no = $run_no
            and uploaded
            and (len($names::varchar[]) = 0 or list_contains($names::varchar[], name))
            and ($pattern is null or name like $pattern)
        order by name
        """,
        {"run_no": run_no, "names": list(names), "pattern": pattern},
    )


def read_console(
    cursor: duckdb.DuckDBPyConnection, run_no: int, *, start: int = 0, limit: int | None = None
) -> pa.Table:
    """Read console lines of a run.

    Args:
        cursor: Any cursor of the store.
        run_no: The run.
        start: Number of the first line.
        limit: How many at most.

    Returns:
        `number`, `logged_at`, `level` and `line`, one row per line, in the order of their numbers.

    Raises:
        NotFoundError: No sync has brought over the run's console lines.
    """
    require_stream(cursor, [run_no], "console")
    return fetch_arrow(
        cursor,
        """
        select
            number,
            logged_at,
            level,
            line
        from stored.console_lines
        where run_no = $run_no and number >= $start
        order by number
        limit $limit
        """,
        {"run_no": run_no, "start": start, "limit": limit},
    )


def delete_files(
    cursor: duckdb.DuckDBPyConnection,
    storage_ids: Collection[str],
    *,
    project_no: int | None = None,
) -> None:
    """Forget run files; their blobs stay until nobody names them.

    Args:
        cursor: Cursor of a transaction.
        storage_ids: The files.
        project_no: The project that all of them must be in, if that matters.

    Raises:
        NotFoundError: One of them is not there. Nothing was deleted.
    """
    found = cursor.execute(
        """
        select files.storage_id
        from stored.files
        left join stored.runs using (run_no)
        where list_contains($ids::varchar[], files.storage_id)
            and ($project_no is null or runs.project_no = $project_no)
        """,
        {"ids": list(storage_ids), "project_no": project_no},
    ).fetchall()
    missing = sorted(set(storage_ids).difference(row[0] for row in found))
    if missing:
        raise NotFoundError(f"there is no file with id {missing[0]} here")
    cursor.execute(
        "delete from stored.files where list_contains(?::varchar[], storage_id)",
        [list(storage_ids)],
    )
