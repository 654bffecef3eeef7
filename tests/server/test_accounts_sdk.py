"""The real SDK with the keys of a member, of a service account and of a reader of a registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sdk import run_program, sdk_environment
from wbexport.api.client import Api
from wbexport.server.serve import LocalServer
from wbexport.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

START = """
import json, os, pathlib, wandb
api = wandb.Api()

def refusal(call):
    try:
        return repr(call())
    except Exception as error:
        return str(error)
"""

#: A member of `lab` logs runs, files, a table, an artifact, a registry and a sweep.
MEMBER = (
    START
    + """
said = {"viewer": [api.viewer.username, api.viewer.entity, api.viewer.teams]}
with wandb.init(project="p", entity="lab", id="r1", config={"lr": 1}) as run:
    run.log({"loss": 1.0})
    pathlib.Path("n.txt").write_text("text")
    run.save("n.txt", policy="now")
    net = wandb.Artifact("net", "model")
    with net.new_file("w.txt") as file:
        file.write("weights")
    run.log_artifact(net).wait()
    run.log({"table": wandb.Table(columns=["a"], data=[[1]])})
with wandb.init(project="p", entity="lab", id="r2") as run:
    run.use_artifact("net:latest").download()
with wandb.init(project="own", id="mine") as run:
    run.log({"a": 1})
run = api.run("lab/p/r1")
said["run"] = [run.user.username, len(list(run.scan_history())), run.file("n.txt").size]
said["own"] = api.run("ada/own/mine").entity
registry = api.create_registry("models", "restricted")
said["members"] = [[each.user.username, each.role] for each in registry.user_members()]
net = api.artifact("lab/p/net:latest")
net.link("wandb-registry-models/nets", aliases=["best"])
said["linked"] = [each.source_qualified_name for each in registry.versions()]
said["used"] = [each.id for each in net.used_by()]
said["foreign"] = [
    refusal(lambda: api.run("local/secret/s1")),
    refusal(lambda: list(api.runs("local/secret"))),
    refusal(lambda: wandb.init(project="secret", entity="local").finish()),
]

def train():
    with wandb.init() as run:
        run.log({"loss": run.config.lr})

from wandb.agents import pyagent
pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0
grid = {"method": "grid", "parameters": {"lr": {"values": [1, 2]}}}
wandb.agent(wandb.sweep(grid, project="p", entity="lab"), train, project="p", entity="lab", count=2)
print(json.dumps(said))
"""
)

#: A service account logs for a member.
ROBOT = (
    START
    + """
with wandb.init(project="p", entity="lab", id="r3") as run:
    run.log({"loss": 1.0})
print(json.dumps({"viewer": api.viewer.username, "by": api.run("lab/p/r3").user.username}))
"""
)

#: Somebody who may read one registry and nothing else.
READER = (
    START
    + """
(net,) = api.registries().versions()
print(json.dumps({
    "linked": [net.qualified_name, net.source_qualified_name, os.listdir(net.download())],
    "from": [refusal(net.logged_by), refusal(net.used_by)],
    "team": [refusal(lambda: api.run("lab/p/r1")), refusal(lambda: list(api.runs("lab/p"))),
             refusal(lambda: api.artifact("lab/p/net:v0")), list(api.projects("lab"))],
    "unlink": refusal(net.unlink),
}))
"""
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each program printed, and the runs of `lab/p` with their users."""
    folder = tmp_path_factory.mktemp("accounts")
    with LocalServer(folder / "wb.duckdb", writable=True) as server:
        place = {"base_url": server.url}
        api = Api(settings=Settings.load(api_key=server.token, overrides=place, environ={}))
        api.create_run(run_id="s1", project="secret", entity="local")
        ada, bob = (api.create_user(f"{name}@example.org") for name in ("ada", "bob"))
        robot = api.create_team("lab", "ada").create_service_account("robot")
        assert robot is not None
        answers = {"ada": _said(folder, server, MEMBER, ada.api_keys[0])}
        named = {"WANDB_USERNAME": "ada"}
        answers["robot"] = _said(folder, server, ROBOT, robot.api_key, **named)
        api.registry("models").add_members(bob).update_member(bob, "viewer")
        answers["bob"] = _said(folder, server, READER, bob.api_keys[0])
        users = [run.user and run.user.username for run in api.runs("lab/p")]
        return answers | {"all": {"users": users}}


def _said(folder: Path, server: LocalServer, program: str, key: str, **more: str) -> dict[str, Any]:
    home = folder / key[-8:]
    home.mkdir()
    done = run_program(program, env=sdk_environment(home, server.url, key) | more)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_a_member_works_as_with_a_server_of_their_own(said: dict[str, Any]) -> None:
    ada = said["ada"]
    assert ada["viewer"] == ["ada", "ada", ["lab"]]
    assert (ada["run"], ada["own"]) == (["ada", 2, 4], "ada")
    assert (ada["members"], ada["linked"], ada["used"]) == (
        [["ada", "admin"]],
        ["lab/p/net:v0"],
        ["r2"],
    )
    assert said["all"]["users"] == ["ada"] * 5


def test_what_is_not_theirs_is_not_there_or_refused(said: dict[str, Any]) -> None:
    run, runs, start = said["ada"]["foreign"]
    assert "not found" in run
    assert "Could not find project secret" in runs
    assert "permission denied: this key may not write to local/secret" in start


def test_a_service_account_logs_for_the_user_it_names(said: dict[str, Any]) -> None:
    assert said["robot"]["viewer"].startswith("service-")
    assert said["robot"]["by"] == "ada"


def test_a_reader_of_a_registry_has_what_is_linked_there_and_no_more(said: dict[str, Any]) -> None:
    bob = said["bob"]
    path = "local_org/wandb-registry-models/nets:v0"
    assert bob["linked"] == [path, "lab/p/net:v0", ["w.txt"]]
    assert bob["from"] == ["None", "[]"]
    assert all("not found" in each or "Could not find" in each for each in bob["team"][:3])
    assert bob["team"][3] == []
    assert "permission denied" in bob["unlink"]
