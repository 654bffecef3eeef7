"""The proof of completeness: what is missing is always named."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.arrow.schema import LONG
from wbexport.sync.verify import Promise, Tally

from .test_plan import header_of


def long_table(rows: dict[int, list[str]]) -> pa.Table:
    cells = [
        {"key": key, "step": step, "value": 1.0} for step, keys in rows.items() for key in keys
    ]
    return pa.Table.from_pylist(cells, LONG)


def tally_of(rows: dict[int, list[str]]) -> Tally:
    tally = Tally()
    tally.add(long_table(rows))
    return tally


def promise_of(rows: dict[int, list[str]], **changes: Any) -> Promise:
    tally = tally_of(rows)
    counts = {key: {"typeCounts": [{"count": n}]} for key, n in tally.counts.items()}
    last = -1 if tally.last_step is None else tally.last_step
    header = header_of(tally.rows, last, history_keys=json.dumps({"keys": counts}))
    return Promise.of(header | changes)


row_sets = st.dictionaries(
    st.integers(0, 40),
    st.lists(st.sampled_from(["a", "b", "x.y", "loss"]), unique=True, min_size=1),
)


@given(row_sets, st.integers(0, 40))
def test_a_history_keeps_its_promise_in_however_many_pieces_it_is_read(rows: Any, cut: int):
    tally = tally_of({step: keys for step, keys in rows.items() if step < cut})
    tally.add(long_table({step: keys for step, keys in rows.items() if step >= cut}))
    assert tally.against(promise_of(rows)) == []


@given(row_sets.filter(bool), st.data(), st.booleans())
def test_any_single_missing_value_is_named(rows: Any, data: Any, live: bool):
    step = data.draw(st.sampled_from(sorted(rows)))
    key = data.draw(st.sampled_from(rows[step]))
    fewer = {**rows, step: [each for each in rows[step] if each != key]}
    promise = promise_of(rows, state="running" if live else "finished")
    assert any(repr(key) in each for each in tally_of(fewer).against(promise))


@given(row_sets.filter(bool))
def test_rows_beyond_the_promise_are_right_for_a_live_run_only(rows: Any):
    more = {**rows, 41: ["loss"]}
    assert tally_of(more).against(promise_of(rows, state="running")) == []
    assert tally_of(more).against(promise_of(rows)) != []


def test_a_member_of_a_stored_dict_is_not_missing():
    promise = promise_of({1: ["nest.a", "nest.b"]})
    assert tally_of({1: ["nest"]}).against(promise) == []


def test_a_server_that_counts_nothing_promises_nothing():
    empty = {"history_keys": None, "history_line_count": None, "last_step": None}
    assert tally_of({1: ["loss"]}).against(Promise.of(header_of() | empty)) == []


@pytest.mark.parametrize("text", ["[]", '{"keys": null}', '{"keys": {"a": {}, "b": null}}'])
def test_history_keys_of_another_shape_promise_no_counts(text: str):
    assert Promise.of(header_of(history_keys=text)).counts == {}


def test_a_bare_nan_in_the_history_keys_does_not_hide_their_counts():
    text = '{"keys": {"a": {"typeCounts": [{"count": 2}], "previousValue": NaN}}}'
    assert Promise.of(header_of(history_keys=text)).counts == {"a": 2}
