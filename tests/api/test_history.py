"""The complete reader: exported files and live rows, split in every unkind way."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import connect_to
from tests.api.stub import BASE, HistoryStub, Stub, StubError, run_answer
from wbexport.api.history import fetch_sources, scan_events, scan_long
from wbexport.api.sampling import sampled_rows
from wbexport.api.scan_history import scan_rows
from wbexport.arrow.convert import long_to_rows
from wbexport.errors import GraphQLError, InputError, IntegrityError, NotFoundError, ResponseError
from wbexport.paths import ProjectPath, RunPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.api.client import Api

RUN = RunPath("team", "vision", "r1")


def row(step: int, loss: float | None = None) -> dict[str, Any]:
    return {"_step": step, "loss": float(step) if loss is None else loss, "_timestamp": step + 0.5}


def scan(stub: Stub, **options: Any) -> list[dict[str, Any]]:
    client = connect_to(stub).client
    chunks = scan_long(client, client.session, RUN, **options)
    return [found for chunk in chunks for found in long_to_rows(chunk)]


@st.composite
def splits(draw: st.DrawFn) -> tuple[HistoryStub, list[int]]:
    """A run's steps dealt to files and live rows, with overlaps, gaps and permuted files."""
    steps = sorted(draw(st.sets(st.integers(0, 120), max_size=60)))
    live_from = draw(st.integers(0, len(steps)))
    overlap = draw(st.integers(0, 5))
    exported = steps[: min(len(steps), live_from + overlap)]
    cuts = sorted(draw(st.sets(st.integers(0, len(exported)), max_size=3)))
    ends = [0, *cuts, len(exported)]
    spill = draw(st.integers(0, 2))
    files = [exported[a : b + spill] for a, b in pairwise(ends)]
    files = draw(st.permutations([draw(st.permutations(file)) for file in files]))
    known = draw(st.booleans())
    run = HistoryStub(
        exported=[[row(step) for step in file] for file in files],
        live=[row(step) for step in steps[live_from:]],
        line_count=len(steps) if known else None,
        last_step=max(steps, default=-1) if known else None,
    )
    return run, steps


@settings(deadline=None)
@given(splits())
def test_no_split_loses_or_doubles_a_step(split: tuple[HistoryStub, list[int]]) -> None:
    run, steps = split
    assert scan(run.stub()) == [row(step) for step in steps]


@settings(deadline=None)
@given(splits(), st.integers(0, 130), st.integers(0, 130))
def test_a_step_range_is_the_same_part_of_the_whole(
    split: tuple[HistoryStub, list[int]], start: int, stop: int
) -> None:
    run, steps = split
    wanted = [row(step) for step in steps if start <= step < stop]
    assert scan(run.stub(), from_step=start, to_step=stop) == wanted


def test_the_live_row_wins_a_step_that_both_have() -> None:
    run = HistoryStub(
        exported=[[row(0), row(1, 9.0)]], live=[{"_step": 1, "loss": 1.0}], last_step=1
    )
    assert scan(run.stub()) == [row(0), {"_step": 1, "loss": 1.0}]


def test_rows_missing_from_the_files_are_found_among_the_live_ones() -> None:
    run = HistoryStub(exported=[[row(0), row(9)]], live=[row(5)], line_count=3, last_step=9)
    stub = run.stub()
    source = stub.operations["RunHistorySource"]({})
    source["project"]["run"]["parquetHistory"]["liveData"] = []
    stub.operations["RunHistorySource"] = lambda _: source
    assert [found["_step"] for found in scan(stub)] == [0, 5, 9]


def test_a_finished_exported_run_needs_one_request_and_its_file() -> None:
    stub = HistoryStub([[row(s) for s in range(20)]], [], line_count=20, last_step=19).stub()
    assert len(scan(stub)) == 20
    assert [name for name, _ in stub.asked] == ["RunHistorySource"]


def test_chunks_are_bounded_and_in_step_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbexport.api.exports.CHUNK_VALUES", 60)
    stub = HistoryStub([[row(s) for s in range(200)]], [], line_count=200, last_step=199).stub()
    client = connect_to(stub).client
    chunks = list(scan_long(client, client.session, RUN))
    ranges = [(chunk["step"].to_pylist(), chunk.num_rows) for chunk in chunks]
    assert max(size for _, size in ranges) <= 60
    ends = [(min(steps), max(steps)) for steps, _ in ranges]
    assert all(a[1] < b[0] for a, b in pairwise(ends))


