"""Runs every command for real: against a local server, and over the store that it fills."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from wbexport.cli.main import run
from wbexport.data import DEMO_PROJECT, DEMO_STORE
from wbexport.server.serve import LocalServer
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with the sample project, and settings that point to it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, LocalServer(DEMO_STORE) as server:
        patch.setenv("WANDB_BASE_URL", server.url)
        patch.setenv("WANDB_API_KEY", server.token)
        patch.setenv("HOME", str(home))
        yield server


@pytest.fixture(scope="module")
def filled(remote: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that `wbexport sync` has filled with the sample project."""
    path = tmp_path_factory.mktemp("filled") / "wb.duckdb"
    assert run(["sync", DEMO_PROJECT, "--store", str(path), "--quiet"]) == 0
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command and gives its exit code, output and messages."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_sync_reports_what_it_did_and_the_next_finds_nothing(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    arguments = ("sync", DEMO_PROJECT, "--store", tmp_path / "wb.duckdb", "--json")
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert json.loads(out)["actions"] == {"new": 60}
    assert json.loads(command(*arguments)[1])["actions"] == {"unchanged": 60}


def test_a_plan_says_what_is_to_come_and_writes_nothing(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    code, out, _ = command("plan", DEMO_PROJECT, "--store", tmp_path / "wb.duckdb", "--json")
    planned = json.loads(out)
    assert (code, planned["actions"]) == (0, {"new": 60})
    assert planned["rows"] > 10_000
    assert list(tmp_path.iterdir()) == []


def test_a_plan_for_people_names_the_same_figures(filled: Path, command: Command) -> None:
    code, out, _ = command("plan", DEMO_PROJECT, "--store", filled)
    assert code == 0
    assert "60 unchanged" in out


def test_a_whole_store_passes_verify_check_and_status(filled: Path, command: Command) -> None:
    assert command("verify", DEMO_PROJECT, "--store", filled)[0] == 0
    code, out, _ = command("check", "--store", filled)
    assert code == 0
    assert {row["problems"] for row in rows_of(out)} == {"0"}
    (status,) = rows_of(command("status", "--store", filled)[1])
    assert (status["runs"], status["not_complete"], status["share_of_rows"]) == ("60", "0", "1")


def test_verify_names_the_runs_that_are_not_here(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    store = tmp_path / "wb.duckdb"
    only_adam = '{"config.optimizer": "adam"}'
    assert command("sync", DEMO_PROJECT, "--store", store, "--filters", only_adam)[0] == 0
    code, out, err = command("verify", DEMO_PROJECT, "--store", store, "--json")
    assert code == 3
    assert {each["verdict"] for each in json.loads(out)["different"]} == {"not here"}
    assert "40 of 60 runs" in err
    assert f"wbexport sync {DEMO_PROJECT}" in err


def test_check_finds_rows_that_were_lost(filled: Path, tmp_path: Path, command: Command) -> None:
    damaged = tmp_path / "wb.duckdb"
    damaged.write_bytes(filled.read_bytes())
    with Store.open_writer(damaged) as store:
        with store.transaction() as cursor:
            cursor.execute("delete from stored.history where step = 3")
        store.publish()
    code, out, err = command("check", "--store", damaged)
    assert code == 1
    assert {row["check"] for row in rows_of(out) if row["problems"] != "0"} == {
        "key_statistics",
        "row_counts",
    }
    assert "key_statistics" in err


def test_runs_are_filtered_and_ordered_as_by_the_api(filled: Path, command: Command) -> None:
    columns = "run_id,config.optimizer,summary.best_accuracy"
    order = "--order=-summary_metrics.best_accuracy"
    filters = '{"config.optimizer": {"$in": ["adam", "sgd"]}}'
    code, out, _ = command(
        "runs", DEMO_PROJECT, "-s", filled, "--filters", filters, order, "-c", columns
    )
    best = [float(row["summary.best_accuracy"] or 0) for row in rows_of(out)]
    assert code == 0
    assert len(best) == 40
    assert best == sorted(best, reverse=True)


def test_runs_as_json_hold_config_and_summary(filled: Path, command: Command) -> None:
    found = json.loads(command("runs", "-s", filled, "--limit", 2, "--json")[1])
    assert [run["run_id"] for run in found] == ["digits00", "digits01"]
    assert found[0]["config.data.name"] == "digits"


def test_a_history_is_complete_unless_samples_are_asked_for(filled: Path, command: Command) -> None:
    path = f"{DEMO_PROJECT}/digits03"
    counted = "select stored_rows from runs where run_id = 'digits03'"
    (rows,) = json.loads(command("sql", counted, "-s", filled, "--json")[1])
    assert len(rows_of(command("history", path, "-s", filled)[1])) == rows["stored_rows"]
    assert len(rows_of(command("history", path, "-s", filled, "--samples", 7)[1])) == 7
    assert len(rows_of(command("history", path, "-s", filled, "--limit", 5)[1])) == 5


def test_a_key_that_nobody_logged_is_an_error_with_a_hint(filled: Path, command: Command) -> None:
    code, _, err = command("history", DEMO_PROJECT, "-s", filled, "--keys", "val/los")
    assert code == 2
    assert "val/loss" in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("runs", "--filters", "{"), "JSON"),
        (("runs", "--filters", "[]"), "JSON object"),
        (("runs", "--filters", '{"config.lr": {"$gte2": 1}}'), "$gte"),
        (("runs", "--columns", "config.optimiser"), "config.optimizer"),
        (("sql", "selec 1"), "selec"),
        (("sql", "from read_csv('/etc/passwd')"), "disabled"),
        (("sql",), "--file"),
        (("history", "demo/a/b/c/d"), "demo/a/b/c/d"),
    ],
)
def test_wrong_input_is_a_usage_error_that_helps(
    arguments: tuple[str, ...], hint: str, filled: Path, command: Command
) -> None:
    code, out, err = command(*arguments, "--store", filled)
    assert (code, out) == (2, "")
    assert hint in err


