"""`wbexport demo`: a server, a sync, three questions and a chart, without an account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.cli.chart import Series, render_chart
from wbexport.cli.options import Json, Quiet, StoreOption, Verbose
from wbexport.cli.output import write_json, write_table
from wbexport.errors import InputError
from wbexport.sqlfiles import read_sql

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.serve import LocalServer
    from wbexport.sync.report import SyncReport

__all__ = ["demo"]

#: A store remembers which server a project came from; a fixed port makes a second demo a no-op.
_PORT = 8199
_QUESTIONS = (
    ("Which runs were best?", "best_runs", "place, run_id, display_name, best, best_step", 5),
    (
        "Which settings, over their repetitions?",
        "config_groups",
        "first_setting, second_setting, runs, diverged, shown",
        5,
    ),
    (
        "Which runs should have stopped earlier?",
        "early_stopping",
        "run_id, display_name, settled_step, last_step, share_saved",
        5,
    ),
)


def demo(
    *,
    store: StoreOption = Path("wb.duckdb"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """See it work: serve, sync and query sixty sample runs.

    Example: wbexport demo --store wb.duckdb
    """
    from wbexport.data import DEMO_PROJECT
    from wbexport.store.database import Store, second_cursor

    _refuse_other_projects(store, DEMO_PROJECT)
    with _start_server() as server:
        if not as_json:
            print(f"A W&B server on this machine, with the project {DEMO_PROJECT}: {server.url}\n")
            print(f"$ wbexport sync {DEMO_PROJECT} --store {store}")
        report = _sync(server, DEMO_PROJECT, store, quiet=quiet)
    if as_json:
        write_json(report.to_dict())
        return
    print(report)
    with Store.open_reader(store) as opened:
        cursor = second_cursor(opened.cursor())
        for title, name, columns, rows in _QUESTIONS:
            print(f"\n{title}  (sql/queries/{name}.sql)\n")
            answer = cursor.sql(f"select {columns} from ({_statement(name)}) limit {rows}")
            write_table(answer.to_arrow_table(), "table")
        print("\nval/loss of the best run with each optimizer, by epoch\n")
        print(_chart(cursor))
    print(_next_steps(store))


def _start_server() -> LocalServer:
    from wbexport.data import DEMO_STORE
    from wbexport.server.serve import LocalServer

    try:
        return LocalServer(DEMO_STORE, port=_PORT)
    except OSError:
        return LocalServer(DEMO_STORE)


def _sync(server: LocalServer, project: str, store: Path, *, quiet: bool) -> SyncReport:
    from wbexport.settings import Settings
    from wbexport.sync import engine

    settings = Settings.load(
        api_key=server.token, overrides={"base_url": server.url}, environ={}, home=store.parent
    )
    return engine.sync(project, store, progress=not quiet, settings=settings)


def _refuse_other_projects(store: Path, project: str) -> None:
    """The sample has no place beside somebody's real runs."""
    from wbexport.store.database import Store

    if not store.exists():
        return
    with Store.open_reader(store) as opened:
        found = opened.cursor().execute("select entity || '/' || project from coverage").fetchall()
    if any(path != project for (path,) in found):
        raise InputError(f"{store} holds projects of yours; try: wbexport demo --store demo.duckdb")


def _chart(cursor: duckdb.DuckDBPyConnection) -> str:
    columns = "group_name || '  ' || display_name, evaluation, value"
    cursor.execute("set variable metric = 'val/loss'; set variable goal = 'min'")
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for name, epoch, accuracy in cursor.execute(
        f"select {columns} from ({_statement('group_curves')})"
    ).fetchall():
        x, y = curves.setdefault(name, ([], []))
        x.append(epoch)
        y.append(accuracy)
    series = [Series(name, x, y) for name, (x, y) in curves.items()]
    return render_chart(series, colour=sys.stdout.isatty())


def _statement(name: str) -> str:
    return read_sql(f"queries/{name}.sql").rstrip().rstrip(";")


def _next_steps(store: Path) -> str:
    return f"""
Everything is in {store}. Go on with

  duckdb {store} "from runs limit 5"
  wbexport sql --store {store} "select key, kind, count(*) from keys group by all"
  wbexport runs --store {store} --order=-summary_metrics.best_accuracy --limit 5
  wbexport history demo/digits --store {store} --keys val/loss,val/accuracy > curves.csv

or in Python and notebooks

  import wbexport
  archive = wbexport.open({str(store)!r})
  archive.runs("demo/digits", order="-summary_metrics.best_accuracy").to_polars()
  archive.scan_histories(keys=["val/accuracy"]).collect()

and with a project of yours:  wbexport sync ENTITY/PROJECT --store {store}"""