def sparse_rows(steps: range) -> list[dict[str, Any]]:
    """Few of many keys in each row; two of them look like a member of one and the same struct."""
    return [
        {"_step": step, "s": {"x": 1}, "s.x": step + 0.5}
        | {f"k{(7 * step + i) % 200:03d}": step * i / 3 + 0.1 for i in range(5)}
        for step in steps
    ]


@pytest.mark.parametrize("room", [0, 1, 13_000, 1_000_000])
def test_files_beyond_what_memory_may_hold_are_read_from_disk(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    whole = pa.BufferReader
    held: list[int] = []

    def read(data: bytes) -> pa.BufferReader:
        held.append(len(data))
        return whole(data)

    monkeypatch.setattr("wbexport.api.exports._BYTES_IN_MEMORY", room)
    monkeypatch.setattr(pa, "BufferReader", read)
    parts = [[row(step) for step in range(first, first + 50)] for first in (0, 50, 100, 150)]
    assert scan(HistoryStub(exported=parts, live=[]).stub()) == [row(step) for step in range(200)]
    assert sum(held) <= room
    assert len(held) == {0: 0, 1: 0, 13_000: 2, 1_000_000: 4}[room], held


@pytest.mark.parametrize("cuts", [[0, 60], [0, 20, 60], [0, 60, 30, 60]])
@pytest.mark.parametrize("limit", [{}, {"CHUNK_VALUES": 40}, {"CHUNK_VALUES": 99, "_CELLS": 500}])
def test_few_values_of_many_keys_are_all_read(
    monkeypatch: pytest.MonkeyPatch, cuts: list[int], limit: dict[str, int]
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(f"wbexport.api.exports.{name}", value)
    files = [sparse_rows(range(a, b)) for a, b in pairwise(cuts)]
    stub = HistoryStub(files, [], line_count=60, last_step=59).stub()
    assert scan(stub) == sparse_rows(range(60))
    assert scan(stub, from_step=7, to_step=31) == sparse_rows(range(7, 31))
    one = [{"_step": step, "s.x": step + 0.5} for step in range(60)]
    assert scan(stub, keys=["s.x"]) == one


def test_a_file_that_is_no_parquet_is_an_integrity_error() -> None:
    stub = HistoryStub([[row(0)]], []).stub()
    stub.files["/files/0.parquet"] = b"PAR1 but not really"
    with pytest.raises(IntegrityError, match=r"file 1 of team/vision/r1"):
        scan(stub)


@pytest.mark.parametrize("history", [None, {"parquetUrls": None, "liveData": []}])
def test_null_in_place_of_the_file_list_is_an_error(history: Any) -> None:
    stub = Stub({"RunHistorySource": lambda _: run_answer(parquetHistory=history)})
    with pytest.raises(ResponseError):
        scan(stub)


def test_null_in_place_of_a_page_is_an_error() -> None:
    stub = HistoryStub([], [row(0)]).stub()
    stub.operations["RunHistoryPage"] = lambda _: run_answer(history=None)
    with pytest.raises(ResponseError, match="no history"):
        scan(stub)


def test_a_page_with_errors_is_never_an_empty_page() -> None:
    def fail(_: Any) -> Any:
        raise StubError("deadline exceeded")

    stub = HistoryStub([], [row(0)]).stub()
    stub.operations["RunHistoryPage"] = fail
    with pytest.raises(GraphQLError, match="deadline"):
        scan(stub)


def test_an_old_server_without_exports_is_read_by_pages() -> None:
    def unknown(_: Any) -> Any:
        raise StubError("Cannot query field 'parquetHistory' on type 'Run'.")

    stub = HistoryStub([], [row(s) for s in range(50)]).stub()
    stub.operations["RunHistorySource"] = unknown
    stub.operations["RunHistoryCounts"] = lambda _: run_answer(
        historyKeys={"keys": {}, "lastStep": 49}, historyLineCount=50
    )
    assert len(scan(stub)) == 50


def test_a_run_without_history_keys_is_read_all_the_same() -> None:
    stub = HistoryStub([], [row(s) for s in (0, 7, 10**6)]).stub()
    source = stub.operations["RunHistorySource"]({})
    source["project"]["run"] |= {"historyKeys": None}
    stub.operations["RunHistorySource"] = lambda _: source
    assert [found["_step"] for found in scan(stub)] == [0, 7, 10**6]


def test_the_text_nan_is_a_number_unless_the_key_holds_texts() -> None:
    run = HistoryStub([], [{"_step": 0, "loss": "NaN", "note": "NaN"}], last_step=0)
    stub = run.stub()
    source = stub.operations["RunHistorySource"]({})
    source["project"]["run"]["historyKeys"]["keys"] = {
        "note": {"typeCounts": [{"type": "string", "count": 1}]}
    }
    stub.operations["RunHistorySource"] = lambda _: source
    (found,) = scan(stub)
    assert found["loss"] != found["loss"]
    assert found["note"] == "NaN"


def test_rows_of_keys_are_those_that_have_all_of_them() -> None:
    files = [[{"_step": 0, "a": 1.0}, {"_step": 1, "a": 2.0, "b": 3.0}, {"_step": 2, "b": 4.0}]]
    client = connect_to(HistoryStub(files, [], line_count=3, last_step=2).stub()).client
    chunks = scan_long(client, client.session, RUN, keys=["a", "b"])
    assert list(scan_rows(chunks, ["a", "b"])) == [{"_step": 1, "a": 2, "b": 3}]


def test_sources_of_many_runs_come_in_one_request_without_those_that_are_gone() -> None:
    stub = HistoryStub([], [row(3)], line_count=1, last_step=3).stub()
    source = stub.operations["RunHistorySource"]
    stub.operations["RunHistorySource"] = lambda v: (
        {"project": {"run": None}} if v["name"] == "gone" else source(v)
    )
    found = fetch_sources(connect_to(stub).client, ProjectPath("team", "vision"), ["a", "gone"])
    assert {name: source.last_step for name, source in found.items()} == {"a": 3}
    assert len(stub.asked) == 1


def test_events_are_asked_again_when_there_may_be_more() -> None:
    def events(v: dict[str, Any]) -> Any:
        return run_answer(history=[json.dumps({"cpu": i}) for i in range(min(25, v["samples"]))])

    stub = Stub({"RunEvents": events})
    (table,) = scan_events(connect_to(stub).client, RUN, line_count=5)
    assert table["step"].to_pylist() == list(range(25))


def test_sampled_rows_restore_numbers_that_json_lacks() -> None:
    rows = [{"_step": 0, "loss": "NaN"}, {"_step": 1, "loss": "-Infinity"}]
    stub = Stub({"RunSampledHistory": lambda _: run_answer(sampledHistory=[rows])})
    first, second = sampled_rows(connect_to(stub).client, RUN, keys=["loss"])
    assert first["loss"] != first["loss"]
    assert second == {"_step": 1, "loss": float("-inf")}
    assert json.loads(stub.asked[0][1]["specs"][0]) == {"keys": ["_step", "loss"], "samples": 500}


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": "loss"},
        {"keys": [1]},
        {"keys": ["loss"], "stream": "system"},
        {"stream": "events"},
        {"samples": 0},
        {"samples": True},
    ],
)
def test_wrong_arguments_of_a_sample_are_refused_before_any_request(wrong: Any) -> None:
    stub = Stub()
    with pytest.raises(InputError):
        sampled_rows(connect_to(stub).client, RUN, **wrong)
    assert stub.asked == []


@pytest.mark.parametrize("answer", [{"project": None}, {"project": {"run": None}}])
def test_a_missing_run_or_project_names_itself_and_the_next_step(
    answer: Any, connect: Callable[[Stub], Api]
) -> None:
    stub = Stub({"Run": lambda _: answer})
    with pytest.raises(NotFoundError, match=r"team/vision.*this key may not see it"):
        connect(stub).run("team/vision/r1")


def test_an_expired_url_is_asked_for_again() -> None:
    stub = HistoryStub([[row(0)]], [], line_count=1, last_step=0).stub()
    stub.expired = {"X-Amz-Signature=s"}
    fresh = stub.operations["RunHistorySource"]({})
    fresh["project"]["run"]["parquetHistory"]["parquetUrls"] = [
        f"{BASE}/files/0.parquet?X-Amz-Signature=fresh"
    ]
    answers = iter([stub.operations["RunHistorySource"]({}), fresh])
    stub.operations["RunHistorySource"] = lambda _: next(answers)
    assert scan(stub) == [row(0)]
