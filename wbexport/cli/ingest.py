"""`wbexport ingest`: the way of offline runs into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wbexport.cli.options import Json, Quiet, StoreOption, Verbose
from wbexport.cli.output import write_json

__all__ = ["ingest"]


def ingest(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    *,
    store: StoreOption = Path("wb.duckdb"),
    entity: Annotated[
        str | None, typer.Option("--entity", "-e", help="The owner of every run.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of every run.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Read offline run folders into a store; again, only what is new.

    DIR is the SDK's wandb folder, or the folder of one run. Exits with 3 if some of it could
    not be read, and names that.

    Example: wbexport ingest ./wandb --entity team --project vision
    """
    from wbexport.ingest import engine

    report = engine.ingest(folder, store, entity=entity, project=project)
    if as_json:
        write_json(report.to_dict())
    else:
        print(report)
    report.raise_for_failures()
