"""Scripts written for `wandb` run with `import wbexport as wandb`, and without a server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.parity.differential import run_on_copy
from tests.parity.scripting import SCRIPTS, run_scripts
from wbexport.server.serve import LocalServer

if TYPE_CHECKING:
    from pathlib import Path

    Answers = dict[str, Any]

NAMES = {script.__name__.rpartition(".")[2]: script for script in SCRIPTS}
READING = [name for name, script in NAMES.items() if not script.CHANGES]
PROGRAM = "from tests.parity.scripting import main; main()"

#: What these read belongs to no project, so that no sync brings it over.
OF_THE_SERVER = {"search_registries", "team_members"}
PROJECTS = ("local/vision", "local/tuned")
EVERYTHING = ("history", "system", "files", "console", "artifacts", "sweeps", "reports")


@pytest.fixture(scope="module")
def online(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answers]:
    """What the scripts answer with the real SDK and with wbexport, on copies of one server."""
    packages = ("wandb", "wbexport")
    places = [tmp_path_factory.mktemp(package) for package in packages]
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda *each: run_on_copy(PROGRAM, *each, filled=filled), packages, places)
    return dict(zip(packages, made, strict=True))


@pytest.fixture(scope="module")
def offline(filled: Path) -> Answers:
    """What they answer over the server's store, without the server."""
    with wbexport.open(filled / "wb.duckdb") as archive:
        return run_scripts(SimpleNamespace(Api=archive.api), changes=False)


@pytest.fixture(scope="module")
def synced(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What they answer over a store into which both projects were brought."""
    path = tmp_path_factory.mktemp("synced") / "wb.duckdb"
    with LocalServer(filled / "wb.duckdb") as server:
        api = wbexport.Api({"base_url": server.url}, api_key=server.token)
        with closing(api.client.session):
            for project in PROJECTS:
                assert wbexport.sync(project, path, include=EVERYTHING, api=api).status == "ok"
    with wbexport.open(path) as archive:
        return run_scripts(SimpleNamespace(Api=archive.api), changes=False)


def written(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True, default=str)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_answers_the_same_through_wbexport(name: str, online: dict[str, Answers]) -> None:
    theirs, ours = (online[package][name] for package in ("wandb", "wbexport"))
    assert "error" not in theirs, theirs
    assert written(ours) == written(theirs)


@pytest.mark.parametrize("name", READING)
def test_a_script_that_reads_needs_no_server(
    name: str, online: dict[str, Answers], offline: Answers
) -> None:
    assert written(offline[name]) == written(online["wandb"][name])


@pytest.mark.parametrize("name", sorted(set(READING) - OF_THE_SERVER))
def test_a_script_that_reads_a_project_needs_only_a_sync(
    name: str, online: dict[str, Answers], synced: Answers
) -> None:
    assert written(synced[name]) == written(online["wandb"][name])


def test_there_are_enough_scripts_and_none_is_empty(online: dict[str, Answers]) -> None:
    assert len(NAMES) >= 20
    assert len(READING) >= 13
    assert [name for name, answer in online["wandb"].items() if not answer] == []
