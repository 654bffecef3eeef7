"""The SDK's agents run sweeps of this server to their ends, and its command line steers them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.sweeps import sdk_scripts as scripts
from wbexport.query.mongo import parse_filter
from wbexport.store.reader import read_runs
from wbexport.store.sweeps import read_sweeps

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.serve import LocalServer

    LogRun = Callable[..., dict[str, Any]]
    Wandb = Callable[..., str]


@pytest.fixture(scope="module")
def searched(log_run: LogRun) -> dict[str, Any]:
    names = log_run(scripts.AGENTS)
    read = log_run(scripts.READ, *names.values())
    return {method: read[name] | {"name": name} for method, name in names.items()}


@pytest.mark.parametrize(("method", "count"), [("grid", 4), ("random", 2), ("bayes", 6)])
def test_a_run_of_a_sweep_has_its_name_and_what_it_was_to_try(
    searched: dict[str, Any], method: str, count: int
) -> None:
    sweep = searched[method]
    assert sweep["names"] == [sweep["name"]] * count
    assert sweep["states"] == ["finished"] * count
    assert sweep["agents"] == [[count, count]]
    assert all(config.keys() == {"lr", "model", "fixed"} for config in sweep["configs"])
    assert all(config["fixed"] == {"a": [1, None]} for config in sweep["configs"])
    assert all(1e-4 <= config["lr"] <= 1 for config in sweep["configs"])


def test_a_grid_ends_with_its_last_run(searched: dict[str, Any]) -> None:
    grid = searched["grid"]
    tried = [(config["lr"], config["model"]["layers"]) for config in grid["configs"]]
    assert tried == [(1e-4, 1), (1e-4, 2), (0.1, 1), (0.1, 2)]
    assert (grid["state"], grid["expected"]) == ("FINISHED", 4)


def test_a_search_by_chance_goes_on_until_it_is_stopped_or_has_reached_its_cap(
    searched: dict[str, Any],
) -> None:
    assert (searched["random"]["state"], searched["random"]["expected"]) == ("RUNNING", None)
    assert (searched["bayes"]["state"], searched["bayes"]["expected"]) == ("FINISHED", 6)


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_the_best_run_is_the_one_of_the_least_loss(searched: dict[str, Any], method: str) -> None:
    sweep = searched[method]
    place = sweep["losses"].index(min(sweep["losses"]))
    assert sweep["best"] == sweep["configs"][place]
    assert sweep["best_loss"] == min(sweep["losses"])


@pytest.fixture(scope="module")
def wandb(sdk_env: dict[str, str]) -> Wandb:
    """The SDK's command line, in a folder with a sweep file."""
    home = Path(sdk_env["HOME"])
    (home / "sweep.yaml").write_text(scripts.CONFIG)
    (home / "train.py").write_text(scripts.TRAIN)
    # The agent starts `python`, which must be ours.
    place = {"PATH": f"{Path(sys.executable).parent}:{sdk_env['PATH']}", "WANDB_SILENT": "false"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "wandb", *arguments]
        done = subprocess.run(
            command,
            env=sdk_env | place,
            cwd=home,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_the_command_line_makes_pauses_resumes_runs_and_stops_a_sweep(
    wandb: Wandb, server: LocalServer
) -> None:
    made = re.search(
        r"sweep with ID: \W*(\w+)", wandb("sweep", "--project", "steered", "sweep.yaml")
    )
    assert made is not None
    path = f"local/steered/{made[1]}"

    def state() -> str | None:
        (sweep,) = read_sweeps(server.store.cursor(), sweep_id=made[1])
        return sweep.state

    assert state() == "PENDING"
    assert "Done" in wandb("sweep", "--resume", path)
    assert "Done" in wandb("sweep", "--pause", path)
    assert state() == "PAUSED"
    assert "Done" in wandb("sweep", "--resume", path)
    wandb("agent", path)
    assert state() == "FINISHED"
    runs = read_runs(server.store.cursor(), where=parse_filter({"sweep": made[1]})).to_pylist()
    assert [run["state"] for run in runs] == ["finished", "finished"]
    assert [json.loads(run["summary"])["loss"] for run in runs] == [1e-3, 0.5]
    assert [json.loads(run["summary"])["same"] for run in runs] == [1, 1]
    assert "is not running" in wandb("agent", path)
    assert "Done" in wandb("sweep", "--resume", path)
    assert "Done" in wandb("sweep", "--stop", path)
    assert state() == "FINISHED"
