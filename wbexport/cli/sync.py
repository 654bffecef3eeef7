"""`wbexport sync`, `plan` and `verify`: a project's way into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wbexport.cli.connection import load_settings
from wbexport.cli.options import (
    ApiKeyFile,
    BaseUrl,
    Filters,
    Json,
    ProjectArgument,
    Quiet,
    StoreOption,
    Verbose,
)
from wbexport.cli.output import write_json, write_record, write_table
from wbexport.cli.query import parse_filters, split_names
from wbexport.errors import SyncError

if TYPE_CHECKING:
    from wbexport.sync.plan import RunPlan

__all__ = ["plan", "sync", "verify"]

Include = Annotated[
    str,
    typer.Option(
        "--include",
        metavar="A,B",
        help="Any of history, system, files, console, artifacts, sweeps, reports.",
    ),
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=64, help="Runs fetched at the same time.")
]


def sync(
    project: ProjectArgument,
    *,
    store: StoreOption = Path("wb.duckdb"),
    filters: Filters = None,
    include: Include = "history",
    jobs: Jobs = 12,
    accept_deletes: Annotated[
        bool,
        typer.Option("--accept-deletes", help="Believe it if over a tenth of the runs are gone."),
    ] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep no second copy while writing; readers wait.")
    ] = False,
    base_url: BaseUrl = None,
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Bring a project into a store; again, only what changed.

    Example: wbexport sync team/project --include history,system
    """
    from wbexport.sync import engine

    report = engine.sync(
        project,
        store,
        filters=parse_filters(filters),
        include=_streams(include),
        jobs=jobs,
        progress=not quiet,
        settings=load_settings(base_url, api_key_file),
        accept_deletes=accept_deletes,
        in_place=in_place,
    )
    if as_json:
        write_json(report.to_dict())
    else:
        print(report)
    report.raise_for_failures()


def plan(
    project: ProjectArgument,
    *,
    store: StoreOption = Path("wb.duckdb"),
    filters: Filters = None,
    include: Include = "history",
    jobs: Jobs = 12,
    base_url: BaseUrl = None,
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Tell what a sync would fetch, without writing.

    Example: wbexport plan team/project
    """
    from wbexport.sync import engine

    planned = engine.plan(
        project,
        store,
        filters=parse_filters(filters),
        include=_streams(include),
        jobs=jobs,
        settings=load_settings(base_url, api_key_file),
    )
    facts = planned.to_dict()
    if not as_json:
        actions = ", ".join(f"{count:,} {name}" for name, count in planned.actions.items())
        facts["actions"] = actions or "none"
        facts |= {name: f"{facts[name]:,}" for name in ("rows", "bytes", "requests")}
    write_record(facts, as_json=as_json)


def verify(
    project: ProjectArgument,
    *,
    store: StoreOption = Path("wb.duckdb"),
    base_url: BaseUrl = None,
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Compare a store with the server, run by run.

    Looks at rows, keys, last step, config and summary. Exits with 3 if anything is missing
    or has changed since the last sync.

    Example: wbexport verify team/project --store wb.duckdb
    """
    import pyarrow as pa

    from wbexport.store.database import Store
    from wbexport.sync import engine

    with Store.open_reader(store) as opened:
        planned = engine.plan(project, opened, settings=load_settings(base_url, api_key_file))
    verdicts = [_verdict(run) for run in planned.runs]
    different = [verdict for verdict in verdicts if verdict["verdict"] != "same"]
    facts = {
        "project": planned.path,
        "runs on the server": len(verdicts),
        "the same here": len(verdicts) - len(different),
        "gone from the server": len(planned.vanished),
    }
    if as_json:
        write_json(facts | {"different": different})
    else:
        write_record(facts, as_json=False)
        if different:
            write_table(pa.Table.from_pylist(different), "table")
    if different:
        raise SyncError(
            f"{len(different)} of {len(verdicts)} runs of {planned.path} differ from the server; "
            f"bring them over with: wbexport sync {planned.path} --store {store}",
            failures={str(each["run_id"]): str(each["verdict"]) for each in different},
        )


def _verdict(run: RunPlan) -> dict[str, Any]:
    """What the plan says of one run, in the words of someone who asks whether it is all there."""
    stored, promised = run.stored, run.fingerprint.lines
    verdict: str = "same" if run.action == "unchanged" else run.action
    if stored is None:
        verdict = "not here"
    elif verdict == "same" and stored.status not in {"complete", "live"}:
        verdict = stored.status
    return {
        "run_id": run.run_id,
        "verdict": verdict,
        "rows_here": stored.rows if stored else 0,
        "rows_there": promised,
        "last_step_here": stored.last_step if stored else None,
        "last_step_there": run.fingerprint.last_step,
    }


def _streams(text: str) -> Any:
    """Names of streams, which the engine checks."""
    return split_names(text) or []
