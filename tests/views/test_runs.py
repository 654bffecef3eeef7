"""Listings of a store mean what they mean in `wandb.Api`."""

from __future__ import annotations

import pytest

from tests.views.conftest import ROWS, fill
from wbexport.errors import InputError, NotFoundError, QueryError
from wbexport.views.runs import ArchiveRuns

NAMES = list(ROWS)


def ids(runs):
    return [run.id for run in runs]


@pytest.mark.parametrize("per_page", [1, 2, 50])
def test_a_listing_is_a_lazy_list(filled, per_page):
    runs = ArchiveRuns(filled, "team/vision", per_page=per_page)
    assert (runs[1].id, runs[-1].id, len(runs)) == ("b", "e", 5)
    assert ids(runs[1:3]) == ["b", "c"]
    assert ids(runs[-2:]) == ["d", "e"]
    assert ids(runs) == ids(runs) == NAMES
    with pytest.raises(IndexError):
        runs[5]


def test_filters_and_orders_mean_what_they_mean_in_wandb(filled):
    def listed(**options):
        return ids(ArchiveRuns(filled, "team/vision", **options))

    assert listed(filters={"config.lr": {"$lt": 0.15}}) == ["a", "b"]
    assert listed(filters={"tags": "even"}, order="-created_at") == ["e", "c", "a"]
    assert listed(order="+summary_metrics.loss") == NAMES[::-1]
    assert listed(order="") == NAMES


def test_a_run_has_the_attributes_of_wandb(filled):
    run = ArchiveRuns(filled, "team/vision")[0]
    assert (run.id, run.name, run.state, run.tags) == ("a", "run a", "finished", ["even"])
    assert run.config == {"lr": 0, "opt": {"name": "a"}}
    assert run.rawconfig["_wandb"] == {"cli_version": "0.31.0"}
    assert run.summary == {"loss": 10}
    assert run.path == ["team", "vision", "a"]
    assert (run.created_at, run.heartbeat_at) == ("2026-01-01T00:00:00Z", None)
    assert run.lastHistoryStep == 39
    assert ArchiveRuns(filled, "team/vision")[3].lastHistoryStep == -1


def test_frames_have_one_row_per_run_with_config_and_summary(filled):
    runs = ArchiveRuns(filled, "team/vision", order="-created_at")
    frame = runs.to_polars()
    assert frame["run_id"].to_list() == NAMES[::-1]
    assert frame["config.opt.name"].to_list() == NAMES[::-1]
    assert frame["summary.loss"].to_list() == [6, 7, 8, 9, 10]
    assert list(runs.to_pandas().columns) == frame.columns == runs.to_arrow().column_names


def test_without_a_path_runs_of_every_project_are_listed(filled):
    fill(filled, {"x": []}, project="other")
    assert sorted(ids(ArchiveRuns(filled))) == [*NAMES, "x"]
    assert ids(ArchiveRuns(filled, "other")) == ["x"]


def test_a_project_that_is_not_there_names_the_nearest(filled):
    with pytest.raises(NotFoundError, match="did you mean 'team/vision'"):
        ArchiveRuns(filled, "team/visoin")


def test_wrong_arguments_are_errors_before_anything_is_read(filled):
    with pytest.raises(QueryError):
        ArchiveRuns(filled, "team/vision", filters={"config.lr": {"$near": 1}})
    with pytest.raises(InputError, match="per_page"):
        ArchiveRuns(filled, "team/vision", per_page=0)


def test_html_of_a_run_cannot_hold_markup(filled):
    with filled.transaction() as cursor:
        cursor.execute("update stored.runs set display_name = '<script>'")
    assert "<script>" not in ArchiveRuns(filled, "team/vision")[0]._repr_html_()
