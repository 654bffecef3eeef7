"""Small stores to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.convert import rows_to_long
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs, write_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wbexport.store.database import Store

PROJECT = ProjectRow("http://127.0.0.1", "project-1", "team", "project")


def add_runs(store: Store, count: int, **columns: Sequence[Any]) -> list[int]:
    """Write headers of runs `r0`, `r1`, …; return their numbers."""
    names = {
        "storage_id": [f"s{n}" for n in range(count)],
        "run_id": [f"r{n}" for n in range(count)],
    }
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        return list(upsert_runs(cursor, project_no, pa.table({**names, **columns})).values())


def log(store: Store, run_no: int, rows: Sequence[Mapping[str, Any]], mode: Any = "append") -> None:
    """Write rows to the history of a run."""
    with store.transaction() as cursor:
        write_history(cursor, [(run_no, rows_to_long(rows), mode)])
