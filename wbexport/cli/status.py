"""`wbexport status` and `check`: what a store holds, and whether its file is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.cli.options import FormatOption, Json, Quiet, StoreOption, Verbose
from wbexport.cli.output import choose_format, write_table
from wbexport.errors import NotFoundError, StoreDamagedError
from wbexport.sqlfiles import list_sql, read_sql

if TYPE_CHECKING:
    from wbexport.store.blobs import BlobStore

__all__ = ["check", "status"]

_SHOWN = ["entity", "project", "runs", "running", "not_complete", "stored_rows", "hours_old"]


def status(
    *,
    store: StoreOption = Path("wb.duckdb"),
    form: FormatOption = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Show what is stored, how complete and how fresh.

    Example: wbexport status --store wb.duckdb
    """
    from wbexport.store.database import Store, second_cursor

    chosen = choose_format(form, as_json=as_json)
    with Store.open_reader(store) as opened:
        table = (
            second_cursor(opened.cursor()).sql(read_sql("queries/freshness.sql")).to_arrow_table()
        )
    write_table(table.select(_SHOWN) if chosen == "table" else table, chosen)


def check(
    *,
    store: StoreOption = Path("wb.duckdb"),
    form: FormatOption = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Read the whole file and every blob; find damage.

    Example: wbexport check --store wb.duckdb
    """
    import pyarrow as pa

    from wbexport.store.check import named_blobs
    from wbexport.store.database import Store

    chosen = choose_format(form, as_json=as_json)
    with Store.open_reader(store) as opened:
        cursor = opened.cursor()
        found = {
            Path(name).stem: len(cursor.execute(read_sql(name)).fetchall())
            for name in list_sql("checks")
        }
        found["blobs"] = sum(not _is_sound(opened.blobs, blob) for blob in named_blobs(cursor))
    table = pa.table({"check": list(found), "problems": pa.array(found.values(), pa.int64())})
    write_table(table, chosen)
    if wrong := [name for name, problems in found.items() if problems]:
        raise StoreDamagedError(
            f"{store}: {', '.join(wrong)} failed; sync the project into a new file, and keep this "
            "one for a report (sql/checks shows the rows concerned)"
        )


def _is_sound(blobs: BlobStore, sha256: str) -> bool:
    try:
        return blobs.verify(sha256)
    except NotFoundError:
        return False
