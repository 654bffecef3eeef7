"""Reads which runs logged and used artifact versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

    from wbexport.store.artifacts import Direction

__all__ = ["read_lineage", "read_users"]


def read_users(
    cursor: duckdb.DuckDBPyConnection, artifact_nos: Collection[int]
) -> dict[int, list[str]]:
    """Read which runs used some versions.

    Returns:
        The number of each version to the storage ids of runs, in the order in which they used it.
    """
    found = cursor.execute(
        """
        select l.artifact_no, r.storage_id
        from stored.run_artifacts l
        join stored.runs r on r.run_no = l.run_no
        where l.direction = 'input' and l.artifact_no in (select unnest(?::integer[]))
        order by l.created_at, l.run_no
        """,
        [list(artifact_nos)],
    )
    users: dict[int, list[str]] = {number: [] for number in artifact_nos}
    for number, storage_id in found.fetchall():
        users[number].append(storage_id)
    return users


def read_lineage(
    cursor: duckdb.DuckDBPyConnection, collection_no: int
) -> dict[int, set[tuple[str, Direction]]]:
    """Read what runs did with the versions in a collection.

    Returns:
        The number of a version to storage ids of runs, each with what it did.
    """
    found = cursor.execute(
        """
        select l.artifact_no, r.storage_id, l.direction
        from stored.artifact_members m
        join stored.run_artifacts l on l.artifact_no = m.artifact_no
        join stored.runs r on r.run_no = l.run_no
        where m.collection_no = ?
        """,
        [collection_no],
    )
    lineage: dict[int, set[tuple[str, Direction]]] = {}
    for artifact_no, run, direction in found.fetchall():
        lineage.setdefault(artifact_no, set()).add((run, direction))
    return lineage
