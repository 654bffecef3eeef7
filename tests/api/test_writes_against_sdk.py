"""One script writes through the real SDK and through this client: the server ends up the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.api.client import Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.serve import LocalServer

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]

SDK = "import wandb; api = wandb.Api()"
OURS = "import wbexport; api = wbexport.Api()"

#: Everything that either client can write, to runs whose ids begin with the first argument.
WRITE = """
import json, math, os, pathlib, sys
{api}
mine = sys.argv[1]
answer = {{}}

api.create_project("made-" + mine, "local")
run = api.create_run(run_id=mine + "-full", project="twins", entity="local")
Run = type(run)
answer["created"] = [run.id, run.path, run.state, run.url, run.tags, run.config]

run.name = "A name"
run.notes = "Some notes"
run.description = "Some words"
run.tags = ["a", "b"]
run.group = "g"
run.job_type = "train"
run.config["lr"] = 0.5
run.config["whole"] = 2.0
run.config["nest"] = {{"deep": [1, {{"x": None}}], "nan": math.nan, "é": "ü"}}
run.summary["loss"] = 0.25
run.update()
run.summary.update({{"nest": {{"a": {{"b": 1}}, "c": "text"}}, "list": [1, 2.5], " padded ": 1}})
run.summary["later"] = 7
run.summary["nest"].update({{"d": True}})
answer["summary"] = [sorted(run.summary.keys()), run.summary["nest"]["a"]["b"],
                     run.summary.get("no", 5), run.summary["nest"]["d"], "later" in run.summary]
answer["json_config"] = json.loads(run.json_config)

folder = pathlib.Path(mine)
(folder / "sub").mkdir(parents=True)
(folder / "sub" / "file.txt").write_text("content")
(folder / "gone.bin").write_bytes(bytes(1000))
(folder / "link.txt").symlink_to("sub/file.txt")
for name in ("sub/file.txt", "gone.bin", "link.txt"):
    file = run.upload_file(str(folder / name), root=str(folder))
    answer["uploaded " + name] = [file.name, file.size, file.md5, file.mimetype]
run.file("gone.bin").delete()
run.stop()
answer["failed"] = run.update_state("failed")
run.save()

pending = Run.create(api, run_id=mine + "-pending", project="twins", entity="local",
                     state="pending")
answer["pending"] = pending.state
api.create_run(run_id=mine + "-empty", project="twins", entity="local")
# The SDK cannot update a run that it has just created.
empty = api.run("local/twins/" + mine + "-empty")
empty.tags = ["only"]
empty.update()
gone = api.create_run(run_id=mine + "-gone", project="twins", entity="local")
gone.delete()
api.create_run(run_id=mine + "-gone-too", project="twins").delete(delete_artifacts=True)
print(json.dumps(answer))
"""

#: What another reader sees of what was written, without names that differ by design.
KEPT = """state displayName description notes tags group jobType config summaryMetrics
    systemMetrics historyKeys historyLineCount eventsLineCount logLineCount exitcode shouldStop
    sweepName readOnly commit user"""


@pytest.fixture(scope="module")
def answers(log_run: LogRun) -> tuple[Answer, Answer]:
    return log_run(WRITE.format(api=SDK), "twin-t"), log_run(WRITE.format(api=OURS), "twin-o")


@pytest.fixture(scope="module")
def api(answers: tuple[Answer, Answer], server: LocalServer) -> Api:
    return Api({"base_url": server.url}, api_key=server.token)


def stored(api: Api, who: str) -> Answer:
    variables = {"entity": "local", "project": "twins", "perPage": 100}
    found = api.client.execute("RunHeaders", variables)["project"]["runs"]["edges"]
    nodes = [edge["node"] for edge in found if edge["node"]["name"].startswith(who)]
    # A run without a name has that of its id.
    return {
        node["name"].removeprefix(who): {
            key: str(node[key]).replace(who, "twin") for key in KEPT.split()
        }
        for node in nodes
    }


def test_both_clients_answer_the_same(answers: tuple[Answer, Answer]) -> None:
    theirs, ours = (json.dumps(answer, sort_keys=True) for answer in answers)
    assert ours.replace("twin-o", "twin-t") == theirs


def test_the_server_keeps_the_same(api: Api) -> None:
    theirs, ours = stored(api, "twin-t"), stored(api, "twin-o")
    assert set(ours) == set(theirs) == {"-full", "-pending", "-empty"}
    # JSON fields are texts, so that NaN is equal to itself.
    assert ours == theirs


def test_the_runs_have_the_same_files(api: Api) -> None:
    def files(run_id: str) -> Answer:
        found = api.run(f"local/twins/{run_id}").files()
        return {file.name: (file.read(), file.md5, file.mimetype) for file in found}

    assert files("twin-o-full") == files("twin-t-full")
    assert set(files("twin-o-full")) == {"sub/file.txt", "link.txt"}


def test_both_made_their_project(api: Api) -> None:
    names = {project.name for project in api.projects("local")}
    assert {"made-twin-t", "made-twin-o"} <= names


NAN = """
import json, math, sys
{api}
run = api.create_run(run_id=sys.argv[1], project="twins", entity="local")
run.summary.update({{"nan": math.nan, "inf": math.inf}})
print(json.dumps({{}}))
"""


def test_this_client_keeps_numbers_that_the_sdk_loses(api: Api, log_run: LogRun) -> None:
    log_run(NAN.format(api=SDK), "nan-t")
    log_run(NAN.format(api=OURS), "nan-o")
    texts = [str(api.run(f"local/twins/{name}").summary) for name in ("nan-t", "nan-o")]
    assert texts == [
        "{'inf': inf, 'nan': None}",
        "{'inf': inf, 'nan': nan}",
    ]
