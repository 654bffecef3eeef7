"""Api: opens things by their paths, asks nothing before it must, and keeps no secret in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.stub import BASE, Stub, connection, run_node
from wbexport.api.client import Api
from wbexport.api.projects import Project
from wbexport.errors import AuthError, InputError, NotFoundError, PathError, SettingsError
from wbexport.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[Stub], Api]

VIEWER = {
    "id": "u",
    "name": "Ada",
    "username": "ada",
    "email": "ada@example.org",
    "admin": False,
    "entity": "team",
    "teams": {"edges": [{"node": {"name": "team"}}, {"node": {"name": "other"}}]},
}


def project_node(name: str) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "entityName": "team",
        "createdAt": "2026-01-01T00:00:00Z",
        "isBenchmark": False,
        "user": VIEWER,
    }


@pytest.fixture
def stub() -> Stub:
    names = [f"p{i}" for i in range(5)]

    def project(v: dict[str, Any]) -> Any:
        return {"project": project_node(v["name"]) if v["name"] in names else None}

    return Stub(
        {
            "Viewer": lambda _: {"viewer": VIEWER},
            "DefaultEntity": lambda _: {"viewer": VIEWER},
            "Project": project,
            "Projects": lambda v: {"models": connection([project_node(n) for n in names], v)},
            "Run": lambda v: {"project": {"run": run_node(int(v["name"][-1]))}},
            "Runs": lambda v: {
                "project": {"id": "p", "runCount": 1, "runs": connection([run_node(0)], v)}
            },
        }
    )


def test_making_an_api_asks_nothing(stub: Stub, connect: Connect) -> None:
    connect(stub).runs("team/p0")
    assert stub.asked == []


def test_the_viewer_is_asked_for_once(stub: Stub, connect: Connect) -> None:
    api = connect(stub)
    assert (api.viewer.username, api.viewer.email, api.viewer.admin) == (
        "ada",
        "ada@example.org",
        False,
    )
    assert api.viewer.teams == ["team", "other"]
    assert api.default_entity == "team"
    assert repr(api.viewer) == "<User ada@example.org>"
    assert len(stub.asked) == 1


def test_users_are_found_by_a_part_of_their_name(stub: Stub, connect: Connect) -> None:
    edges = [{"node": VIEWER}, {"node": VIEWER | {"username": "adam"}}]
    stub.operations["Users"] = lambda v: {"users": {"edges": edges if v["query"] == "ada" else []}}
    api = connect(stub)
    assert [user.username for user in api.users("ada")] == ["ada", "adam"]
    with pytest.warns(UserWarning, match="2 users fit 'ada'"):
        found = api.user("ada")
    assert found is not None
    assert found.username == "ada"
    assert api.user("nobody") is None


def test_an_unknown_key_says_where_to_get_another(connect: Connect) -> None:
    with pytest.raises(AuthError, match="authorize"):
        _ = connect(Stub({"Viewer": lambda _: {"viewer": None}})).viewer


@pytest.mark.parametrize(
    "path",
    [
        "p0/run-3",
        "team/p0/run-3",
        "team/p0:run-3",
        "/team/p0/runs/run-3",
        f"{BASE}/team/p0/runs/run-3",
    ],
)
def test_a_run_is_found_by_every_form_of_its_path(stub: Stub, connect: Connect, path: str) -> None:
    assert connect(stub).run(path).path == ["team", "p0", "run-3"]


def test_the_same_run_and_listing_come_back_until_they_are_flushed(
    stub: Stub, connect: Connect
) -> None:
    api = connect(stub)
    run, runs = api.run("team/p0/run-3"), api.runs("team/p0", {"state": "finished"})
    assert api.run("p0/run-3") is run
    assert api.runs("team/p0", {"state": "finished"}) is runs
    assert api.runs("team/p0") is not runs
    api.flush()
    assert api.run("team/p0/run-3") is not run


def test_from_path_tells_projects_from_runs(stub: Stub, connect: Connect) -> None:
    api = connect(stub)
    assert [repr(api.from_path(p)) for p in ("p0", "x/p0")] == [
        "<Project team/p0>",
        "<Project x/p0>",
    ]
    for path in ("team/p0/run-3", "team/p0/runs/run-3"):
        assert api.from_path(path) is api.run(path)
    with pytest.raises(PathError, match="entity/project"):
        api.from_path("team/p0/nonsense/x")


def test_a_project_is_fetched_when_it_is_looked_at(stub: Stub, connect: Connect) -> None:
    project = connect(stub).project("p1", entity="team")
    assert (project.name, project.path, project.url) == (
        "p1",
        ["team", "p1"],
        f"{BASE}/team/p1/workspace",
    )
    assert stub.asked == []
    assert (project.id, project.is_benchmark, project.created_at) == (
        "id-p1",
        False,
        "2026-01-01T00:00:00Z",
    )
    assert project.owner.username == "ada"
    assert len(stub.asked) == 1


def test_a_missing_project_names_itself_and_the_next_step(stub: Stub, connect: Connect) -> None:
    with pytest.raises(NotFoundError, match=r"team/nope.*may not see"):
        _ = connect(stub).project("nope", "team").id


def test_projects_are_listed_in_pages_and_not_counted(stub: Stub, connect: Connect) -> None:
    projects = connect(stub).projects("team", per_page=2)
    assert [project.name for project in projects] == [f"p{i}" for i in range(5)]
    assert projects.length is None
    assert not hasattr(type(projects), "__len__")
    assert isinstance(projects[0], Project)
    assert stub.count("Projects") == 3


def test_no_entity_at_all_is_an_input_error(connect: Connect) -> None:
    api = connect(Stub({"DefaultEntity": lambda _: {"viewer": {"entity": None}}}))
    for ask in (lambda: api.projects(), lambda: api.project("p"), lambda: api.runs("p")):
        with pytest.raises(InputError, match="WANDB_ENTITY"):
            ask()


def test_without_a_key_an_api_fails_at_once_and_says_where_keys_are_looked_for() -> None:
    with pytest.raises(SettingsError, match="WANDB_API_KEY"):
        Api(settings=Settings())


def test_settings_and_their_parts_do_not_mix() -> None:
    with pytest.raises(InputError, match="not both"):
        Api({"entity": "x"}, settings=Settings())


def test_the_key_is_in_no_representation(stub: Stub, connect: Connect) -> None:
    api = connect(stub)
    shown = [api, api.client, api.settings, api.viewer, api.run("team/p0/run-0"), vars(api)]
    assert "canary" not in repr(shown)


@pytest.mark.parametrize(
    "name", ["CREATE_PROJECT", "DEFAULT_ENTITY_QUERY", "USERS_QUERY", "VIEWER_QUERY"]
)
def test_class_variables_hold_the_text_of_documents(name: str) -> None:
    assert getattr(Api, name).startswith(("query ", "mutation "))
