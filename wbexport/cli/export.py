"""`wbexport export`: a store as a folder of files that every engine reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbexport.cli.options import Json, Quiet, StoreOption, Verbose
from wbexport.cli.output import note, write_json, write_record
from wbexport.cli.query import split_names

if TYPE_CHECKING:
    from wbexport.export.manifest import Manifest

__all__ = ["app", "csv", "parquet"]

app = typer.Typer(
    help="Write a store out as files, with a manifest.", rich_markup_mode=None, add_completion=False
)

Destination = Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)]
Tables = Annotated[
    str | None, typer.Option("--tables", metavar="A,B", help="runs, history, ...; default: all.")
]
Projects = Annotated[
    str | None,
    typer.Option("--projects", metavar="ENTITY/PROJECT,...", help="Default: every project."),
]


@app.command()
def parquet(
    destination: Destination,
    *,
    store: StoreOption = Path("wb.duckdb"),
    tables: Tables = None,
    projects: Projects = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write Parquet, partitioned by entity and project.

    An older load in the folder is replaced at once, when the new one is complete.

    Example: wbexport export parquet load --tables runs,history
    """
    from wbexport.export.parquet import export_parquet
    from wbexport.store.database import Store

    with Store.open_reader(store) as opened:
        manifest = export_parquet(
            opened, destination, tables=split_names(tables), projects=split_names(projects)
        )
    _report(manifest, destination, as_json=as_json, quiet=quiet)


@app.command()
def csv(
    destination: Destination,
    *,
    store: StoreOption = Path("wb.duckdb"),
    tables: Tables = None,
    projects: Projects = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write CSV, partitioned by entity and project.

    An older load in the folder is replaced at once, when the new one is complete.

    Example: wbexport export csv load --tables runs
    """
    from wbexport.export.csv import export_csv
    from wbexport.store.database import Store

    with Store.open_reader(store) as opened:
        manifest = export_csv(
            opened, destination, tables=split_names(tables), projects=split_names(projects)
        )
    _report(manifest, destination, as_json=as_json, quiet=quiet)


def _report(manifest: Manifest, destination: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write_json(manifest.to_dict())
        return
    rows = {name: f"{table.rows:,} rows" for name, table in manifest.tables.items()}
    write_record(rows, as_json=False)
    if not quiet:
        note(f"wrote {destination}")
