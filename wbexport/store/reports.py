"""Reads and writes reports, and other saved views of a project."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

__all__ = ["ReportRow", "delete_report", "read_reports", "upsert_report"]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What a server says of a report.

    Args:
        project_no: The project it is in.
        storage_id: Its identity.
        name: Its internal name.
        view_type: `runs` for reports, `runs/draft` for drafts; other views have others.
        spec: What it shows, as a JSON object.
        display_name: Its title.
        description: What stands below the title.
        username: Who wrote it.
        email: Their address.
        photo_url: Their picture.
        created_at: When it was made, in UTC.
        updated_at: When it was changed last, in UTC.
    """

    project_no: int
    storage_id: str
    name: str
    view_type: str
    spec: str
    display_name: str | None = None
    description: str | None = None
    username: str | None = None
    email: str | None = None
    photo_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


_COLUMNS = tuple(field.name for field in fields(ReportRow))


def read_reports(
    cursor: duckdb.DuckDBPyConnection,
    *,
    project_no: int | None = None,
    storage_id: str | None = None,
    name: str | None = None,
    view_type: str | None = None,
) -> list[ReportRow]:
    """Read reports.

    Args:
        cursor: Any cursor of the store.
        project_no: Only those of this project.
        storage_id: Only the one of this identity.
        name: Only those of this internal name.
        view_type: Only those of this type.

    Returns:
        The reports, those changed last first.
    """
    found = cursor.execute(
        f"""
        select {", ".join(_COLUMNS)}
        from stored.reports
        where ($project_no is null or project_no = $project_no)
            and ($storage_id is null or storage_id = $storage_id)
            and ($name is null or name = $name)
            and ($view_type is null or view_type = $view_type)
        order by updated_at desc, storage_id
        """,
        {
            "project_no": project_no,
            "storage_id": storage_id,
            "name": name,
            "view_type": view_type,
        },
    ).fetchall()
    return [ReportRow(*row) for row in found]


def upsert_report(cursor: duckdb.DuckDBPyConnection, row: ReportRow) -> None:
    """Write a report, over the one with the same project and storage id if there is one.

    Args:
        cursor: The cursor of a transaction.
        row: The report, whole.
    """
    delete_report(cursor, row.project_no, row.storage_id)
    values = asdict(row)
    cursor.execute(
        f"""
        insert into stored.reports ({", ".join(values)})
        values ({", ".join(f"${name}" for name in values)})
        """,
        values,
    )


def delete_report(cursor: duckdb.DuckDBPyConnection, project_no: int, storage_id: str) -> None:
    """Forget a report."""
    cursor.execute(
        "delete from stored.reports where project_no = ? and storage_id = ?",
        [project_no, storage_id],
    )
