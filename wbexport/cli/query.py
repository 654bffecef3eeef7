"""`wbexport runs`, `history` and `sql`: questions to a store."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wbexport.cli.options import (
    Filters,
    FormatOption,
    Json,
    Limit,
    Order,
    Quiet,
    StoreOption,
    Verbose,
)
from wbexport.cli.output import choose_format, write_table
from wbexport.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["history", "parse_filters", "runs", "split_names", "sql"]

_SHOWN = ("run_id", "display_name", "state", "group_name", "created_at", "last_step", "tags")

OptionalProject = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENTITY/PROJECT]", show_default=False, help="Every project by default."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", "-c", metavar="A,B", help="run_id, config.lr, summary.acc, ..."),
]
Keys = Annotated[
    str | None, typer.Option("--keys", "-k", metavar="A,B", help="Metric keys; all by default.")
]


def runs(
    project: OptionalProject = None,
    *,
    store: StoreOption = Path("wb.duckdb"),
    filters: Filters = None,
    order: Order = None,
    columns: Columns = None,
    limit: Limit = None,
    form: FormatOption = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """List runs, with the filters and orders of wandb.Api.

    A terminal shows a few columns; other formats carry config and summary too.

    Example: wbexport runs --filters '{"config.lr": 0.1}' -c run_id,summary.acc
    """
    from wbexport.archive import open as open_archive

    chosen = choose_format(form, as_json=as_json)
    with open_archive(store) as archive:
        found = archive.runs(project, filters=parse_filters(filters), order=order)
        table = found.to_arrow()
    if columns or chosen == "table":
        table = _select(table, split_names(columns) or list(_SHOWN))
    write_table(table.slice(0, limit), chosen)


def history(
    path: Annotated[str, typer.Argument(metavar="ENTITY/PROJECT[/RUN]", show_default=False)],
    *,
    store: StoreOption = Path("wb.duckdb"),
    keys: Keys = None,
    how: Annotated[
        Literal["any", "all"], typer.Option("--how", help="Rows that have any key, or all of them.")
    ] = "any",
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="At most so many rows per run.")
    ] = None,
    filters: Filters = None,
    order: Order = None,
    limit: Limit = None,
    form: FormatOption = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Print logged metrics, complete or sampled.

    Example: wbexport history team/project --keys loss,acc > curves.csv
    """
    from wbexport.archive import open as open_archive
    from wbexport.paths import parse_run_path

    chosen = choose_format(form, as_json=as_json)
    wanted, selection = split_names(keys), parse_filters(filters)
    if path.count("/") > 1:
        run = parse_run_path(path)
        path, selection = str(run.parent), {"$and": [selection or {}, {"name": run.run_id}]}
    with open_archive(store) as archive:
        found = archive.runs(path, filters=selection, order=order)
        if samples is None:
            write_table(found.scan_histories(wanted, how, format="arrow"), chosen, limit=limit)
        else:
            sampled = found.histories(samples, wanted, format="arrow")
            write_table(sampled.slice(0, limit), chosen)


def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="[SQL|-]", show_default=False, help="- reads stdin.")
    ] = None,
    *,
    store: StoreOption = Path("wb.duckdb"),
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Read the SQL from a file.")
    ] = None,
    form: FormatOption = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Run SQL over a store, read-only.

    The SQL is kept from files and the network.

    Example: wbexport sql "select run_id, state from runs limit 5"
    """
    from wbexport.archive import open as open_archive

    chosen = choose_format(form, as_json=as_json)
    if (query is None) == (file is None):
        raise QueryError("give SQL, or - to read it from standard input, or --file; one of them")
    text = file.read_text(encoding="utf-8") if file else str(query)
    with open_archive(store) as archive:
        table = archive.sql(sys.stdin.read() if text == "-" else text).to_arrow_table()
    write_table(table, chosen)


def parse_filters(text: str | None) -> dict[str, Any] | None:
    """Reads the JSON of `--filters`.

    Raises:
        QueryError: It is no JSON object.
    """
    if text is None:
        return None
    try:
        filters = json.loads(text)
    except ValueError as error:
        raise QueryError(f"--filters is no JSON: {error}") from None
    if not isinstance(filters, dict):
        raise QueryError('--filters takes a JSON object such as {"state": "finished"}')
    return filters


def split_names(text: str | None) -> list[str] | None:
    """Splits a list of names at its commas; nothing stays nothing."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def _select(table: pa.Table, names: list[str]) -> pa.Table:
    from wbexport.query.fields import suggest

    missing = [name for name in names if name not in table.column_names]
    if missing and names != list(_SHOWN):
        nearest = suggest(missing[0], table.column_names)
        raise QueryError(f"no run here has a column {missing[0]!r}{nearest}")
    return table.select([name for name in names if name in table.column_names])
