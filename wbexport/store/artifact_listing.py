"""Reads artifacts out of a store, as Arrow: every row with the things it belongs to inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.query import to_sql
from wbexport.query.expressions import Always
from wbexport.store.exchange import fetch_arrow, fetch_row

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import duckdb
    import pyarrow as pa

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey
    from wbexport.store.artifacts import Direction

__all__ = [
    "count_collections",
    "count_files",
    "count_members",
    "count_versions",
    "find_artifact_no",
    "find_blob",
    "find_blobs",
    "lacking_bytes",
    "missing_files",
    "next_index",
    "read_collections",
    "read_files",
    "read_manifests",
    "read_members",
    "read_types",
    "read_versions",
]

# A collection with its project inside.
_COLLECTION = "struct_insert(c, project := p)"

_COLLECTIONS = f"""(
    select unnest({_COLLECTION})
    from stored.artifact_collections c
    join stored.projects p on p.project_no = c.project_no
) r"""

# A version with the sequence it was logged to.
_VERSIONS = f"""(
    select
        a.*,
        {_COLLECTION} as collection
    from stored.artifacts a
    join stored.artifact_collections c on c.collection_no = a.collection_no
    join stored.projects p on p.project_no = c.project_no
)"""

# A version in a collection, with both inside.
_MEMBERS = f"""(
    select
        m.*,
        {_COLLECTION} as collection,
        a as artifact
    from stored.artifact_members m
    join stored.artifact_collections c on c.collection_no = m.collection_no
    join stored.projects p on p.project_no = c.project_no
    join {_VERSIONS} a on a.artifact_no = m.artifact_no
) r"""

# A page of versions, {page}, with all that they are called in any collection. Names are looked up
# for a page only: in a project of thousands of versions that takes a hundredth of the time.
_WITH_ALIASES = f"""
with page as materialized ({{page}}),
called as (
    select
        each.artifact_no,
        list(
            struct_pack(
                storage_id := each.storage_id,
                alias := each.alias,
                collection := {_COLLECTION}
            )
            order by each.created_at, each.storage_id, each.alias
        ) as aliases
    from (
        select
            artifact_no,
            collection_no,
            storage_id,
            created_at,
            unnest(aliases) as alias
        from stored.artifact_members
        where artifact_no in (select artifact_no from page)
    ) each
    join stored.artifact_collections c on c.collection_no = each.collection_no
    join stored.projects p on p.project_no = c.project_no
    group by each.artifact_no
)
select {{columns}}
from page
left join called on called.artifact_no = page.artifact_no
order by page.place
"""


def read_types(cursor: duckdb.DuckDBPyConnection, project_no: int) -> pa.Table:
    """Read the artifact types of a project, in the order of their names."""
    return fetch_arrow(
        cursor,
        """
        select
            project_no,
            storage_id,
            name,
            description,
            created_at
        from stored.artifact_types
        where project_no = ?
        order by name
        """,
        [project_no],
    )


def read_collections(
    cursor: duckdb.DuckDBPyConnection,
    *,
    where: Expression | None = None,
    order: Sequence[OrderKey] = (),
    limit: int | None = None,
    offset: int = 0,
    **equal: Any,
) -> pa.Table:
    """Read collections.

    Args:
        cursor: Any cursor of the store.
        where: A filter over `COLLECTION_FIELDS`.
        order: Keys of `COLLECTION_FIELDS`; oldest first without any.
        limit: How many at most.
        offset: How many to leave out first.
        **equal: Columns and the values they must have; of a list, one of them.

    Returns:
        The columns of `stored.artifact_collections`, and `project`, one row per collection.
    """
    condition, params = _condition(where, equal)
    ordering = to_sql.order_by(order) if order else to_sql.Sql("r.collection_no")
    return fetch_arrow(
        cursor,
        f"select r.* from {_COLLECTIONS} where {condition}"
        f" order by {ordering.text} limit ? offset ?",
        [*params, *ordering.params, limit, offset],
    )


def count_collections(
    cursor: duckdb.DuckDBPyConnection, *, where: Expression | None = None, **equal: Any
) -> int:
    """Count the collections that `read_collections` would read."""
    return _count(cursor, _COLLECTIONS, where, equal)


def read_versions(
    cursor: duckdb.DuckDBPyConnection,
    *,
    limit: int | None = None,
    offset: int = 0,
    run: tuple[int, Direction] | None = None,
    client_id: str | None = None,
    **equal: Any,
) -> pa.Table:
    """Read versions, whatever their state.

    Args:
        cursor: Any cursor of the store.
        limit: How many at most.
        offset: How many to leave out first.
        run: A run's number, and whether the versions that it logged or used are wanted.
        client_id: A name by which a client spoke of the version before it was there.
        **equal: Columns and the values they must have; of a list, one of them.

    Returns:
        The columns of `stored.artifacts`; `collection`, the sequence with its project; and
        `aliases`, each with its `alias`, `storage_id` and `collection`. Newest first.
    """
    condition, params = _of_run(run, equal)
    if client_id is not None:
        condition, params = f"{condition} and list_contains(r.client_ids, ?)", [*params, client_id]
    page = f"""
        select r.*, row_number() over (order by r.artifact_no desc) as place
        from {_VERSIONS} r
        where {condition}
        order by place
        limit ?
        offset ?"""
    columns = "page.* exclude (place), coalesce(called.aliases, []) as aliases"
    text = _WITH_ALIASES.format(page=page, columns=columns)
    return fetch_arrow(cursor, text, [*params, limit, offset])


def find_artifact_no(
    cursor: duckdb.DuckDBPyConnection, storage_id: str, *, state: str
) -> int | None:
    """Return the number of a version in some state, at a tenth of the cost of reading it."""
    found = fetch_row(
        cursor,
        "select artifact_no from stored.artifacts where storage_id = ? and state = ?",
        [storage_id, state],
    )
    return None if found is None else int(found[0])


def count_versions(
    cursor: duckdb.DuckDBPyConnection,
    *,
    run: tuple[int, Direction] | None = None,
    **equal: Any,
) -> int:
    """Count the versions that `read_versions` would read."""
    condition, params = _of_run(run, equal)
    ((count,),) = cursor.execute(
        f"select count(*) from stored.artifacts r where {condition}", params
    ).fetchall()
    return int(count)


def read_members(
    cursor: duckdb.DuckDBPyConnection,
    *,
    where: Expression | None = None,
    order: Sequence[OrderKey] = (),
    alias: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    **equal: Any,
) -> pa.Table:
    """Read which versions are in collections.

    Args:
        cursor: Any cursor of the store.
        where: A filter over `VERSION_FIELDS`.
        order: Keys of `VERSION_FIELDS`; the last version first without any.
        alias: Only the version of this alias.
        limit: How many at most.
        offset: How many to leave out first.
        **equal: Columns and the values they must have; of a list, one of them.

    Returns:
        The columns of `stored.artifact_members`; `collection` with its project; and `artifact`,
        as `read_versions` gives it. One row per version and collection.
    """
    condition, params = _condition(where, equal)
    if alias is not None:
        condition, params = f"{condition} and list_contains(r.aliases, ?)", [*params, alias]
    ordering = to_sql.order_by(order) if order else to_sql.Sql("r.version_index desc, r.created_at")
    page = f"""
        select r.*, row_number() over (order by {ordering.text}) as place
        from {_MEMBERS}
        where {condition}
        order by place
        limit ?
        offset ?"""
    inner = "struct_insert(page.artifact, aliases := coalesce(called.aliases, []))"
    columns = f"page.* exclude (place) replace ({inner} as artifact)"
    text = _WITH_ALIASES.format(page=page, columns=columns)
    return fetch_arrow(cursor, text, [*ordering.params, *params, limit, offset])


def count_members(
    cursor: duckdb.DuckDBPyConnection, *, where: Expression | None = None, **equal: Any
) -> int:
    """Count what `read_members` would read."""
    return _count(cursor, _MEMBERS, where, equal)


def next_index(cursor: duckdb.DuckDBPyConnection, collection_no: int) -> int:
    """Return the index of the next version of a collection; none is given twice."""
    ((index,),) = cursor.execute(
        """
        select coalesce(last_index, -1) + 1
        from stored.artifact_collections
        where collection_no = ?
        """,
        [collection_no],
    ).fetchall()
    return int(index)


def read_files(
    cursor: duckdb.DuckDBPyConnection,
    artifact_no: int,
    *,
    names: Collection[str] = (),
    limit: int | None = None,
    offset: int = 0,
) -> pa.Table:
    """Read the files of a version.

    Args:
        cursor: Any cursor of the store.
        artifact_no: The version.
        names: Only these paths, when there are any.
        limit: How many at most.
        offset: How many to leave out first.

    Returns:
        The columns of `MANIFEST`, and `blob`; one row per file, in the order of paths.
    """
    return fetch_arrow(
        cursor,
        """
        select
            path,
            digest,
            size,
            ref,
            birth_artifact,
            cast(extra as varchar) as extra,
            blob
        from stored.artifact_files
        where artifact_no = $artifact_no
            and (len($names::varchar[]) = 0 or list_contains($names::varchar[], path))
        order by path
        limit $limit
        offset $offset
        """,
        {"artifact_no": artifact_no, "names": list(names), "limit": limit, "offset": offset},
    )


def count_files(
    cursor: duckdb.DuckDBPyConnection, artifact_no: int, *, names: Collection[str] = ()
) -> int:
    """Count the files that `read_files` would read."""
    ((count,),) = cursor.execute(
        """
        select count(*)
        from stored.artifact_files
        where artifact_no = $artifact_no
            and (len($names::varchar[]) = 0 or list_contains($names::varchar[], path))
        """,
        {"artifact_no": artifact_no, "names": list(names)},
    ).fetchall()
    return int(count)


def missing_files(cursor: duckdb.DuckDBPyConnection, artifact_no: int) -> list[str]:
    """Return the paths of a version's files, references aside, whose bytes are not here."""
    found = cursor.execute(
        """
        select path
        from stored.artifact_files
        where artifact_no = ? and ref is null and blob is null
        order by path
        """,
        [artifact_no],
    ).fetchall()
    return [path for (path,) in found]


