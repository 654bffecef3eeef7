"""The door to a store."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

import wbexport
from tests.views.conftest import ROWS, fill
from wbexport.errors import NotFoundError, QueryError, StoreError, StoreMissingError
from wbexport.store.database import Store


@pytest.fixture
def path(tmp_path):
    with Store.open_writer(tmp_path / "wb.duckdb") as store:
        fill(store, ROWS)
        store.publish()
    return tmp_path / "wb.duckdb"


@pytest.fixture
def archive(path):
    with wbexport.open(path) as opened:
        yield opened


def test_the_verbs_of_an_archive_are_those_of_its_runs(archive):
    runs = archive.runs("team/vision", order="-created_at")
    assert [run.id for run in runs] == list(reversed(ROWS))
    assert archive.run("team/vision/a").name == "run a"
    assert len(archive.history("team/vision/a", samples=3)) == 3
    sampled = archive.histories("team/vision", samples=3)
    assert repr(sampled) == repr(archive.runs("team/vision").histories(3))
    scanned = archive.scan_histories("team/vision", keys=["acc"])
    batches = archive.scan_histories("team/vision", keys=["acc"], format="arrow")
    assert scanned.collect().equals(pl.DataFrame(batches.read_all()))
    assert archive.projects() == [("team", "vision")]
    assert archive.coverage()["runs"].to_list() == [5]


def test_sql_answers_in_every_form(archive):
    answer = archive.sql("select run_id from runs where run_id <= ? order by run_id", ["b"])
    assert answer.fetchall() == answer.fetchall() == [("a",), ("b",)]
    assert answer.pl()["run_id"].to_list() == answer.df()["run_id"].to_list() == ["a", "b"]
    assert answer.arrow().equals(answer.to_arrow_table())
    assert "run_id" in repr(answer)
    assert archive.sql("select $x as x", {"x": 1}).fetchall() == [(1,)]


def test_answers_do_not_disturb_each_other(archive):
    first, second = archive.sql("from range(3)"), archive.sql("from range(5)")
    assert (len(first.fetchall()), len(second.fetchall()), len(first.fetchall())) == (3, 5, 3)


@pytest.mark.parametrize(
    "query",
    [
        "selec 1",
        "from nowhere",
        "insert into stored.meta values ('a', 'b')",
        "from read_csv('/etc/passwd')",
        "copy (select 1) to '/tmp/wbexport-never.csv'",
        "set enable_external_access = true",
        "attach '/tmp/other.duckdb'",
        "select 'x'::integer",
    ],
)
def test_sql_that_cannot_be_run_is_a_query_error_in_duckdbs_words(archive, query):
    with pytest.raises(QueryError, match="Error"):
        archive.sql(query).fetchall()


def test_python_variables_are_out_of_reach_unless_asked_for(archive, path):
    frame = pl.DataFrame({"x": [1]})
    with pytest.raises(QueryError, match="frame"):
        archive.sql("from frame").fetchall()
    with wbexport.open(path, replacements=True) as opened:
        assert opened._store.cursor().sql("from frame").fetchall() == frame.rows()


def test_html_cannot_hold_markup(tmp_path):
    with Store.open_writer(tmp_path / "wb.duckdb") as store:
        fill(store, {}, project="<script>")
        store.publish()
    with wbexport.open(tmp_path / "wb.duckdb") as archive:
        shown = archive._repr_html_() + archive.sql("select '<script>' as \"<b>\"")._repr_html_()
    assert "<script>" not in shown
    assert "<b></th>" not in shown


def test_refresh_shows_what_was_published_since(archive, path):
    assert not archive.refresh()
    with Store.open_writer(path) as store:
        fill(store, {"new": [{"_step": 0, "loss": 1}]})
        store.publish()
    assert len(archive.runs("team/vision")) == 5
    assert archive.refresh()
    assert archive.runs("team/vision")[-1].id in {*ROWS, "new"}
    assert len(archive.runs("team/vision")) == 6


def test_an_archive_outlives_its_file_and_refresh_says_that_it_is_gone(archive, path):
    path.unlink()
    with pytest.raises(StoreError, match=path.name):
        archive.refresh()
    assert len(archive.runs("team/vision")) == 5


def test_an_open_archive_does_not_stop_a_writer(archive, path):
    with Store.open_writer(path) as store:
        assert fill(store, {"new": []}, project="second")


def test_an_api_over_the_archive_gives_the_same_runs_and_histories(archive):
    mine, theirs = archive.runs("team/vision"), archive.api().runs("team/vision")
    assert [run.id for run in theirs] == [run.id for run in mine]
    assert [run.config for run in theirs] == [run.config for run in mine]
    assert theirs.histories(samples=5, keys=["acc"]) == mine.histories(samples=5, keys=["acc"])
    frames = [runs.histories(samples=5, keys=["acc"], format="polars") for runs in (mine, theirs)]
    assert frames[0].equals(frames[1])
    for one, other in zip(mine, theirs, strict=True):
        assert repr(list(one.scan_history())) == repr(list(other.scan_history()))


def test_paths_need_no_entity_where_there_is_but_one(archive):
    assert archive.run("vision/a").path == ["team", "vision", "a"]
    assert len(archive.runs("vision")) == len(archive.runs("team/vision"))


def test_things_that_are_not_there_are_errors(archive, tmp_path):
    with pytest.raises(NotFoundError, match="team/vision/zz"):
        archive.run("team/vision/zz")
    with pytest.raises(StoreMissingError):
        wbexport.open(tmp_path / "missing.duckdb")


def test_a_closed_archive_says_so(archive):
    archive.close()
    with pytest.raises(StoreError, match="closed"):
        archive.projects()


def test_importing_the_package_loads_no_library():
    heavy = "{'pandas', 'polars', 'duckdb', 'httpx', 'pyarrow', 'pydantic'}"
    code = f"import sys, wbexport; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
