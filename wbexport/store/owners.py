"""Finds out where a stored object belongs, whatever kind of object an id stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.store.exchange import fetch_row

if TYPE_CHECKING:
    import duckdb

__all__ = ["find_places"]

_PLACES = """
    with places as (
        select project_no, 0 as rank
        from stored.projects
        where storage_id = $id
        union all
        select project_no, 0
        from stored.runs
        where storage_id = $id
        union all
        select r.project_no, 0
        from stored.files f
        join stored.runs r on r.run_no = f.run_no
        where f.storage_id = $id
        union all
        select project_no, 0
        from stored.sweeps
        where storage_id = $id
        union all
        select project_no, 0
        from stored.reports
        where storage_id = $id
        union all
        select project_no, 0
        from stored.artifact_collections
        where storage_id = $id
        union all
        select c.project_no, case when c.collection_no = a.collection_no then 0 else 1 end
        from stored.artifacts a
        left join stored.artifact_members m on m.artifact_no = a.artifact_no
        join stored.artifact_collections c on c.collection_no in (m.collection_no, a.collection_no)
        where a.storage_id = $id or a.artifact_no in (
            select artifact_no
            from stored.artifact_manifests
            where storage_id = $id
        )
    )
    select p.entity, p.project
    from stored.projects p
    join places using (project_no)
    group by p.entity, p.project
    order by min(places.rank)
"""


def find_places(cursor: duckdb.DuckDBPyConnection, storage_id: str) -> list[tuple[str, str | None]]:
    """Name the entities and projects that an object is in.

    Args:
        cursor: Any cursor of the store.
        storage_id: The identity of a project, run, file, sweep, report, artifact, manifest,
            collection, or an object that only the API reads.

    Returns:
        Entity and project, the latter None for what an entity holds. Its own place comes first;
        an artifact has more where it is linked. Empty for an unknown id.
    """
    found = cursor.execute(_PLACES, {"id": storage_id}).fetchall()
    if found:
        return [(str(entity), str(project)) for entity, project in found]
    document = fetch_row(
        cursor, "select scope from stored.documents where storage_id = ?", [storage_id]
    )
    if document is None:
        return []
    # The scope of a document is the id of an object or the name of an entity.
    scope = str(document[0])
    return find_places(cursor, scope) or [(scope, None)]
