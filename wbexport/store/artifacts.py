"""Writes artifacts, inside a `Store.transaction`: as clients log them, or as a sync brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from wbexport.arrow.schema import COLLECTIONS, MEMBERS, VERSIONS
from wbexport.store.exchange import incoming
from wbexport.store.writer import with_legal_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

__all__ = [
    "Direction",
    "delete_collections",
    "delete_members",
    "delete_versions",
    "forget_manifests",
    "set_blob",
    "write_collections",
    "write_files",
    "write_lineage",
    "write_manifest",
    "write_members",
    "write_type",
    "write_versions",
]

#: Whether a run logged a version or used it.
Direction = Literal["output", "input"]

_JSON = {"metadata", "extra"}


def write_type(
    cursor: duckdb.DuckDBPyConnection,
    project_no: int,
    name: str,
    *,
    storage_id: str,
    created_at: datetime | None = None,
    description: str | None = None,
) -> None:
    """Write an artifact type, unless the project has one of this name."""
    cursor.execute(
        """
        insert into stored.artifact_types by name
        select
            cast($project_no as integer) as project_no,
            $storage_id as storage_id,
            $name as name,
            $description as description,
            cast($created_at as timestamp) as created_at
        where not exists (
            from stored.artifact_types where project_no = $project_no and name = $name
        )
        """,
        {
            "project_no": project_no,
            "storage_id": storage_id,
            "name": name,
            "description": description,
            "created_at": created_at,
        },
    )


def write_collections(
    cursor: duckdb.DuckDBPyConnection, project_no: int, rows: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Write collections of a project, over those with the same storage id if there are any.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project.
        rows: Columns of `COLLECTIONS`, at least `storage_id`, the same ones in every row; a
            column that is not given keeps its stored value.

    Returns:
        Storage id to collection number.
    """
    table = _table(rows, COLLECTIONS)
    return _upsert(
        cursor,
        "artifact_collections",
        table,
        number="collection_no",
        owner="project_no",
        of=project_no,
    )