def lacking_bytes(cursor: duckdb.DuckDBPyConnection, collection_no: int) -> set[int]:
    """Return the versions in a collection that have `missing_files`, by their numbers."""
    found = cursor.execute(
        """
        select distinct artifact_no
        from stored.artifact_files
        where ref is null and blob is null and artifact_no in (
            select artifact_no from stored.artifact_members where collection_no = ?
        )
        """,
        [collection_no],
    )
    return {number for (number,) in found.fetchall()}


def read_manifests(cursor: duckdb.DuckDBPyConnection, **equal: Any) -> pa.Table:
    """Read the manifests that were sent for versions that are not committed.

    Args:
        cursor: Any cursor of the store.
        **equal: Columns and the values they must have; of a list, one of them.

    Returns:
        The columns of `stored.artifact_manifests`, in the order in which they came.
    """
    condition, params = _condition(None, equal)
    return fetch_arrow(
        cursor,
        f"select * from stored.artifact_manifests r where {condition} order by rowid",
        params,
    )


def find_blob(
    cursor: duckdb.DuckDBPyConnection,
    digest: str,
    *,
    entity: str,
    project: str | None = None,
) -> str | None:
    """Return the sha256 of stored bytes by the digest that a manifest gives.

    Args:
        cursor: Any cursor of the store.
        digest: The digest, in base64.
        entity: Whose artifacts may hold them.
        project: In which project; None for any.
    """
    found = fetch_row(
        cursor,
        """
        select f.blob
        from stored.artifact_files f
        join stored.artifact_members m on m.artifact_no = f.artifact_no
        join stored.artifact_collections c on c.collection_no = m.collection_no
        join stored.projects p on p.project_no = c.project_no
        where f.digest = $digest and f.blob is not null
            and p.entity = $entity
            and ($project is null or p.project = $project)
        limit 1
        """,
        {"digest": digest, "entity": entity, "project": project},
    )
    return None if found is None else str(found[0])


