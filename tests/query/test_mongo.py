"""Reading W&B filters: what is refused, and where the message points."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import QueryError
from wbexport.query.expressions import Always, And, Compare, In, Not, Regex
from wbexport.query.fields import RUN_FIELDS
from wbexport.query.mongo import parse_filter, to_mongo


def nested(depth: int) -> dict[str, Any]:
    filters: dict[str, Any] = {"state": "finished"}
    for _ in range(depth):
        filters = {"$and": [filters]}
    return filters


REFUSED: list[tuple[Any, str]] = [
    ([], "a filter is an object, not a list"),
    ({1: 2}, "a key is text, not a int"),
    ({"$and": []}, "at $and: takes a list of at least one filter"),
    ({"$or": {"state": "x"}}, "at $or: takes a list of at least one filter"),
    ({"$and": ["state"]}, "at $and[0]: a filter is an object, not a str"),
    ({"$nand": []}, "at $nand: unknown operator; did you mean '$and'?"),
    ({"$gt": 3}, "at $gt: this operator stands inside a field"),
    ({"$regex": "a"}, "at $regex: this operator stands inside a field"),
    ({"$not": {"state": "x"}}, "at $not: this operator stands inside a field"),
    ({"$all": [1]}, "at $all: unknown operator"),
    ({"$and": [{}, {"config.lr": {"$gtt": 1}}]}, "at $and[1] > config.lr > $gtt: unknown operator"),
    ({"config.lr": {"$gtt": 1}}, "did you mean '$gt'?"),
    ({"config.lr": {"$gt": 1, "lt": 2}}, "cannot stand in one object"),
    ({"config.lr": {"$gt": None}}, "at config.lr > $gt: takes a number, text, a boolean or a time"),
    ({"config.lr": {"$lt": [1]}}, "at config.lr > $lt: takes a number"),
    ({"config.lr": {"$in": 1}}, "at config.lr > $in: takes a list"),
    ({"config.lr": {"$nin": "ab"}}, "at config.lr > $nin: takes a list"),
    ({"config.lr": {"$in": [1, {2}]}}, "at config.lr > $in[1]: a set is not a JSON value"),
    ({"config.lr": {1: 2}}, "a dict is not a JSON value"),
    ({"config.lr": b"x"}, "a bytes is not a JSON value"),
    ({"config.lr": {"$exists": 1}}, "at config.lr > $exists: takes true or false"),
    ({"config.lr": {"$not": 1}}, "at config.lr > $not: takes operators"),
    ({"config.lr": {"$not": {"a": 1}}}, "at config.lr > $not: takes operators"),
    ({"config.lr": {"$options": "i"}}, "stands beside $regex only"),
    ({"config.lr": {"$regex": "a", "$options": "x"}}, '$options: only "i"'),
    ({"config.lr": {"$regex": 1}}, "takes a pattern of at most 1,000 characters"),
    ({"config.lr": {"$regex": "a" * 1001}}, "takes a pattern of at most 1,000 characters"),
    ({"config.lr": {"$regex": "(?=a)"}}, "not an RE2 pattern"),
    ({"config.lr": {"$regex": "\ud800"}}, "half of a surrogate pair"),
    ({"createdAt": {"$regex": "2024"}}, "looks into text, and createdAt is a time"),
    ({"createdAt": {"$gt": "yesterday"}}, "'yesterday' is not an ISO time"),
    ({"createdAt": "0001-01-01T00:00:00+14:00"}, "is not an ISO time"),
    ({"createdAt": {"$gt": 1700000000}}, "takes an ISO time such as"),
    ({"summary.loss": 1}, "did you mean 'summary_metrics.loss'?"),
    ({"run_id": "x"}, "did you mean 'name'?"),
    ({"config": {"lr": 1}}, "did you mean 'config.KEY'?"),
    ({"sate": "x"}, "no run field is called 'sate'; did you mean 'state'?"),
    ({"confg.lr": 1}, "did you mean 'config.lr'?"),
    ({"config.": 1}, "must have 1 to 1000 characters"),
    ({"config." + "." * 40: 1}, "at most 32 dotted parts"),
    ({"state": "\ud800"}, "at state: '\\ud800' holds half of a surrogate pair"),
    ({"config.\udfff": 1}, "half of a surrogate pair"),
    ({"config.a": {"\ud800": 1}}, "half of a surrogate pair"),
    ({"tags.best": "yes"}, "takes true or false: has the run this tag?"),
    ({"tags.best": {"$exists": True, "$eq": True}}, "takes true or false"),
    (nested(33), "more than 32 levels deep"),
    (nested(900), "more than 32 levels deep"),
    ({"$or": [{"state": "x"}] * 501}, "more than 1,000 terms"),
    ({"config.a": [0] * 1001}, "more than 1,000 terms"),
    ({"name": {"$in": ["x"] * 100_001}}, "takes a list of at most 100,000 values"),
]


@pytest.mark.parametrize(("filters", "message"), REFUSED, ids=[text for _, text in REFUSED])
def test_a_filter_that_is_not_understood_is_refused_by_name(filters: Any, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_filter(filters)
    assert message in str(refused.value)
    assert str(refused.value).startswith("filter")


def test_an_empty_filter_matches_every_run() -> None:
    assert parse_filter(None) == parse_filter({}) == Always()


def test_several_keys_and_several_operators_all_hold() -> None:
    lr = RUN_FIELDS.resolve("config.lr")
    state = In(RUN_FIELDS.resolve("state"), ("running",))
    expected = And((state, And((Compare(lr, "gt", 1), Compare(lr, "lt", 2)))))
    assert parse_filter({"state": "running", "config.lr": {"$gt": 1, "$lt": 2}}) == expected


def test_ignoring_case_is_a_flag_of_the_pattern() -> None:
    name = RUN_FIELDS.resolve("displayName")
    expected = Regex(name, "(?i)fox")
    assert parse_filter({"display_name": {"$options": "i", "$regex": "fox"}}) == expected


def test_a_tag_name_asks_for_membership() -> None:
    tagged = In(RUN_FIELDS.resolve("tags"), ("v1.0",))
    assert parse_filter({"tags.v1.0": True}) == tagged
    assert parse_filter({"tags.v1.0": {"$exists": False}}) == Not(tagged)


def test_both_spellings_of_a_field_mean_the_same() -> None:
    assert parse_filter({"createdAt": None}) == parse_filter({"created_at": None})


def test_times_are_utc_wherever_the_reader_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = [
            to_mongo(parse_filter({"createdAt": {"$gt": text}}))["createdAt"]["$gt"]
            for text in ("2024-01-01T15:00:00+02:00", "2024-01-01T13:00:00Z", "2024-01-01 13:00")
        ]
    time.tzset()
    assert found == ["2024-01-01T13:00:00Z"] * 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
words = st.sampled_from(
    (
        *("$and", "$or", "$nor", "$not", "$in", "$gt", "$regex", "$options", "$exists", "$eq"),
        *("state", "config.a", "createdAt", "tags", "config", "$", "", ".", "duration", "tags.a"),
    )
)
documents = st.recursive(
    json_values,
    lambda inner: st.dictionaries(words, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(documents)
def test_whatever_arrives_is_read_or_refused(document: Any) -> None:
    try:
        expression = parse_filter(document)
    except QueryError:
        return
    assert parse_filter(to_mongo(expression)) == expression
