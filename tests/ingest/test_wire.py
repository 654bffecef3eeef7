"""Protobuf's wire format against protobuf itself, and against bytes that are none."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from wandb.proto.wandb_internal_pb2 import HistoryItem, Record

from wbexport.errors import IntegrityError
from wbexport.ingest.records import RunRecords
from wbexport.ingest.wire import fields, read_nanoseconds, read_signed


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
def test_numbers_of_any_size_are_read(seconds: int, nanos: int) -> None:
    found = dict(fields(Timestamp(seconds=seconds, nanos=nanos).SerializeToString()))
    assert read_signed(found.get(1, 0)) == seconds
    whole = read_nanoseconds(Timestamp(seconds=seconds, nanos=nanos).SerializeToString())
    assert whole == seconds * 1_000_000_000 + nanos


@given(st.binary(max_size=40))
def test_other_bytes_are_refused_or_read_but_never_break(data: bytes) -> None:
    try:
        parsed = list(fields(data))
    except IntegrityError:
        return
    assert sum(len(value) for _, value in parsed if isinstance(value, bytes)) <= len(data)


@given(st.binary(max_size=60))
def test_a_record_of_any_bytes_is_taken_or_refused(data: bytes) -> None:
    run = RunRecords()
    try:
        run.take(data)
        run.take_rows()
    except IntegrityError:
        return
    assert run.rows <= 60


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (HistoryItem(key="k", none=0), None),
        (HistoryItem(key="k", boolean=True), True),
        (HistoryItem(key="k", integer=-(2**40)), -(2**40)),
        (HistoryItem(key="k", number=0.1), 0.1),
        (HistoryItem(key="k", text='a "word"'), 'a "word"'),
        (HistoryItem(key="k", json='{"a": [1]}'), {"a": [1]}),
        (
            HistoryItem(key="k", value_json="[1, NaN]"),
            pytest.approx([1, float("nan")], nan_ok=True),
        ),
        (HistoryItem(nested_key=["k"], value_json='"x"' + " " * 300), "x"),
        (HistoryItem(key="k" * 200, value_json="1"), 1),
    ],
)
def test_every_form_of_a_logged_value_is_read(item: HistoryItem, value: object) -> None:
    record = Record()
    record.history.item.append(item)
    record.history.step.num = 5
    run = RunRecords()
    run.take(record.SerializeToString())
    (row,) = run.take_rows()
    assert row.pop("_step") == 5
    assert list(row.values()) == [value]


def test_nested_values_are_joined_and_removed() -> None:
    summary, gone, config = Record(), Record(), Record()
    for path, text in ((["a", "b"], "1"), (["a", "c"], "2"), (["d"], "3")):
        summary.summary.update.add(nested_key=path, value_json=text)
        config.config.update.add(nested_key=path, value_json=text)
    gone.summary.remove.add(nested_key=["a", "b"])
    gone.summary.remove.add(key="never")
    config.config.remove.add(nested_key=["a", "b"])
    run = RunRecords()
    for each in (summary, gone, config):
        run.take(each.SerializeToString())
    assert run.summary == run.config == {"a": {"c": 2}, "d": 3}
