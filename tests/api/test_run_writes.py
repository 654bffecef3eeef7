"""Writes of runs and projects: all of it or none, and refused before a request where they must."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wbexport.api.client import Api
from wbexport.api.filestream import FileStream
from wbexport.api.run import Run
from wbexport.errors import (
    GraphQLError,
    InputError,
    NotFoundError,
    PathError,
    RequestError,
)
from wbexport.paths import RunPath
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.app import Application


@pytest.fixture
def run(api: Api) -> Run:
    return api.create_run(run_id="r1", project="vision", entity="team")


def fresh(api: Api) -> Run:
    api.flush()
    return api.run("team/vision/r1")


def test_a_created_run_is_complete_and_running(api: Api, run: Run) -> None:
    assert (run.path, run.state, run.config, dict(run.summary), run.tags) == (
        ["team", "vision", "r1"],
        "running",
        {},
        {},
        [],
    )
    assert fresh(api).storage_id == run.storage_id


def test_a_run_without_an_id_gets_one_of_eight_letters(api: Api) -> None:
    first, second = (api.create_run(project="vision", entity="team") for _ in range(2))
    assert first.id != second.id
    assert len(first.id) == 8
    assert first.id.isalnum()


def test_a_run_may_be_created_to_be_started_later(api: Api) -> None:
    run = Run.create(api, "later", "vision", "team", state="pending")
    assert api.run("team/vision/later").state == run.state == "pending"


def test_names_left_out_come_from_the_settings_and_the_server(api: Api, run: Run) -> None:
    made = api.create_run()
    assert made.path[:2] == ["team", "uncategorized"]


@pytest.mark.parametrize("run_id", ["", "a/b", "a:b", "..", " a", "a\n", "x" * 129, "50%"])
def test_an_id_that_could_not_stand_in_a_path_is_refused(api: Api, run_id: str) -> None:
    with pytest.raises(PathError, match="id"):
        api.create_run(run_id=run_id, project="vision", entity="team")
    assert api.client.session.stats.requests == 0


def test_a_run_cannot_start_as_finished(api: Api) -> None:
    with pytest.raises(InputError, match="finished"):
        Run.create(api, "r2", "vision", "team", state="finished")  # type: ignore[arg-type]


def test_everything_that_was_set_is_sent_by_one_update(api: Api, run: Run) -> None:
    run.name, run.notes, run.description = "Best", "a note", "what it is"
    run.tags, run.group, run.job_type = ["a", "b"], "g", "eval"
    run.config["lr"] = 0.5
    run.config["nest"] = {"deep": [1, 2], "nan": math.nan}
    run.summary["loss"] = math.nan
    run.summary["nest"] = {"a": {"b": 1}, "inf": -math.inf}
    before = api.client.session.stats.requests
    run.update()
    assert api.client.session.stats.requests == before + 1
    seen = fresh(api)
    assert (seen.name, seen.notes, seen.description) == ("Best", "a note", "what it is")
    assert (seen.tags, seen.group, seen.job_type) == (["a", "b"], "g", "eval")
    assert seen.config["nest"]["deep"] == [1, 2]
    assert math.isnan(seen.config["nest"]["nan"])
    assert math.isnan(seen.summary["loss"])
    assert seen.summary["nest"]["a"]["b"] == 1
    assert seen.summary["nest"]["inf"] == -math.inf


def test_saving_is_updating(api: Api, run: Run) -> None:
    run.tags.append("late")
    run.save()
    assert fresh(api).tags == ["late"]


def test_a_config_is_replaced_as_a_whole(api: Api, run: Run) -> None:
    run.config = {"a": 1}
    run.update()
    run.config = {"b": 2}
    run.update()
    assert fresh(api).config == {"b": 2}


def test_what_was_set_on_a_listed_run_is_sent_though_the_rest_comes_later(
    api: Api, run: Run
) -> None:
    run.config = {"lr": 1}
    run.update()
    for listed in (api.runs("team/vision")[0], Run(api.client, "team", "vision", "r1", lazy=True)):
        assert not listed.is_full
        listed.tags = ["kept"]
        listed.name = "Mine"
        listed.update()
        seen = fresh(api)
        assert (seen.tags, seen.name, seen.config) == (["kept"], "Mine", {"lr": 1})
        run.tags, run.name = [], "Other"
        run.update()


def test_empty_text_and_lists_clear_and_none_leaves(api: Api, run: Run) -> None:
    run.notes, run.description, run.tags = "note", "text", ["a"]
    run.update()
    run.notes, run.description, run.tags = "", None, []
    run.update()
    seen = fresh(api)
    assert (seen.notes, seen.description, seen.tags) == ("", "text", [])


def test_setting_a_summary_value_sends_nothing_until_it_is_updated(api: Api, run: Run) -> None:
    run.summary["a"] = 1
    assert dict(fresh(api).summary) == {}
    run.summary.update({"b": {"c": 2}})
    run.summary["b"].update({"d": 3})
    run.summary.update({"a": 9, "e": 5}, overwrite=False)
    del run.summary["e"]
    run.summary.update()
    assert fresh(api).summary_metrics == {"a": 1, "b": {"c": 2, "d": 3}}


def test_a_summary_update_leaves_everything_else_alone(api: Api, run: Run) -> None:
    run.tags = ["only here"]
    run.summary.update({"a": 1})
    assert fresh(api).tags == []


def test_values_of_other_libraries_are_sent_as_plain_ones(api: Api, run: Run) -> None:
    run.config = {"lr": np.float32(0.5), "shape": (1, 2), "kinds": {"b", "a"}}
    run.summary.update({"n": np.int64(3), "row": np.arange(3), "nan": np.float64("nan")})
    run.update()
    seen = fresh(api)
    assert seen.config == {"lr": 0.5, "shape": [1, 2], "kinds": ["a", "b"]}
    assert (seen.summary["n"], seen.summary["row"]) == (3, [0, 1, 2])
    assert math.isnan(seen.summary["nan"])


def loop() -> dict[str, Any]:
    ring: dict[str, Any] = {}
    ring["self"] = ring
    return ring


@pytest.mark.parametrize("value", [object(), b"bytes", loop()])
def test_a_value_that_json_cannot_hold_stops_the_update_before_a_request(
    api: Api, run: Run, value: Any
) -> None:
    before = api.client.session.stats.requests
    run.summary["odd"] = value
    with pytest.raises(InputError, match="summary"):
        run.update()
    with pytest.raises(InputError, match="summary"):
        run.summary.update()
    assert api.client.session.stats.requests == before


def test_a_config_must_be_a_dict(run: Run) -> None:
    with pytest.raises(InputError, match="not 5"):
        run.config = 5  # type: ignore[assignment]


@pytest.mark.parametrize("tags", ["text", None, [1], ("a",)])
def test_tags_must_be_a_list_of_texts(api: Api, run: Run, tags: Any) -> None:
    run.tags = tags
    with pytest.raises(InputError, match="tags"):
        run.update()


def test_a_stopped_run_is_asked_to_stop(api: Api, run: Run) -> None:
    run.stop()
    assert api.client.execute("RunHeaders", {"entity": "team", "project": "vision", "perPage": 5})[
        "project"
    ]["runs"]["edges"][0]["node"]["shouldStop"]


def test_a_deleted_run_is_gone_and_cannot_be_changed(api: Api, run: Run) -> None:
    run.delete(delete_artifacts=True)
    with pytest.raises(NotFoundError):
        fresh(api)
    for change in (run.update, run.stop, run.delete, run.summary.update):
        with pytest.raises(GraphQLError, match="no run"):
            change()


def test_a_state_that_may_be_set_is_set(api: Api, run: Run) -> None:
    assert run.update_state("failed") is True
    assert (run.state, fresh(api).state) == ("failed", "failed")
    assert run.update_state("pending") is True
    assert fresh(api).state == "pending"


@pytest.mark.parametrize("state", ["finished", "crashed", "", "FAILED"])
def test_other_states_are_refused_before_a_request(api: Api, run: Run, state: str) -> None:
    before = api.client.session.stats.requests
    with pytest.raises(InputError, match="pending"):
        run.update_state(state)
    assert api.client.session.stats.requests == before


def test_a_project_is_created_once(api: Api) -> None:
    api.create_project("new", "team")
    api.create_project("new", "team")
    assert [project.name for project in api.projects("team")] == ["new"]


@pytest.mark.parametrize(("name", "entity"), [("", "team"), ("a/b", "team"), ("..", "team")])
def test_a_project_name_that_could_not_stand_in_a_path_is_refused(
    api: Api, name: str, entity: str
) -> None:
    with pytest.raises(PathError):
        api.create_project(name, entity)


@pytest.fixture
def reader(api: Api, run: Run, app: Application) -> Api:
    return Api(settings=replace(api.settings, read_only=True), transport=wsgi_transport(app))


WRITES: dict[str, Callable[[Api, Run], object]] = {
    "create_project": lambda api, _: api.create_project("p", "team"),
    "create_run": lambda api, _: api.create_run(project="vision", entity="team"),
    "update": lambda _, run: run.update(),
    "summary": lambda _, run: run.summary.update({"a": 1}),
    "delete": lambda _, run: run.delete(),
    "stop": lambda _, run: run.stop(),
    "update_state": lambda _, run: run.update_state("failed"),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_read_only_api_refuses_to_write_before_a_request(reader: Api, name: str) -> None:
    run = reader.run("team/vision/r1")
    before = reader.client.session.stats.requests
    with pytest.raises(InputError, match="read-only"):
        WRITES[name](reader, run)
    assert reader.client.session.stats.requests == before


def test_a_read_only_api_posts_no_metrics(reader: Api) -> None:
    stream = FileStream(reader.client, RunPath("team", "vision", "r1"))
    for write in (lambda: stream.log([{"a": 1}]), lambda: stream.finish({})):
        with pytest.raises(InputError, match="read-only"):
            write()
    assert reader.client.session.stats.requests == 0


def test_metrics_of_a_run_that_is_not_there_are_an_error(api: Api) -> None:
    stream = FileStream(api.client, RunPath("team", "vision", "none"))
    with pytest.raises(NotFoundError, match="team/vision/none"):
        stream.log([{"a": 1}])


def test_a_row_too_large_for_a_server_is_refused_before_a_request(api: Api, run: Run) -> None:
    before = api.client.session.stats.requests
    stream = FileStream(api.client, run.run_path)
    with pytest.raises(InputError, match="too large"):
        stream.log([{"text": "x" * (5 << 20)}])
    assert api.client.session.stats.requests == before


def test_names_that_need_quoting_in_a_url_are_quoted(api: Api) -> None:
    run = api.create_run(run_id="a b+é", project="vi sion#1", entity="team")
    stream = FileStream(api.client, run.run_path)
    stream.log([{"_step": 0, "a": 1}])
    stream.finish({"a": 1})
    run.load(force=True)
    assert (run.state, list(run.scan_history())) == ("finished", [{"_step": 0, "a": 1}])


def test_a_mutation_whose_answer_was_lost_is_not_sent_again(app: Application, api: Api) -> None:
    sent = []

    def failing(environ: Any, start_response: Any) -> Any:
        sent.append(environ["PATH_INFO"])
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return [b""]

    broken = Api(settings=api.settings, transport=wsgi_transport(failing))
    with pytest.raises(RequestError):
        broken.create_run(run_id="r9", project="vision", entity="team")
    assert sent == ["/graphql"]
