"""Lists the projects of an entity, renames them and forgets them with all that is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.query import to_sql
from wbexport.query.expressions import Always
from wbexport.store import artifacts, writer
from wbexport.store.exchange import fetch_arrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import pyarrow as pa

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey

__all__ = ["delete_project", "read_projects_of", "rename_project"]


def read_projects_of(
    cursor: duckdb.DuckDBPyConnection,
    entity: str,
    *,
    where: Expression | None = None,
    order: Sequence[OrderKey] = (),
) -> pa.Table:
    """Read the projects of an entity.

    Args:
        cursor: Any cursor of the store.
        entity: Their owner.
        where: A filter over `PROJECT_FIELDS`.
        order: Keys of `PROJECT_FIELDS`; newest first without any.

    Returns:
        The columns of `stored.projects`, and `updated_at`.
    """
    matched = to_sql.where(Always() if where is None else where)
    ordering = to_sql.order_by(order) if order else to_sql.Sql("r.project_no desc")
    return fetch_arrow(
        cursor,
        f"""
        select *
        from (
            select
                * replace (cast(attributes as varchar) as attributes),
                coalesce(try_cast(attributes ->> 'updated_at' as timestamp), created_at)
                    as updated_at
            from stored.projects
        ) r
        where r.entity = ? and ({matched.text})
        order by {ordering.text}
        """,
        [entity, *matched.params, *ordering.params],
    )


def rename_project(cursor: duckdb.DuckDBPyConnection, project_no: int, name: str) -> None:
    """Give a project another name; what is in it stays."""
    cursor.execute(
        "update stored.projects set project = ? where project_no = ?", [name, project_no]
    )


def delete_project(cursor: duckdb.DuckDBPyConnection, project_no: int) -> None:
    """Forget a project with its runs, sweeps, reports and artifacts."""
    writer.delete_runs(cursor, _numbers(cursor, "run_no", "runs", project_no))
    collections = _numbers(cursor, "collection_no", "artifact_collections", project_no)
    artifacts.delete_collections(cursor, collections)
    for table in ("artifact_types", "sweeps", "reports", "project_members", "projects"):
        cursor.execute(f"delete from stored.{table} where project_no = ?", [project_no])


def _numbers(
    cursor: duckdb.DuckDBPyConnection, column: str, table: str, project_no: int
) -> list[int]:
    found = cursor.execute(
        f"select {column} from stored.{table} where project_no = ?", [project_no]
    ).fetchall()
    return [number for (number,) in found]