def find_blobs(cursor: duckdb.DuckDBPyConnection, digests: Collection[str]) -> dict[str, str]:
    """Find stored bytes by their digests, in whatever version they are.

    Returns:
        Digest to sha256, for those that are here.
    """
    found = cursor.execute(
        """
        select digest, any_value(blob)
        from stored.artifact_files
        where ref is null and blob is not null and digest in (select unnest(?::varchar[]))
        group by digest
        """,
        [list(digests)],
    )
    return dict(found.fetchall())


def _condition(where: Expression | None, equal: Mapping[str, Any]) -> tuple[str, list[Any]]:
    matched = to_sql.where(Always() if where is None else where)
    signs = {column: "in (select unnest(?))" for column in equal if isinstance(equal[column], list)}
    tests = [matched.text, *(f"r.{column} {signs.get(column, '= ?')}" for column in equal)]
    return " and ".join(f"({test})" for test in tests), [*matched.params, *equal.values()]


def _of_run(run: tuple[int, Direction] | None, equal: Mapping[str, Any]) -> tuple[str, list[Any]]:
    condition, params = _condition(None, equal)
    if run is None:
        return condition, params
    logged = """
        r.artifact_no in (
            select artifact_no from stored.run_artifacts where run_no = ? and direction = ?
        )"""
    return f"{condition} and {logged}", [*params, *run]


def _count(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    where: Expression | None,
    equal: Mapping[str, Any],
) -> int:
    condition, params = _condition(where, equal)
    ((count,),) = cursor.execute(
        f"select count(*) from {relation} where {condition}", params
    ).fetchall()
    return int(count)