def test_sql_comes_from_an_argument_a_file_or_standard_input(
    filled: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "select count(*) as n from runs"
    (tmp_path / "q.sql").write_text(text)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    answers = [
        command("sql", text, "-s", filled),
        command("sql", "--file", tmp_path / "q.sql", "-s", filled),
        command("sql", "-", "-s", filled),
    ]
    assert answers == [(0, '"n"\n60\n', "")] * 3


def test_an_export_holds_every_row(filled: Path, tmp_path: Path, command: Command) -> None:
    code, out, _ = command("export", "parquet", tmp_path / "load", "-s", filled, "--json")
    assert code == 0
    promised = {name: table["rows"] for name, table in json.loads(out)["tables"].items()}
    assert promised["runs"] == 60
    assert pq.read_table(tmp_path / "load" / "runs").num_rows == 60
    assert pq.read_table(tmp_path / "load" / "history").num_rows == promised["history"]


def test_a_csv_export_can_be_limited_to_tables(
    filled: Path, tmp_path: Path, command: Command
) -> None:
    code, out, _ = command("export", "csv", tmp_path / "load", "-s", filled, "--tables", "runs")
    assert (code, out) == (0, "runs  60 rows\n")


def test_a_second_writer_is_told_who_the_first_is(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    with Store.open_writer(tmp_path / "wb.duckdb"):
        code, _, err = command("sync", DEMO_PROJECT, "--store", tmp_path / "wb.duckdb")
    assert code == 11
    assert str(os.getpid()) in err


def test_an_interrupted_sync_ends_with_130_and_can_go_on(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    store = tmp_path / "wb.duckdb"
    arguments = ["sync", DEMO_PROJECT, "--store", str(store), "--jobs", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "wbexport", *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        while not store.with_name(".wb.duckdb.writer").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"To go on: wbexport {' '.join(arguments)}" in said
    assert "Traceback" not in said
    assert command(*arguments)[0] == 0
    assert command("verify", DEMO_PROJECT, "--store", store)[0] == 0


def test_a_key_can_come_from_a_file_or_standard_input(
    remote: LocalServer, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "")
    (tmp_path / "key").write_text(remote.token + "\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(remote.token))
    for source in (tmp_path / "key", "-"):
        code, out, _ = command("doctor", "--api-key-file", source, "--json")
        assert code == 0
        assert "ms" in json.loads(out)["answer"]
        assert remote.token not in out


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path, command: Command) -> None:
    (tmp_path / "empty").write_text("\n")
    assert "no key" in command("doctor", "--api-key-file", tmp_path / "empty")[2]
    assert "cannot be read" in command("doctor", "--api-key-file", tmp_path / "none")[2]


def test_doctor_shows_settings_even_if_nothing_answers(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example:3128")
    code, out, err = command("doctor", "--base-url", "https://wandb.example.com")
    assert code == 2
    assert "https://wandb.example.com" in out
    assert "http://proxy.example:3128" in out
    assert "secret" not in out + err
    assert "No API key" in err


@contextmanager
def serving(store: Path, end: signal.Signals) -> Iterator[dict[str, str]]:
    """Runs `wbexport serve`, gives the variables that it prints, and ends it with a signal."""
    arguments = [sys.executable, "-m", "wbexport", "serve", "--store", str(store)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        yield dict(line.removeprefix("export ").split("=", 1) for line in lines)
        process.send_signal(end)
        assert process.wait(timeout=30) == 0


def test_serve_prints_what_a_client_needs_and_stops_when_told(
    filled: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(filled, signal.SIGTERM) as variables:
        assert variables.keys() == {"WANDB_BASE_URL", "WANDB_API_KEY"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code, out, _ = command("doctor", "--json")
        assert (code, json.loads(out)["server"]) == (0, variables["WANDB_BASE_URL"])


def test_the_token_of_a_store_is_kept_for_its_owner_only(filled: Path) -> None:
    seen = []
    for _ in range(2):
        with serving(filled, signal.SIGINT) as variables:
            seen.append(variables["WANDB_API_KEY"])
    token = filled.with_name(".wb.duckdb.token")
    assert seen[0] == seen[1] == token.read_text().strip()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_the_demo_ends_with_a_filled_store_and_next_steps(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command("demo")
    assert (code, err) == (0, "")
    assert "60 new" in out
    assert "━ adam" in out
    assert "\x1b" not in out
    assert 'duckdb wb.duckdb "from runs limit 5"' in out
    report: dict[str, Any] = json.loads(command("demo", "--json")[1])
    assert report["runs"] == 60


def test_the_demo_keeps_away_from_other_projects(
    remote: LocalServer, tmp_path: Path, command: Command
) -> None:
    store = tmp_path / "wb.duckdb"
    store.write_bytes(DEMO_STORE.read_bytes())
    with Store.open_writer(store) as opened:
        with opened.transaction() as cursor:
            cursor.execute("update stored.projects set project = 'mine'")
        opened.publish()
    code, _, err = command("demo", "--store", store)
    assert code == 2
    assert "projects of yours" in err


def test_ingest_reads_folders_and_exits_with_3_when_some_cannot_be_read(
    command: Command, tmp_path: Path
) -> None:
    store = tmp_path / "wb.duckdb"
    old = Path(__file__).parents[1] / "ingest" / "old"
    wandb = tmp_path / "wandb"
    shutil.copytree(old, wandb)
    arguments = ("ingest", wandb, "--store", store, "--entity", "team", "--project", "vision")
    code, out, _ = command(*arguments)
    assert (code, "runs         1 (1 new)" in out) == (0, True)
    assert command("runs", "team/vision", "--store", store)[1].count("old run") == 1
    (wandb / "run-2-empty").mkdir()
    code, out, err = command(*arguments, "--json")
    assert (code, json.loads(out)["actions"]) == (3, {"unchanged": 1})
    assert json.loads(out)["failures"] == {"run-2-empty": "no .wandb file in it"}
    assert "could not be read completely" in err
    assert command("ingest", tmp_path / "nowhere", "--store", store)[0] == 2
    assert command("ingest", store.parent / "wandb" / "run-2-empty", "--store", store)[0] == 1