def write_versions(
    cursor: duckdb.DuckDBPyConnection, collection_no: int, rows: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Write versions of a sequence, over those with the same storage id if there are any.

    Args:
        cursor: The cursor of a transaction.
        collection_no: The sequence they were logged to.
        rows: Columns of `VERSIONS`, as for `write_collections`.

    Returns:
        Storage id to artifact number.
    """
    table = with_legal_json(_table(rows, VERSIONS), _JSON)
    return _upsert(
        cursor, "artifacts", table, number="artifact_no", owner="collection_no", of=collection_no
    )


def write_members(
    cursor: duckdb.DuckDBPyConnection, collection_no: int, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write which versions are in a collection, over what is stored of them there.

    An alias belongs to one version of a collection: the last row that has it takes it from the
    others and from the versions stored before.

    Args:
        cursor: The cursor of a transaction.
        collection_no: The collection.
        rows: Columns of `MEMBERS`.
    """
    given = [dict(row) for row in rows]
    owners = {alias: place for place, row in enumerate(given) for alias in row["aliases"] or ()}
    for place, row in enumerate(given):
        row["aliases"] = [name for name in row["aliases"] or () if owners[name] == place]
    table = _table(given, MEMBERS)
    cursor.execute(
        """
        delete from stored.artifact_members
        where collection_no = ? and artifact_no in (select unnest(?::integer[]))
        """,
        [collection_no, table["artifact_no"].to_pylist()],
    )
    cursor.execute(
        """
        update stored.artifact_members
        set aliases = list_filter(aliases, lambda alias: not list_contains($aliases, alias))
        where collection_no = $collection_no and list_has_any(aliases, $aliases::varchar[])
        """,
        {"collection_no": collection_no, "aliases": list(owners)},
    )
    with incoming(cursor, table):
        cursor.execute(
            """
            insert into stored.artifact_members by name
            select cast(? as integer) as collection_no, *
            from incoming
            """,
            [collection_no],
        )
        cursor.execute(
            """
            update stored.artifact_collections
            set last_index = greatest(last_index, (select max(version_index) from incoming))
            where collection_no = ?
            """,
            [collection_no],
        )


def delete_members(
    cursor: duckdb.DuckDBPyConnection, collection_no: int, artifact_nos: Collection[int]
) -> None:
    """Take versions out of a collection."""
    cursor.execute(
        """
        delete from stored.artifact_members
        where collection_no = ? and artifact_no in (select unnest(?::integer[]))
        """,
        [collection_no, list(artifact_nos)],
    )


def write_files(
    cursor: duckdb.DuckDBPyConnection,
    artifact_no: int,
    files: pa.Table,
    *,
    complete: bool = False,
    entities: Collection[str] | None = None,
) -> None:
    """Write files of a version, with the bytes that the store has of them already.

    Args:
        cursor: The cursor of a transaction.
        artifact_no: The version.
        files: A `MANIFEST` table, with a column `blob` where the bytes of some are known.
        complete: The table lists every file of the version; others are forgotten.
        entities: Whose bytes may be taken: who knows a digest need not have seen the bytes. None
            for everybody's.
    """
    if "blob" not in files.column_names:
        files = files.append_column("blob", pa.nulls(files.num_rows, pa.string()))
    others = "" if complete else "and path in (select path from incoming)"
    with incoming(cursor, with_legal_json(files, _JSON)):
        cursor.execute(
            """
            create or replace temp table joined as
            select
                cast($artifact_no as integer) as artifact_no,
                i.* replace (
                    coalesce(i.birth_artifact, known.birth_artifact) as birth_artifact,
                    coalesce(i.blob, known.blob) as blob
                )
            from incoming i
            left join (
                select
                    f.digest,
                    coalesce(f.extra ->> 'alg', 'MD5') as algorithm,
                    arg_min(f.blob, f.artifact_no) as blob,
                    arg_min(coalesce(f.birth_artifact, a.storage_id), f.artifact_no)
                        as birth_artifact
                from stored.artifact_files f
                join stored.artifacts a on a.artifact_no = f.artifact_no
                join stored.artifact_collections c on c.collection_no = a.collection_no
                join stored.projects p on p.project_no = c.project_no
                where f.blob is not null and f.ref is null
                    and f.digest in (select digest from incoming)
                    and ($entities is null or list_contains($entities::varchar[], p.entity))
                group by all
            ) known
                on known.digest = i.digest
                and known.algorithm = coalesce(json(i.extra) ->> 'alg', 'MD5')
                and i.ref is null
            """,
            {
                "artifact_no": artifact_no,
                "entities": None if entities is None else list(entities),
            },
        )
        cursor.execute(
            f"delete from stored.artifact_files where artifact_no = ? {others}", [artifact_no]
        )
    cursor.execute("insert into stored.artifact_files by name from joined order by path")
    cursor.execute("drop table joined")


def set_blob(
    cursor: duckdb.DuckDBPyConnection,
    artifact_no: int,
    digest: str,
    sha256: str,
    size: int,
    *,
    algorithm: str = "MD5",
) -> None:
    """Note that bytes of a version's files, known by their digest, are stored."""
    cursor.execute(
        """
        update stored.artifact_files
        set blob = $sha256, size = $size
        where artifact_no = $artifact_no and digest = $digest and ref is null
            and coalesce(extra ->> 'alg', 'MD5') = $algorithm
        """,
        {
            "artifact_no": artifact_no,
            "digest": digest,
            "sha256": sha256,
            "size": size,
            "algorithm": algorithm,
        },
    )


def write_manifest(
    cursor: duckdb.DuckDBPyConnection, artifact_no: int, storage_id: str, **columns: str | None
) -> None:
    """Write what is known of a manifest of a version that is not committed, over what was."""
    cursor.execute("delete from stored.artifact_manifests where storage_id = ?", [storage_id])
    row = {"artifact_no": artifact_no, "storage_id": storage_id, **columns}
    names, places = ", ".join(row), ", ".join(f"${name}" for name in row)
    cursor.execute(f"insert into stored.artifact_manifests ({names}) values ({places})", row)


def forget_manifests(cursor: duckdb.DuckDBPyConnection, artifact_no: int) -> None:
    """Forget the manifests that were sent for a version: it has one of its own now."""
    cursor.execute("delete from stored.artifact_manifests where artifact_no = ?", [artifact_no])


def write_lineage(
    cursor: duckdb.DuckDBPyConnection,
    run_no: int,
    artifact_no: int,
    direction: Direction,
    *,
    used_as: str | None = None,
    created_at: datetime | None = None,
) -> None:
    """Note that a run logged or used a version; a second note replaces the first."""
    row = {"run_no": run_no, "artifact_no": artifact_no, "direction": direction}
    cursor.execute(
        """
        delete from stored.run_artifacts
        where run_no = $run_no and artifact_no = $artifact_no and direction = $direction
        """,
        row,
    )
    cursor.execute(
        """
        insert into stored.run_artifacts
        values ($run_no, $artifact_no, $direction, $used_as, $created_at)
        """,
        row | {"used_as": used_as, "created_at": created_at},
    )


def delete_versions(cursor: duckdb.DuckDBPyConnection, artifact_nos: Sequence[int]) -> None:
    """Forget all of versions but that they were there; blobs stay until nobody names them."""
    _delete(cursor, "artifact_no", artifact_nos, *_OF_VERSIONS)
    cursor.execute(
        """
        update stored.artifacts
        set state = 'DELETED', manifest = null, client_ids = null
        where artifact_no in (select unnest(?::integer[]))
        """,
        [list(artifact_nos)],
    )


def delete_collections(cursor: duckdb.DuckDBPyConnection, collection_nos: Sequence[int]) -> None:
    """Forget collections, with the versions that were logged to them."""
    logged = cursor.execute(
        """
        select artifact_no
        from stored.artifacts
        where collection_no in (select unnest(?::integer[]))
        """,
        [list(collection_nos)],
    ).fetchall()
    _delete(cursor, "artifact_no", [number for (number,) in logged], *_OF_VERSIONS)
    _delete(
        cursor,
        "collection_no",
        collection_nos,
        "artifacts",
        "artifact_members",
        "artifact_collections",
    )


_OF_VERSIONS = ("artifact_members", "artifact_manifests", "artifact_files", "run_artifacts")


def _delete(
    cursor: duckdb.DuckDBPyConnection, column: str, numbers: Sequence[int], *tables: str
) -> None:
    for table in tables:
        cursor.execute(
            f"delete from stored.{table} where {column} in (select unnest(?::integer[]))",
            [list(numbers)],
        )


def _table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as Arrow, with the columns that they give."""
    listed = [dict(row) for row in rows]
    given = {name for row in listed for name in row}
    fields = [field.with_nullable(True) for field in schema if field.name in given]
    return pa.Table.from_pylist(listed, schema=pa.schema(fields))


def _upsert(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    rows: pa.Table,
    *,
    number: str,
    owner: str,
    of: int,
) -> dict[str, int]:
    """Write rows over those of the same owner and storage id, and number the new ones."""
    columns = [name for name in rows.column_names if name != "storage_id"]
    with incoming(cursor, rows):
        if columns:
            changes = ", ".join(f"{name} = incoming.{name}" for name in columns)
            cursor.execute(
                f"""
                update stored.{table}
                set {changes}
                from incoming
                where {table}.{owner} = ? and {table}.storage_id = incoming.storage_id
                """,
                [of],
            )
        cursor.execute(
            f"""
            insert into stored.{table} by name
            select
                cast((select coalesce(max({number}), 0) from stored.{table})
                    + row_number() over () as integer) as {number},
                cast($of as integer) as {owner},
                *
            from incoming
            where storage_id not in (select storage_id from stored.{table} where {owner} = $of)
            """,
            {"of": of},
        )
        found = cursor.execute(
            f"""
            select t.storage_id, t.{number}
            from stored.{table} t
            join incoming i on i.storage_id = t.storage_id
            where t.{owner} = ?
            """,
            [of],
        ).fetchall()
    return dict(found)
