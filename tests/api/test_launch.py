"""Run queues, queued runs and jobs of a server in this process."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.api.stub import Stub, StubError
from wbexport.api.launch import RunQueue
from wbexport.errors import GraphQLError, InputError, NotFoundError, ResponseError
from wbexport.server import queues
from wbexport.store.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Connect
    from wbexport.api.client import Api
    from wbexport.api.jobs import Job
    from wbexport.server.serve import LocalServer
    from wbexport.store.database import Store

NUMBER, TEXT = {"wb_type": "number"}, {"wb_type": "string"}
OPTIONAL = {"wb_type": "union", "params": {"allowed_types": [{"wb_type": "none"}, TEXT]}}
INPUTS = {
    "wb_type": "typedDict",
    "params": {
        "type_map": {
            "lr": NUMBER,
            "name": OPTIONAL,
            "sizes": {"wb_type": "list", "params": {"element_type": NUMBER}},
            "fast": {"wb_type": "boolean"},
            "other": {"wb_type": "unknown"},
        }
    },
}
CONFIG: dict[str, Any] = {"lr": 1, "name": None, "sizes": [1, 2.5], "fast": True, "other": [{}]}
JOB = {
    "source_type": "repo",
    "source": {"entrypoint": ["python", "train.py"]},
    "input_types": INPUTS,
}


@pytest.fixture
def queue(api: Api) -> RunQueue:
    return api.create_run_queue("gpus", "kubernetes", "local", "V0", {"image": "{{image}}"}, IMAGE)


IMAGE = {"image": {"schema": {"type": "string", "enum": ["a", "b"], "default": "a"}}}


def change(api: Api, field: str, kind: str, **given: Any) -> Any:
    """Do what an agent does."""
    selected = "runQueueItemId runSpec" if field == "popFromRunQueue" else "success"
    text = f"mutation M($input: {kind}!) {{ done: {field}(input: $input) {{ {selected} }} }}"
    return api.client.execute_text(text, {"input": given})["done"]


def pop(api: Api) -> Any:
    place = {"entityName": "local", "projectName": "model-registry", "queueName": "gpus"}
    return change(api, "popFromRunQueue", "PopFromRunQueueInput", **place)


@pytest.fixture
def log_job(api: Api, tmp_path: Path) -> Callable[..., Job]:
    """Log a job that says of itself what is given, and open it."""

    def log(info: object = JOB, name: str = "job-train", file: str = "wandb-job.json") -> Job:
        path = tmp_path / file
        path.write_text(info if isinstance(info, str) else json.dumps(info))
        made = wbexport.Artifact(name, "program")
        # The type is for W&B's own programs alone.
        made._type = "job"
        made.add_file(path)
        api.create_run(run_id="one", project="vision").log_artifact(made)
        return api.job(f"local/vision/{name}:latest", path=str(tmp_path / "jobs" / name))

    return log


def test_a_queue_is_fetched_when_it_is_looked_at(api: Api, queue: RunQueue) -> None:
    assert repr(queue) == "<RunQueue local/gpus>"
    assert (queue.access, queue.prioritization_mode, queue.type) == ("PROJECT", "V0", "kubernetes")
    assert queue.default_resource_config == {
        "resource_args": {"kubernetes": {"image": "{{image}}"}}
    }
    (variable,) = queue.template_variables
    assert (variable["name"], json.loads(variable["schema"])) == ("image", IMAGE["image"]["schema"])
    assert queue.external_links is None
    assert queue.items == []
    queue.delete()
    for read in (lambda: queue.id, lambda: queue.type, lambda: queue.items, queue.delete):
        with pytest.raises(NotFoundError, match="local/gpus"):
            read()


def test_what_the_server_finds_odd_in_a_queue_is_a_warning(api: Api) -> None:
    with pytest.warns(UserWarning, match="'?where"):
        api.upsert_run_queue("cloud", {"region": "{{where}}"}, "sagemaker", "local")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        queue = api.upsert_run_queue(
            "cloud", {"region": "eu"}, "sagemaker", "local", external_links={"docs": "https://a.b"}
        )
    assert queue.external_links == {"links": [{"label": "docs", "url": "https://a.b"}]}
    assert queue.prioritization_mode == "DISABLED"


WRONG: dict[str, Callable[[Api], object]] = {
    "no name": lambda api: api.create_run_queue("", "kubernetes"),
    "a long name": lambda api: api.create_run_queue("x" * 65, "kubernetes"),
    "no text": lambda api: api.create_run_queue(3, "kubernetes"),  # type: ignore[arg-type]
    "an unknown resource": lambda api: api.create_run_queue("q", "abacus"),  # type: ignore[arg-type]
    "an unknown mode": lambda api: api.create_run_queue(
        "q",
        "kubernetes",
        prioritization_mode="V1",  # type: ignore[arg-type]
    ),
    "a mode that is none": lambda api: api.create_run_queue(
        "q", "kubernetes", prioritization_mode="DISABLED"
    ),
    "an unknown mode of an upsert": lambda api: api.upsert_run_queue(
        "q",
        {},
        "kubernetes",
        prioritization_mode="V1",  # type: ignore[arg-type]
    ),
    "a config that is no JSON": lambda api: api.create_run_queue(
        "q", "kubernetes", config={"a": object()}
    ),
    "a config that is no dict": lambda api: api.create_run_queue(
        "q",
        "kubernetes",
        config=5,  # type: ignore[arg-type]
    ),
    "links that are no dict": lambda api: api.upsert_run_queue(
        "q",
        {},
        "kubernetes",
        external_links=["https://example.org"],  # type: ignore[arg-type]
    ),
    "a job without a name": lambda api: api.job(None),
    "a job without a project": lambda api: api.job("job-train:latest"),
    "a job without a version": lambda api: api.job("local/vision/job-train"),
    "jobs of nobody": lambda api: api.list_jobs("", "vision"),
    "jobs of no project": lambda api: api.list_jobs("local", None),  # type: ignore[arg-type]
}


def test_what_cannot_be_right_is_refused_before_a_request(api: Api) -> None:
    for name, call in WRONG.items():
        with pytest.raises(InputError):
            print(name, call(api))


BAD_TEMPLATES = {
    "no schema": {"a": {}},
    "an unknown type": {"a": {"schema": {"type": "colour"}}},
    "an enum that is no list": {"a": {"schema": {"type": "string", "enum": "ab"}}},
    "a default of another type": {"a": {"schema": {"type": "integer", "default": "x"}}},
    "a default outside": {"a": {"schema": {"type": "integer", "default": 1, "minimum": 2}}},
    "a default not in the enum": {"a": {"schema": {"type": "string", "default": "x", "enum": []}}},
}


def test_a_template_variable_has_a_schema_that_its_default_fits(api: Api) -> None:
    for name, variables in BAD_TEMPLATES.items():
        with pytest.raises(GraphQLError, match="template variable"):
            print(name, api.create_run_queue("q", "kubernetes", template_variables=variables))
    with pytest.raises(NotFoundError):
        api.run_queue("local", "q").id  # noqa: B018


def test_a_queue_has_its_name_alone(api: Api, queue: RunQueue) -> None:
    with pytest.raises(GraphQLError, match="already"):
        api.create_run_queue("gpus", "kubernetes", "local")


def test_a_run_goes_through_a_queue(api: Api, queue: RunQueue, log_job: Callable[..., Job]) -> None:
    job = log_job()
    assert (job.name, job.source_type) == ("local/vision/job-train:latest", "repo")
    late = job.call(CONFIG, queue="gpus")
    soon = job.call(CONFIG, queue="gpus", template_variables={"image": "b"}, priority=0)
    assert [soon.state, late.state] == ["pending", "pending"]
    assert [item.id for item in queue.items] == [late.id, soon.id]

    taken = pop(api)
    assert taken["runQueueItemId"] == soon.id
    spec = taken["runSpec"]
    assert spec["resource_args"] == {"kubernetes": {"image": "b"}}
    assert spec["overrides"] == {"run_config": CONFIG}
    assert (spec["job"], spec["entity"], spec["project"]) == (job.name, "local", "vision")
    assert soon.state == "leased"
    claim = {"runQueueItemId": soon.id, "runName": "two"}
    assert change(api, "ackRunQueueItem", "AckRunQueueItemInput", **claim)["success"]
    assert not change(api, "ackRunQueueItem", "AckRunQueueItemInput", **claim)["success"]
    assert soon.state == "claimed"
    run = api.create_run(run_id="two", project="vision")
    assert soon.wait_until_running().id == "two"
    run.update_state("pending")

    assert pop(api)["runSpec"]["resource_args"] == {"kubernetes": {"image": "a"}}
    assert pop(api) is None
    problem = {"runQueueItemId": late.id, "message": "no room", "stage": "start"}
    assert change(api, "updateRunQueueItemWarning", "FailRunQueueItemInput", **problem)["success"]
    assert late.state == "leased"
    assert change(api, "failRunQueueItem", "FailRunQueueItemInput", **problem)["success"]
    assert late.state == "failed"
    with pytest.raises(ResponseError, match="did not start"):
        late.wait_until_running()
    late.delete()
    for use in (lambda: late.state, late.delete, late.wait_until_running):
        with pytest.raises(NotFoundError, match=late.id):
            use()


def test_the_runs_of_a_queue_go_with_it(
    api: Api, queue: RunQueue, store: Store, log_job: Callable[..., Job]
) -> None:
    waiting = log_job().call(CONFIG, queue="gpus")
    queue.delete()
    with pytest.raises(NotFoundError, match="gpus"):
        waiting.state  # noqa: B018
    assert read_documents(store.cursor(), queues.ITEM) == []


def test_a_job_can_be_started_another_way(
    api: Api, queue: RunQueue, log_job: Callable[..., Job]
) -> None:
    job = log_job()
    assert job.entrypoint == ["python", "train.py"]
    job.set_entrypoint(["make"])
    assert job.entrypoint == ["make"]
    arguments = {"kubernetes": {"image": "mine"}}
    queued = job.call(CONFIG, "else", "local", "gpus", "kubernetes", arguments)
    spec = pop(api)["runSpec"]
    assert (spec["overrides"]["entry_point"], spec["resource_args"]) == (["make"], arguments)
    assert (queued.project, queued.priority, queued.project_queue) == (
        "else",
        None,
        "model-registry",
    )


def test_a_job_takes_the_configuration_that_it_recorded(
    queue: RunQueue, log_job: Callable[..., Job]
) -> None:
    job, partial = log_job(), log_job(JOB | {"_partial": True}, "job-partial")
    for changes, words in (
        ({"lr": "high"}, "lr must be a number"),
        ({"lr": True}, "lr must be a number"),
        ({"name": 3}, "name cannot be 3"),
        ({"sizes": [1, "x"]}, r"sizes\[1\] must be a number"),
        ({"fast": 1}, "fast must be a boolean"),
        ({"more": 1}, "no key 'more'"),
    ):
        with pytest.raises(InputError, match=words):
            job.call(CONFIG | changes, queue="gpus")
        assert partial.call(CONFIG | changes, queue="gpus").state == "pending"


def test_the_server_refuses_what_a_queue_does_not_take(
    api: Api, queue: RunQueue, log_job: Callable[..., Job]
) -> None:
    api.create_run_queue("plain", "local-process", "local")
    job = log_job()
    for arguments, words in (
        ({"queue": "nothing"}, "nothing"),
        ({}, "default"),
        ({"queue": "gpus", "template_variables": {"image": "c"}}, "one of"),
        ({"queue": "gpus", "template_variables": {"image": 1}}, "type string"),
        ({"queue": "gpus", "template_variables": {"colour": 1}}, "colour"),
        ({"queue": "gpus", "priority": 9}, "priority"),
        ({"queue": "plain", "priority": 1}, "priorities"),
        ({"queue": "plain", "template_variables": {"image": "a"}}, "image"),
    ):
        with pytest.raises(GraphQLError, match=words):
            job.call(CONFIG, **arguments)
    assert queue.items == []


def test_a_job_that_does_not_say_what_it_is_is_not_found(log_job: Callable[..., Job]) -> None:
    for info, file in (("{", "wandb-job.json"), ("[1]", "wandb-job.json"), (JOB, "other.json")):
        with pytest.raises(NotFoundError, match=r"wandb-job\.json"):
            log_job(info, f"job-{len(str(info))}", file)


def test_jobs_are_listed_by_their_versions(api: Api, log_job: Callable[..., Job]) -> None:
    assert api.list_jobs("local", "vision") == []
    log_job()
    log_job(JOB | {"more": 1})
    log_job(JOB, "job-eval")
    jobs = api.list_jobs("local", "vision")
    names = [[edge["node"]["artifactSequence"]["name"] for edge in job["edges"]] for job in jobs]
    assert sorted(names) == [["job-eval"], ["job-train", "job-train"]]
    assert api.list_jobs("local", "nothing") == []
    assert api.list_jobs("nobody", "vision") == []


def test_an_answer_without_success_is_an_error(connect: Connect) -> None:
    stub = Stub(
        {
            "CreateProject": lambda _: {"upsertModel": {}},
            "CreateDefaultResourceConfig": lambda _: {"result": {"success": False}},
            "UpsertRunQueue": lambda _: {"result": None},
        }
    )
    api = connect(stub)
    with pytest.raises(ResponseError, match="'q'"):
        api.create_run_queue("q", "kubernetes", "team")
    with pytest.raises(ResponseError, match="'q'"):
        api.upsert_run_queue("q", {}, "kubernetes", "team")


def test_an_older_server_that_gives_no_run_alone_is_asked_for_all(connect: Connect) -> None:
    def refuse(_: object) -> None:
        raise StubError('Cannot query field "runQueueItem" on type "RunQueue".')

    node = {"id": "a", "state": "LEASED", "associatedRunId": None}
    queue = {"id": "q", "runQueueItems": {"edges": [{"node": node}]}}
    stub = Stub(
        {
            "RunQueueItem": refuse,
            "RunQueueItems": lambda _: {"project": {"runQueue": queue}},
        }
    )
    api = connect(stub)
    assert api.queued_run("team", "vision", "gpus", "a").state == "leased"
    with pytest.raises(NotFoundError, match="gpus"):
        api.queued_run("team", "vision", "gpus", "b").state  # noqa: B018


def test_a_queue_is_created_on_the_server_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.token)
    queue = RunQueue.create("made", "local-process", config={"a": 1})
    assert queue.default_resource_config == {"resource_args": {"local-process": {"a": 1}}}
    assert queue.entity == "local"


def test_a_queue_of_a_project_of_its_own_can_be_named(api: Api) -> None:
    queued = api.queued_run("local", "vision", "q", "id", "queues", 3)
    assert (queued.project_queue, queued.priority, repr(queued)) == (
        "queues",
        3,
        "<QueuedRun q (id)>",
    )
    with pytest.raises(NotFoundError, match="local/q"):
        queued.state  # noqa: B018
