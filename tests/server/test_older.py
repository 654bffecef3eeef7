"""What SDKs up to 0.22 ask for, in documents of their shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw, application
from wbexport.api.client import Api
from wbexport.errors import GraphQLError
from wbexport.settings import Settings
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def raw() -> Iterator[Raw]:
    with application() as client:
        yield client


@pytest.fixture
def api(raw: Raw) -> Api:
    overrides = {"base_url": "http://127.0.0.1"}
    settings = Settings.load(api_key=raw.token, overrides=overrides, environ={})
    return Api(settings=settings, transport=wsgi_transport(raw.app))


def ask(api: Api, text: str, **variables: Any) -> Any:
    return api.client.execute_text(text, variables)


RUNS = """query ProjectRuns($model: String!, $entity: String) {
    model(name: $model, entityName: $entity) {
        repo dockerImage
        buckets(first: 2) { edges { node { id name displayName } } }
    }
}"""


def test_the_runs_of_a_project_are_its_buckets(api: Api) -> None:
    for name in "abc":
        api.create_run(run_id=name, project="old", entity="team")
    model = ask(api, RUNS, model="old", entity="team")["model"]
    assert [edge["node"]["name"] for edge in model["buckets"]["edges"]] == ["a", "b"]
    assert (model["repo"], model["dockerImage"]) == (None, None)


RUN_INFO = """query RunInfo($name: String!) {
    project(name: "old", entityName: "team") { run(name: $name) { runInfo {
        program args os python colab executable codeSaved cpuCount gpuCount gpu
        git { remote commit }
    } } }
}"""


def test_a_runs_info_is_what_its_metadata_say(api: Api, tmp_path: Path) -> None:
    run = api.create_run(run_id="r", project="old", entity="team")

    def info() -> Any:
        return ask(api, RUN_INFO, name="r")["project"]["run"]["runInfo"]

    assert info() is None
    path = tmp_path / "wandb-metadata.json"
    said = {"program": "train.py", "args": ["--lr", "1"], "os": "Linux", "cpu_count": 4}
    path.write_text(json.dumps(said | {"codePath": "x", "git": {"commit": "abc"}}))
    run.upload_file(path, tmp_path)
    found = info()
    assert (found["program"], found["args"], found["cpuCount"]) == ("train.py", ["--lr", "1"], 4)
    assert (found["codeSaved"], found["gpu"]) == (True, None)
    assert found["git"] == {"remote": None, "commit": "abc"}
    for text in ("[1]", "not JSON"):
        path.write_text(text)
        run.upload_file(path, tmp_path)
        assert info() is None


UPSERT = """mutation UpsertBucket($name: String!) {
    upsertBucket(input: {name: $name, modelName: "old", entityName: "team"}) {
        bucket { id name }
        serverSettings { serverMessages { utfText plainText htmlText messageType messageLevel } }
    }
}"""


def test_a_server_without_messages_sends_none(api: Api) -> None:
    answer = ask(api, UPSERT, name="r")["upsertBucket"]
    assert answer["serverSettings"] == {"serverMessages": []}


FILES = """query RunFiles {
    project(name: "old", entityName: "team") { run(name: "r") { files { uploadHeaders edges {
        node { name } } } } }
}"""

TYPES = """query Types($name: String!) {
    project(name: "old", entityName: "team") {
        artifact(name: $name, enableTracking: true) { id }
        artifactType(name: "model") {
            artifactSequence(name: $name) { __typename } artifact(name: $name) { id }
        }
    }
    serverInfo { cliVersionInfo }
}"""


def test_lists_of_files_name_no_headers_for_uploads(api: Api) -> None:
    api.create_run(run_id="r", project="old", entity="team")
    files = ask(api, FILES)["project"]["run"]["files"]
    assert files == {"uploadHeaders": [], "edges": []}


def test_artifacts_are_found_under_older_names(api: Api) -> None:
    api.create_project("old", "team")
    answer = ask(api, TYPES, name="none:v0")
    assert answer["project"] == {"artifact": None, "artifactType": None}
    assert answer["serverInfo"]["cliVersionInfo"]["max_cli_version"] == "0.31.0"


def test_the_schema_can_be_asked_for_its_types(api: Api) -> None:
    answer = ask(api, 'query Probe { __type(name: "UpsertBucketInput") { inputFields { name } } }')
    assert {"name": "modelName"} in answer["__type"]["inputFields"]


@pytest.mark.parametrize(
    ("state", "moves", "allowed"),
    [
        ("running", ["pending"], True),
        ("running", ["failed", "pending", "failed"], True),
        ("pending", ["pending"], False),
        ("running", ["failed", "failed"], False),
    ],
)
def test_a_state_leads_only_to_some_others(
    api: Api, state: Any, moves: list[str], allowed: bool
) -> None:
    run = type(api.create_run(project="old", entity="team")).create(api, "r", "old", "team", state)
    for move in moves[:-1]:
        assert run.update_state(move)
    if allowed:
        assert run.update_state(moves[-1])
        assert run.load(force=True)["state"] == moves[-1]
    else:
        with pytest.raises(GraphQLError, match="cannot be set"):
            run.update_state(moves[-1])


def test_a_finished_run_fails_no_more(raw: Raw, api: Api) -> None:
    run = api.create_run(run_id="r", project=raw.project, entity="team")
    raw.log("r", [], complete=True, exitcode=0)
    for state in ("pending", "failed"):
        with pytest.raises(GraphQLError, match="is finished"):
            run.update_state(state)


def test_creating_a_run_that_has_ended_does_not_start_it(raw: Raw, api: Api) -> None:
    first = api.create_run(run_id="r", project=raw.project, entity="team")
    raw.log("r", [], complete=True, exitcode=0)
    again = api.create_run(run_id="r", project=raw.project, entity="team")
    assert (again.storage_id, again.state) == (first.storage_id, "finished")


def test_the_state_of_a_sweeps_run_is_the_sweeps(raw: Raw, api: Api) -> None:
    raw.upsert("r", sweep="s1")
    with pytest.raises(GraphQLError, match="belongs to a sweep"):
        api.run(f"team/{raw.project}/r").update_state("failed")
