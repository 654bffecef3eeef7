"""Reports as the client sees them: both layouts, run sets, addresses, and paths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.stub import Stub
from wbexport.api.projects import Project
from wbexport.api.reports import BetaReport, Reports
from wbexport.errors import GraphQLError, InputError, NotFoundError, PathError, QueryError

if TYPE_CHECKING:
    from tests.api.conftest import Connect
    from wbexport.api.client import Api

SAVE = """mutation V($input: UpsertViewInput!) {
    upsertView(input: $input) { view { id name type spec project { name } } inserted } }"""
RUN = "mutation B($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }"

KEY = {"section": "summary", "name": "loss"}


def save(api: Api, spec: Any = None, **given: Any) -> dict[str, Any]:
    names = {"entityName": "team", "projectName": "vision", "displayName": "A title"}
    given = names | {"spec": json.dumps(spec or {})} | given
    answer: dict[str, Any] = api.client.execute_text(SAVE, {"input": given})["upsertView"]
    return answer


def run_set(**given: Any) -> dict[str, Any]:
    return {
        "filters": {"op": "OR", "filters": [{"op": "AND", "filters": []}]},
        "sort": {"keys": [{"key": KEY, "ascending": False}]},
        "selections": {"root": 1, "bounds": [], "tree": []},
    } | given


@pytest.fixture
def runs(api: Api) -> Api:
    for number, project in enumerate(["vision", "vision", "other"]):
        given = {"entityName": "team", "modelName": project, "name": f"r{number}"}
        given["summaryMetrics"] = json.dumps({"loss": number})
        api.client.execute_text(RUN, {"input": given})
    return api


def test_a_report_is_saved_changed_and_deleted(api: Api) -> None:
    made = save(api, {"width": "fluid"})
    view = made["view"]
    assert (made["inserted"], view["type"], view["project"]) == (True, "runs", {"name": "vision"})
    changed = save(api, {"width": "fixed"}, id=view["id"], displayName="Another")
    assert (changed["inserted"], changed["view"]["name"]) == (False, view["name"])
    (report,) = api.reports("team/vision")
    assert (report.display_name, report.spec) == ("Another", {"width": "fixed"})
    text = "mutation D($id: ID!) { deleteView(input: {id: $id, deleteDrafts: true}) { success } }"
    assert api.client.execute_text(text, {"id": view["id"]}) == {"deleteView": {"success": True}}
    api.flush()
    assert len(api.reports("team/vision")) == 0


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"spec": "[1"}, "must be a JSON object"),
        ({"spec": "[1]"}, "must be a JSON object"),
        ({"id": "Vmlldzpub3BlCg=="}, "no report with id"),
    ],
)
def test_a_report_that_cannot_be_saved_is_refused(
    api: Api, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(GraphQLError, match=problem):
        save(api, **given)


def test_drafts_and_other_views_are_not_among_the_reports(api: Api) -> None:
    for kind in ("runs", "runs/draft", "project-view"):
        save(api, name=kind, type=kind)
    assert [report.name for report in api.reports("team/vision")] == ["runs"]
    assert [report.name for report in api.reports("team/vision", "runs%2Fdraft")] == []


@pytest.mark.parametrize("layout", ["older", "newer"])
def test_a_section_gives_the_runs_of_its_open_run_set(runs: Api, layout: str) -> None:
    section = {
        "openRunSet": 1,
        "runSets": [{}, run_set(), run_set(project={"entityName": "team", "name": "other"})],
    }
    blocks = [{"type": "paragraph"}, {"type": "panel-grid", "metadata": section}]
    save(runs, {"panelGroups": [section]} if layout == "older" else {"blocks": blocks})
    report = runs.reports("team/vision")[0]
    assert report.sections == [section]
    assert [run.id for run in report.runs(section)] == ["r1", "r0"]
    assert [run.id for run in report.runs(section | {"openRunSet": 2})] == ["r2"]
    assert len(list(report.runs(section | {"openRunSet": None}))) == 2
    eyes = run_set(selections={"root": 1, "tree": ["r1"]})
    assert [run.id for run in report.runs({"runSets": [eyes]})] == ["r0"]
    assert [run.id for run in report.runs({"runSets": [eyes]}, 1, False)] == ["r1", "r0"]


def test_a_section_that_is_no_use_is_an_error(runs: Api) -> None:
    report = BetaReport(runs.client, {"id": "a", "spec": "{}"}, "team", "vision")
    assert report.sections == []
    for section in ({}, {"runSets": []}, {"runSets": [run_set()], "openRunSet": 1}):
        with pytest.raises(InputError, match="run sets"):
            report.runs(section)
    with pytest.raises(QueryError, match="not known"):
        report.runs({"runSets": [run_set(filters={"key": {"section": "x", "name": "y"}})]})
    with pytest.raises(InputError, match="names no project"):
        BetaReport(runs.client, {"id": "a", "spec": {}}).runs({"runSets": [run_set()]})


def test_a_report_from_a_path_fetches_what_it_shows_when_it_is_looked_at(api: Api) -> None:
    view = save(api, {"width": "fluid"})["view"]
    (listed,) = api.reports("team/vision")
    assert listed.url is not None
    path = listed.url.removeprefix("http://127.0.0.1/")
    report = api.from_path(path)
    assert isinstance(report, BetaReport)
    assert (report.display_name, report.url) == ("A title", listed.url)
    assert (report.spec, report.name) == ({"width": "fluid"}, view["name"])
    gone = api.from_path("team/vision/reports/Gone--Vmlldzpub3BlCg")
    assert isinstance(gone, BetaReport)
    with pytest.raises(NotFoundError, match="Could not find report Vmlldzpub3BlCg of team/vision"):
        _ = gone.spec


def test_paths_open_what_they_name(api: Api) -> None:
    save(api)
    assert isinstance(api.from_path("team/vision"), Project)
    for path in ("team/vision/things/x", "a/b/c/d/e", "team/vision/reports/No-id",
                 "team/vision/reports/Title--"):  # fmt: skip
        with pytest.raises(PathError, match="reports"):
            api.from_path(path)
    with pytest.raises(NotFoundError, match="sweep team/vision/nope"):
        api.from_path("team/vision/sweeps/nope")
    with pytest.raises(NotFoundError, match="run team/vision/nope"):
        api.from_path("team/vision/runs/nope")


def test_an_address_needs_all_its_parts_and_hides_hostile_ones(api: Api) -> None:
    report = BetaReport(api.client, {"id": "a=="}, "team", "vision")
    assert report.url is None
    assert "not known" in report.to_html() == report._repr_html_()
    report = BetaReport(
        api.client, {"id": "a==", "displayName": "<i>é -- /x?</i>"}, "team", "vision"
    )
    assert report.url == "http://127.0.0.1/team/vision/reports/i-%C3%A9-x-i--a"
    assert "<i>" not in report.to_html(hidden=True)
    assert repr(report) == "<BetaReport team/vision/a==>"


def test_a_listing_counts_what_it_has_loaded(api: Api) -> None:
    for number in range(3):
        save(api, name=f"n{number}")
    reports = api.reports("team/vision", per_page=2)
    assert (len(reports), reports.more) == (2, True)
    assert len(list(reports)) == len(reports) == 3
    assert repr(reports) == "<Reports team/vision>"
    with pytest.raises(NotFoundError, match="Could not find project team/nope"):
        len(api.reports("team/nope"))


def test_a_broken_spec_reads_as_an_empty_one_without_hiding_the_report(connect: Connect) -> None:
    view = {"id": "a", "name": "n", "displayName": "t", "spec": None}
    views = {"edges": [{"node": view, "cursor": "c"}], "pageInfo": {"hasNextPage": False}}
    api = connect(Stub({"Reports": lambda _: {"project": {"allViews": views}}}))
    (report,) = Reports(api.client, api.project("vision", "team"))
    assert (report.spec, report.sections, report.user) == ({}, [], None)
