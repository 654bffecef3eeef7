"""Histories of a store: sampled as W&B does it, or complete."""

from __future__ import annotations

import math
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from tests.arrow.strategies import as_read, rows, same
from tests.views.conftest import ROWS, fill
from wbexport.errors import InputError, QueryError
from wbexport.store.database import Store
from wbexport.store.reader import iter_long
from wbexport.views.runs import ArchiveRuns


def listing(store, **options):
    return ArchiveRuns(store, "team/vision", **options)


def run(store, name):
    return next(run for run in listing(store) if run.id == name)


def by_step(logged):
    return [
        {key: value if key == "_step" else as_read(value) for key, value in row.items()}
        for row in logged
    ]


def by_name(row):
    return dict(sorted(row.items()))


@pytest.mark.parametrize("cells", [1, 10, 100, 1_000_000])
@pytest.mark.parametrize("name", ROWS)
def test_a_scan_gives_every_row_once_whatever_the_piece(filled, small_pieces, name, cells):
    small_pieces(cells)
    found = list(run(filled, name).scan_history())
    assert same(list(map(by_name, found)), list(map(by_name, by_step(ROWS[name]))))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows())
def test_a_stored_run_scans_back_as_it_was_logged(logged):
    with Store.in_memory() as store:
        fill(store, {"a": logged})
        found = list(listing(store)[0].scan_history())
    assert same(list(map(by_name, found)), list(map(by_name, by_step(logged))))


def test_a_scan_by_keys_gives_only_rows_that_have_all_of_them(filled):
    assert list(run(filled, "b").scan_history(keys=["loss", "note"], min_step=4, max_step=12)) == [
        {"_step": 6, "loss": 2, "note": "n2"},
        {"_step": 9, "loss": 3, "note": "n3"},
    ]
    assert list(run(filled, "c").scan_history(keys=["img", "loss"])) == []


def test_every_loop_over_a_scan_reads_it_anew_and_next_goes_on(filled):
    rows = run(filled, "a").scan_history()
    assert list(rows) == list(rows) != []
    assert [next(rows), next(rows)] == list(rows)[:2]


def test_a_sample_is_even_repeatable_and_keeps_first_and_last(filled):
    sampled = run(filled, "a").history(samples=5, pandas=False)
    steps = [row["_step"] for row in sampled]
    gaps = [later - earlier for earlier, later in pairwise(steps)]
    assert len(steps) == 5
    assert (steps[0], steps[-1]) == (0, 39)
    assert max(gaps) - min(gaps) <= 1
    assert sampled == run(filled, "a").history(samples=5, pandas=False)
    assert all(row in ROWS["a"] for row in sampled)


def test_history_by_keys_has_just_these_columns_in_their_order(filled):
    frame = run(filled, "b").history(keys=["note", "loss"])
    assert list(frame.columns) == ["_step", "note", "loss"]
    assert frame["note"].tolist() == [f"n{step}" for step in range(7)]
    by_loss = run(filled, "a").history(keys=["acc"], x_axis="loss", pandas=False)
    assert by_loss[1] == {"loss": 0.5, "acc": 1}


def test_histories_hold_the_same_rows_in_every_format(filled):
    runs = listing(filled, filters={"name": {"$in": ["a", "b"]}}, order="-created_at")
    listed = runs.histories(samples=4)
    assert [row["run_id"] for row in listed] == ["b"] * 4 + ["a"] * 4
    frames = [runs.histories(samples=4, format=form) for form in ("polars", "pandas", "arrow")]
    columns = ["_step", "acc", "loss", "note", "run_id"]
    assert [list(getattr(f, "columns", [])) for f in frames[:2]] == [columns, columns]
    assert frames[2].column_names == columns
    for row, listed_row in zip(frames[0].to_dicts(), listed, strict=True):
        assert {key: value for key, value in row.items() if value is not None} == listed_row


@pytest.mark.parametrize("format", ["default", "polars", "pandas", "arrow"])
def test_unequal_runs_never_fail(filled, format):
    found = listing(filled).histories(format=format)
    assert len(found) == sum(map(len, ROWS.values()))


