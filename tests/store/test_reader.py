"""Reading agrees with a plain reading of the rows."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wbexport.arrow.convert import rows_to_long
from wbexport.errors import QueryError
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.store.database import Store
from wbexport.store.ledger import mark_missing
from wbexport.store.reader import count_runs, iter_long, read_long, read_run, read_runs
from wbexport.store.writer import write_history

from .samples import add_runs, log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEYS = ["a", "b", "c"]
RUN = st.lists(
    st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9) | st.just("x"), min_size=1),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    with Store.in_memory() as store:
        add_runs(store, 3)
        yield store


def expected(
    runs: Sequence[Sequence[dict[str, Any]]], keys: list[str] | None, how: str, samples: int | None
) -> list[tuple[int, int, str, Any]]:
    found = []
    wanted = KEYS if keys is None else keys
    for run_no, rows in enumerate(runs, start=1):
        kept = [
            (step, row)
            for step, row in enumerate(rows)
            if (all if how == "all" and keys is not None else any)(key in row for key in wanted)
        ]
        if samples == 1:
            kept = kept[-1:]
        elif samples is not None and len(kept) > samples:
            kept = [kept[n * (len(kept) - 1) // (samples - 1)] for n in range(samples)]
        found += [
            (run_no, step, key, value)
            for step, row in kept
            for key, value in row.items()
            if key in wanted
        ]
    return sorted(found, key=repr)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(RUN, min_size=1, max_size=3),
    st.none() | st.lists(st.sampled_from([*KEYS, "none"]), min_size=1, unique=True),
    st.sampled_from(["any", "all"]),
    st.none() | st.integers(1, 13),
)
def test_keys_and_samples_choose_the_rows_that_a_plain_reading_does(
    shared: Store, runs: Any, keys: list[str] | None, how: Any, samples: int | None
) -> None:
    tables = [rows_to_long([{"_step": n, **row} for n, row in enumerate(rows)]) for rows in runs]
    with shared.transaction() as cursor:
        for table in ("history", "run_keys"):
            cursor.execute(f"delete from stored.{table}")
        write_history(cursor, [(n, table, "replace") for n, table in enumerate(tables, start=1)])
    numbers = range(1, len(runs) + 1)
    long = read_long(shared.cursor(), numbers, keys=keys, how=how, samples=samples)
    found = [
        (row["run_no"], row["step"], row["key"], "x" if row["text"] else int(row["value"]))
        for row in long.to_pylist()
    ]
    assert sorted(found, key=repr) == expected(runs, keys, how, samples)
    alone = [
        read_long(shared.cursor(), [number], keys=keys, how=how, samples=samples).to_pylist()
        for number in numbers
    ]
    assert list(map(repr, chain(*alone))) == list(map(repr, long.to_pylist()))
    if samples is None:
        pieces = iter_long(shared.cursor(), numbers, keys=keys, how=how, values=7)
        rows = [row for piece in pieces for row in piece.to_pylist()]
        assert sorted(map(repr, rows)) == sorted(map(repr, long.to_pylist()))


def test_pieces_are_bounded_and_hold_whole_rows(store: Store) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": n, "a": n, "b": n} for n in range(500)])
    pieces = list(iter_long(store.cursor(), [run], values=100))
    assert max(piece.num_rows for piece in pieces) <= 102
    steps = [set(piece["step"].to_pylist()) for piece in pieces]
    assert sum(map(len, steps)) == 500 == len(set().union(*steps))


def test_steps_are_bounded_on_both_sides_inclusively(store: Store) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": n, "a": n} for n in range(9)])
    assert read_long(store.cursor(), [run], min_step=2, max_step=4)["step"].to_pylist() == [2, 3, 4]


def test_values_come_by_key_and_step_however_they_were_written(store: Store) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": 5, "b": 1, "a": 2}])
    log(store, run, [{"_step": 1, "b": 3, "a": 4}])
    long = read_long(store.cursor(), [run])
    assert long["key"].to_pylist() in (["a", "a", "b", "b"], ["b", "b", "a", "a"])
    assert long["step"].to_pylist() == [1, 5, 1, 5]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1.5, (1.5, None)),
        (9007199254740993, (None, "9007199254740993")),
        ("t", (None, '"t"')),
        (None, (None, "null")),
        ({"c": [1]}, (None, '{"c":[1]}')),
    ],
)
def test_a_dotted_key_reads_inside_objects_where_no_key_has_that_name(
    store: Store, value: Any, read: tuple[float | None, str | None]
) -> None:
    nested, literal = add_runs(store, 2)
    log(store, nested, [{"_step": 0, "n/x": {"b~": value}}, {"_step": 1, "n/x": {}}])
    log(store, literal, [{"_step": 0, "n/x": {"b~": "other"}, "n/x.b~": "own"}])
    found = read_long(store.cursor(), [nested, literal], keys=["n/x.b~"]).to_pylist()
    assert [(row["step"], row["value"], row["text"]) for row in found] == [
        (0, *read),
        (0, None, '"own"'),
    ]


def test_runs_are_filtered_ordered_and_cut(store: Store) -> None:
    configs = [f'{{"lr": {n}}}' for n in range(6)]
    add_runs(store, 6, config=configs, state=["finished", "failed"] * 3)
    cursor, where = store.cursor(), parse_filter({"state": "finished"})
    order = parse_order("-config.lr")
    found = read_runs(cursor, where=where, order=order, limit=2, offset=1, columns=["run_id"])
    assert found["run_id"].to_pylist() == ["r2", "r0"]
    assert count_runs(cursor, where=where) == 3
    with pytest.raises(QueryError, match="colour"):
        read_runs(cursor, columns=["colour"])


def test_runs_that_the_server_has_no_more_are_kept_and_left_out(store: Store) -> None:
    add_runs(store, 2)
    with store.transaction() as cursor:
        mark_missing(cursor, 1, ["s0"])
    cursor = store.cursor()
    assert read_runs(cursor)["run_id"].to_pylist() == ["r1"]
    assert (count_runs(cursor), count_runs(cursor, missing=True)) == (1, 2)
    add_runs(store, 2, missing_since=pa.nulls(2, pa.timestamp("us")))
    assert count_runs(cursor) == 2


def test_one_run_reads_as_its_row_among_all(store: Store) -> None:
    add_runs(store, 3)
    with store.transaction() as cursor:
        mark_missing(cursor, 1, ["s2"])
    cursor = store.cursor()
    for row in read_runs(cursor).to_pylist():
        assert read_run(cursor, {"project_no": row["project_no"], "run_id": row["run_id"]}) == row
        by_id = read_run(cursor, {"storage_id": row["storage_id"]}, columns=["state", "run_no"])
        assert by_id == {"state": row["state"], "run_no": row["run_no"]}
    assert read_run(cursor, {"run_id": "r2"}) is None
    with pytest.raises(QueryError, match="surrogate"):
        read_run(cursor, {"run_id": "\ud800"})


def test_reading_works_after_a_half_read_result(store: Store) -> None:
    (run,) = add_runs(store, 1)
    log(store, run, [{"_step": 0, "a": 1}])
    cursor = store.cursor()
    cursor.execute("from range(10)").fetchone()
    assert read_long(cursor, [run]).num_rows == 1
