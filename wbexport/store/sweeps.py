"""Reads and writes sweeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from wbexport.query import to_sql
from wbexport.query.expressions import Always

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.query.expressions import Expression

__all__ = ["SweepRow", "count_sweeps", "read_sweeps", "upsert_sweep"]


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What a server says of a sweep.

    Args:
        project_no: The project it is in.
        storage_id: Its identity, whatever it is called.
        sweep_id: Its short id, unique in the project.
        display_name: What people call it.
        description: What its page says.
        method: How it searches.
        state: Such as `PENDING`, `RUNNING`, `PAUSED`, `FINISHED` or `CANCELED`.
        config: Its configuration, as YAML text.
        best_loss: The best value of its metric, where a server told it.
        run_count: How many runs it has, where a server told it.
        run_count_expected: How many it will have, when that is known.
        controller: What a scheduler outside the server asks for, as a JSON object.
        scheduler: What the server did of that, as a JSON object.
        created_at: When it was made, in UTC.
        updated_at: When it was changed last, in UTC.
        heartbeat_at: When one of its agents was heard last, in UTC.
    """

    project_no: int
    storage_id: str
    sweep_id: str
    display_name: str | None = None
    description: str | None = None
    method: str | None = None
    state: str | None = None
    config: str | None = None
    best_loss: float | None = None
    run_count: int | None = None
    run_count_expected: int | None = None
    controller: str | None = None
    scheduler: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    heartbeat_at: datetime | None = None


_COLUMNS = tuple(field.name for field in fields(SweepRow))


def read_sweeps(
    cursor: duckdb.DuckDBPyConnection,
    *,
    project_no: int | None = None,
    sweep_id: str | None = None,
    storage_id: str | None = None,
    where: Expression | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[SweepRow]:
    """Read sweeps.

    Args:
        cursor: Any cursor of the store.
        project_no: Only those of this project.
        sweep_id: Only those of this short id.
        storage_id: Only the one of this identity.
        where: A filter over `SWEEP_FIELDS`.
        limit: How many at most.
        offset: How many to leave out first.

    Returns:
        The sweeps, the newest first.
    """
    matched = to_sql.where(Always() if where is None else where)
    found = cursor.execute(
        f"""
        select {", ".join(_COLUMNS)}
        from stored.sweeps r
        where coalesce(project_no = ?, true)
            and coalesce(sweep_id = ?, true)
            and coalesce(storage_id = ?, true)
            and ({matched.text})
        order by created_at desc, sweep_no desc
        limit ? offset ?
        """,
        [project_no, sweep_id, storage_id, *matched.params, limit, offset],
    ).fetchall()
    return [SweepRow(*row) for row in found]


def count_sweeps(cursor: duckdb.DuckDBPyConnection, project_no: int) -> int:
    """Count the sweeps of a project."""
    ((count,),) = cursor.execute(
        "select count(*) from stored.sweeps where project_no = ?", [project_no]
    ).fetchall()
    return int(count)


def upsert_sweep(cursor: duckdb.DuckDBPyConnection, row: SweepRow) -> None:
    """Write a sweep, over the one with the same project and storage id if there is one.

    Args:
        cursor: The cursor of a transaction.
        row: The sweep, whole.
    """
    numbers = cursor.execute(
        "delete from stored.sweeps where project_no = ? and storage_id = ? returning sweep_no",
        [row.project_no, row.storage_id],
    ).fetchall()
    ((fresh,),) = cursor.execute(
        "select coalesce(max(sweep_no), 0) + 1 from stored.sweeps"
    ).fetchall()
    values = {"sweep_no": numbers[0][0] if numbers else fresh, **asdict(row)}
    cursor.execute(
        f"""
        insert into stored.sweeps ({", ".join(values)})
        values ({", ".join(f"${name}" for name in values)})
        """,
        values,
    )