def test_unequal_types_become_text_and_run_id_is_that_of_the_run(filled):
    frame = listing(filled).histories(format="polars")
    assert frame["run_id"].unique(maintain_order=True).to_list() == ["a", "b", "c", "e"]
    assert frame.schema["loss"] == pl.String
    assert frame.filter(run_id="e")["loss"].to_list() == ['"broken"', None]
    assert frame.schema["img"] == pl.Struct({"k": pl.String, "w": pl.Int64})


@pytest.mark.parametrize("names", ["ab", "abce", "ce", "ea", "ad"])
@pytest.mark.parametrize("options", [{}, {"keys": ["loss"]}, {"keys": ["acc", "loss"]}])
def test_samples_are_the_same_whatever_the_piece(filled, small_pieces, names, options):
    """Pieces differ in keys and kinds; the frame of all has the types that hold all."""
    runs = listing(filled, filters={"name": {"$in": list(names)}}, order="-created_at")

    def sampled():
        return [runs.histories(5, format=form, **options) for form in ("arrow", "default")]

    whole, rows = sampled()
    for cells in (1, 12):
        small_pieces(cells)
        table, found = sampled()
        assert table.schema == whole.schema
        assert same(table.to_pylist(), whole.to_pylist())
        assert same(found, rows)


def test_no_rows_are_an_empty_frame(filled):
    runs = listing(filled, filters={"name": "d"})
    assert runs.histories() == []
    assert runs.histories(format="polars").is_empty()
    assert runs.histories(format="pandas").empty


@pytest.mark.parametrize("cells", [1, 30, 1_000_000])
def test_the_lazy_frame_holds_every_row_of_every_run(filled, small_pieces, cells):
    small_pieces(cells)
    frame = listing(filled, order="-created_at").scan_histories().collect()
    expected = [(name, row["_step"]) for name in reversed(ROWS) for row in ROWS[name]]
    assert list(frame.select("run_id", "_step").iter_rows()) == expected
    assert frame.columns == ["run_id", "_step", "acc", "acc2", "img", "loss", "note", "run_id#2"]


@pytest.mark.parametrize("cells", [1, 30, 1_000_000])
def test_runs_keep_their_order_whatever_the_keys_and_the_piece(filled, small_pieces, cells):
    small_pieces(cells)
    frame = listing(filled, order="-created_at").scan_histories(keys=["loss"]).collect()
    assert frame["run_id"].unique(maintain_order=True).to_list() == ["e", "c", "b", "a"]
    assert frame.select(pl.col("_step").is_sorted().over("run_id").all()).item()


@pytest.mark.parametrize("cells", [1, 30, 1_000_000])
def test_all_gives_the_rows_of_any_that_have_every_key(filled, small_pieces, cells):
    small_pieces(cells)
    keys = ["loss", "acc"]
    either, both = (listing(filled).scan_histories(keys, how).collect() for how in ("any", "all"))
    assert both.equals(either.filter(run_id="a"))


def test_any_keeps_sparse_rows_and_all_drops_them(filled):
    runs = listing(filled)
    either = runs.scan_histories(keys=["note", "acc"]).collect()
    both = runs.scan_histories(keys=["loss", "acc"], how="all").collect()
    assert either.columns == ["run_id", "_step", "note", "acc"]
    assert either["run_id"].value_counts(sort=True).rows() == [("a", 40), ("b", 7), ("e", 1)]
    assert both["run_id"].unique().to_list() == ["a"]


def test_a_lazy_frame_filters_selects_and_stops_early(filled):
    lazy = listing(filled).scan_histories(keys=["acc"], min_step=3, max_step=30)
    assert lazy.select(pl.len()).collect().item() == 28
    assert lazy.filter(pl.col("acc") > 25).select("_step").collect()["_step"].to_list() == [
        26,
        27,
        28,
        29,
    ]
    assert lazy.head(2).collect()["_step"].to_list() == [3, 4]
    assert lazy.head(5).filter(pl.col("acc") > 5).collect()["acc"].to_list() == [6, 7]


@pytest.fixture
def values_read(monkeypatch):
    """Counts the values that are read out of the store, rows among them."""
    read = []

    def spy(*arguments, **options):
        for piece in iter_long(*arguments, **options):
            read.append(piece.num_rows)
            yield piece

    monkeypatch.setattr("wbexport.views.history.iter_long", spy)
    return lambda: sum(read)


