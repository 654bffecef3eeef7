"""What no sync has brought over is never read as if nothing had been logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from wbexport.errors import NotFoundError
from wbexport.store.attachments import read_console, read_files
from wbexport.store.reader import iter_long, read_long
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from wbexport.store.database import Store

READERS: dict[str, Callable[[duckdb.DuckDBPyConnection, int], object]] = {
    "history": lambda cursor, run_no: read_long(cursor, [run_no], samples=5),
    "history ": lambda cursor, run_no: list(iter_long(cursor, [run_no])),
    "system": lambda cursor, run_no: read_long(cursor, [run_no], stream="system"),
    "files": read_files,
    "console": read_console,
}


def write_run(store: Store, streams: list[str] | None) -> int:
    runs = pa.table(
        {
            "storage_id": ["s1"],
            "run_id": ["r1"],
            "streams": pa.array([streams], pa.list_(pa.string())),
        }
    )
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, ProjectRow("http://h", "p1", "team", "project"))
        return upsert_runs(cursor, project_no, runs)["s1"]


@pytest.mark.parametrize("stream", READERS)
def test_a_stream_that_was_not_synced_is_refused(store: Store, stream: str) -> None:
    others = [name for name in READERS if name != stream.strip()]
    run_no = write_run(store, others)
    with pytest.raises(NotFoundError, match=rf"no {stream.strip()} of run r1.*include"):
        READERS[stream](store.cursor(), run_no)


@pytest.mark.parametrize("stream", READERS)
@pytest.mark.parametrize("streams", [None, ["history", "system", "files", "console"]])
def test_a_stream_that_is_here_may_be_empty(
    store: Store, stream: str, streams: list[str] | None
) -> None:
    run_no = write_run(store, streams)
    assert len(READERS[stream](store.cursor(), run_no)) == 0  # type: ignore[arg-type]
