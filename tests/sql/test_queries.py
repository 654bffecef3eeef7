"""Runs every analysis of `sql/queries` and compares it with plain Python over the same values."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.data import DEMO_STORE
from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

    Rows = list[dict[str, Any]]
    Ask = Callable[..., Rows]

QUERIES = list_sql("queries")
#: The command line that `duckdb-cli` brings; it is older than the library that wrote the sample.
DUCKDB = shutil.which("duckdb", path=str(Path(sys.executable).parent))


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with Store.open_reader(DEMO_STORE) as store:
        yield store.cursor()


@pytest.fixture(scope="module")
def ask(cursor: duckdb.DuckDBPyConnection) -> Ask:
    """Runs a query with parameters set as its comment says; gives its rows as dicts."""

    def run(name: str, **parameters: object) -> Rows:
        for parameter, value in parameters.items():
            cursor.execute(f"set variable {parameter} = {value!r}")
        cursor.execute(read_sql(f"queries/{name}.sql"))
        columns = [column[0] for column in cursor.description or []]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        for parameter in parameters:
            cursor.execute(f"reset variable {parameter}")
        return rows

    return run


@pytest.fixture(scope="module")
def logged(cursor: duckdb.DuckDBPyConnection) -> dict[str, dict[str, dict[int, float]]]:
    """Key → run → step → number."""
    values: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    found = cursor.execute("select key, run_id, step, value from history where value is not null")
    for key, run_id, step, value in found.fetchall():
        values[key][run_id][step] = value
    return values


@pytest.fixture(scope="module")
def configs(cursor: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    found = cursor.execute("select run_id, config from runs").fetchall()
    return {run_id: json.loads(config) for run_id, config in found}


@pytest.mark.parametrize("name", list_sql("queries") + list_sql("checks") + list_sql("views"))
def test_a_file_says_what_it_answers_and_its_grain(name: str) -> None:
    question, grain = read_sql(name).splitlines()[:2]
    assert question.startswith("-- ")
    assert grain.startswith("-- One row per ")


@pytest.mark.skipif(DUCKDB is None, reason="duckdb-cli is not installed")
@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_the_same_in_the_duckdb_command_line(name: str, ask: Ask) -> None:
    command = [str(DUCKDB), "-readonly", "-csv", str(DEMO_STORE)]
    done = subprocess.run(command, input=read_sql(name), capture_output=True, text=True, check=True)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    here = ask(Path(name).stem)
    assert len(rows) == len(here) > 0
    assert list(rows[0]) == list(here[0])


def test_an_empty_store_gives_no_rows_and_no_error() -> None:
    with Store.in_memory() as store:
        counts = {name: len(store.cursor().execute(read_sql(name)).fetchall()) for name in QUERIES}
    assert set(counts.values()) == {0}


def test_best_runs_are_those_with_the_highest_maximum(ask: Ask, logged: dict[str, Any]) -> None:
    highest = {
        run: max(value for value in steps.values() if not math.isnan(value))
        for run, steps in logged["val/accuracy"].items()
    }
    rows = ask("best_runs")
    assert [row["best"] for row in rows] == sorted(highest.values(), reverse=True)[:10]
    assert all(highest[row["run_id"]] == row["best"] for row in rows)


def test_best_runs_by_a_loss_are_those_with_the_lowest(ask: Ask, logged: dict[str, Any]) -> None:
    rows = ask("best_runs", metric="val/loss", goal="min", top=3)
    lowest = sorted(
        min((value for value in steps.values() if not math.isnan(value)), default=math.inf)
        for steps in logged["val/loss"].values()
    )
    assert [row["best"] for row in rows] == lowest[:3]
    assert all(logged["val/loss"][row["run_id"]][row["best_step"]] == row["best"] for row in rows)


def test_diverged_runs_are_those_with_a_value_that_is_not_finite(
    ask: Ask, logged: dict[str, Any]
) -> None:
    bad = {
        run: min(step for step, value in steps.items() if not math.isfinite(value))
        for run, steps in logged["train/loss"].items()
        if not all(map(math.isfinite, steps.values()))
    }
    assert bad
    assert {row["run_id"]: row["diverged_step"] for row in ask("diverged_runs")} == bad


def test_groups_have_the_mean_and_deviation_of_their_runs(
    ask: Ask, logged: dict[str, Any], configs: dict[str, Any]
) -> None:
    groups = defaultdict(list)
    for run, steps in logged["val/accuracy"].items():
        key = (configs[run]["optimizer"], str(configs[run]["hidden"]))
        groups[key].append(steps[max(steps)])
    rows = {(row["first_setting"], row["second_setting"]): row for row in ask("config_groups")}
    assert set(rows) == set(groups)
    for key, values in groups.items():
        assert rows[key]["runs"] == len(values)
        assert rows[key]["mean"] == pytest.approx(statistics.mean(values), abs=1e-6)
        if len(values) > 1:
            assert rows[key]["std"] == pytest.approx(statistics.stdev(values), abs=1e-6)


def test_early_stopping_finds_runs_that_no_longer_gained(ask: Ask, logged: dict[str, Any]) -> None:
    expected = {}
    for run, steps in logged["val/loss"].items():
        values = [steps[step] for step in sorted(steps)]
        best = min((value for value in values if not math.isnan(value)), default=math.nan)
        settled = [number for number, value in enumerate(values, 1) if value <= best + 0.001]
        if settled and len(values) - settled[0] > 5:
            expected[run] = len(values) - settled[0]
    rows = ask("early_stopping")
    assert {row["run_id"]: row["evaluations_after_best"] for row in rows} == expected


def test_the_difference_of_two_runs_is_that_of_their_configs(
    ask: Ask, configs: dict[str, Any]
) -> None:
    rows = ask("config_difference", run_a="digits03", run_b="digits04")
    differing = {row["key"] for row in rows if row["part"] == "config"}
    a, b = configs["digits03"], configs["digits04"]
    assert differing == {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}
    assert {(row["run_a"], row["run_b"]) for row in rows} == {("digits03", "digits04")}


def test_resampled_curves_keep_every_value_and_its_weight(ask: Ask, logged: dict[str, Any]) -> None:
    rows = ask("learning_curves", intervals=7)
    for run, steps in logged["train/loss"].items():
        own = [row for row in rows if row["run_id"] == run]
        assert sum(row["logged"] for row in own) == len(steps)
        if all(map(math.isfinite, steps.values())):
            total = sum(row["value"] * row["logged"] for row in own)
            assert total == pytest.approx(sum(steps.values()))
    assert {row["axis"] for row in rows} <= {round((k + 0.5) / 7, 6) for k in range(7)}


def test_curves_can_be_laid_over_another_metric(ask: Ask, logged: dict[str, Any]) -> None:
    rows = ask("learning_curves", metric="val/loss", x_axis="epoch", intervals=3)
    last = max(max(steps.values()) for steps in logged["epoch"].values())
    assert max(row["x"] for row in rows) == pytest.approx(last * 2.5 / 3)
    assert sum(row["logged"] for row in rows) == sum(map(len, logged["val/loss"].values()))


def test_each_group_is_shown_by_its_best_run(
    ask: Ask, logged: dict[str, Any], configs: dict[str, Any]
) -> None:
    best: dict[str, float] = {}
    for run, steps in logged["val/accuracy"].items():
        group = configs[run]["optimizer"]
        best[group] = max(best.get(group, 0.0), *steps.values())
    rows = ask("group_curves")
    shown: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        shown[row["group_name"]].append(row["value"])
    assert {group: max(values) for group, values in shown.items()} == best


def test_freshness_counts_what_is_here(ask: Ask, configs: dict[str, Any]) -> None:
    (row,) = ask("freshness")
    assert (row["entity"], row["project"], row["runs"]) == ("demo", "digits", len(configs))
    assert row["not_complete"] == 0