@pytest.mark.parametrize(
    ("collect", "values"),
    [
        (lambda lazy: lazy, 101),
        (lambda lazy: lazy.select("_step"), 52),
        (lambda lazy: lazy.select("run_id", "acc"), 52 + 41),
        (lambda lazy: lazy.filter(pl.col("run_id").is_in(["b", "c"])), 17),
        (lambda lazy: lazy.filter(pl.col("_step") < 2, pl.col("loss").is_not_null()), 7),
        (lambda lazy: lazy.filter(pl.col("_step").is_between(4, 5)).select("note"), 4),
        (lambda lazy: lazy.filter(run_id="nobody"), 0),
        (lambda lazy: lazy.filter(_step=1_000), 0),
    ],
)
@pytest.mark.parametrize("cells", [20, 1_000_000])
def test_a_lazy_frame_reads_what_is_collected_and_no_more(
    filled, small_pieces, values_read, cells, collect, values
):
    small_pieces(cells)
    lazy = listing(filled).scan_histories()
    everything = pl.DataFrame(listing(filled).scan_histories(format="arrow").read_all()).lazy()
    before = values_read()
    assert collect(lazy).collect().equals(collect(everything).collect())
    assert values_read() - before == values


def test_the_head_of_a_lazy_frame_reads_about_as_many_rows(filled, values_read):
    assert listing(filled).scan_histories().head(3).collect().height == 3
    assert values_read() <= 12


def test_batches_are_those_of_the_lazy_frame(filled):
    runs = listing(filled)
    reader = runs.scan_histories(format="arrow")
    assert isinstance(reader, pa.RecordBatchReader)
    assert pl.DataFrame(reader.read_all()).equals(runs.scan_histories().collect())


def test_runs_of_several_projects_carry_their_project(filled):
    fill(filled, {"x": [{"_step": 0, "loss": 1}]}, project="other")
    frame = ArchiveRuns(filled).scan_histories(keys=["loss"]).collect()
    assert frame.columns == ["entity", "project", "run_id", "_step", "loss"]
    assert frame.filter(project="other").rows() == [("team", "other", "x", 0, "1")]


def test_a_member_of_a_logged_object_is_a_key_too(filled):
    frame = listing(filled).scan_histories(keys=["img.w"]).collect()
    assert frame.rows() == [("c", 0, 1)]


@pytest.mark.parametrize("key", ["los", "img.q", "nothing/like/it"])
def test_asking_for_a_key_nobody_logged_is_an_error(filled, key):
    with pytest.raises(QueryError, match=key):
        listing(filled).scan_histories(keys=[key])


def test_the_error_names_the_nearest_key(filled):
    with pytest.raises(QueryError, match="did you mean 'loss'"):
        listing(filled).scan_histories(keys=["los"])


def test_compatible_calls_answer_nothing_and_warn(filled):
    with pytest.warns(UserWarning, match="did you mean 'loss'"):
        assert listing(filled).histories(keys=["los"]) == []
    with pytest.warns(UserWarning, match="los"):
        assert run(filled, "a").history(keys=["los"]).empty
    with pytest.warns(UserWarning, match="los"):
        assert list(run(filled, "a").scan_history(keys=["los"])) == []


@pytest.mark.parametrize(
    "options",
    [
        {"keys": "loss"},
        {"keys": [1]},
        {"samples": 0},
        {"stream": "events"},
        {"keys": ["loss"], "stream": "system"},
        {"format": "csv"},
    ],
)
def test_arguments_that_cannot_be_right_are_errors(filled, options):
    with pytest.raises(InputError):
        listing(filled).histories(**options)


@pytest.mark.parametrize("options", [{"how": "some"}, {"format": "pandas"}, {"min_step": "1"}])
def test_scans_refuse_arguments_that_cannot_be_right(filled, options):
    with pytest.raises(InputError):
        listing(filled).scan_histories(**options)


def test_nan_is_a_number_and_null_is_not(filled):
    rows_of_c = list(run(filled, "c").scan_history())
    assert math.isnan(rows_of_c[2]["loss"])
    assert list(run(filled, "e").scan_history())[1] == {"_step": 4, "acc": None, "acc2": True}
