"""What a report's run set shows, as the filter and the order that the API takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wbexport.errors import QueryError
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.query.run_sets import filter_of_run_set, order_of_run_set


def leaf(section: str, name: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"key": {"section": section, "name": name}, "op": op, "value": value} | more


LR = leaf("config", "lr.value", "=", 0.1)
LOSS = leaf("summary", "loss", "<", 0.5)
STATE = leaf("run", "state", "!=", "crashed")


def translated(*filters: Any, op: str = "AND") -> Any:
    return filter_of_run_set(
        {"filters": {"op": "OR", "filters": [{"op": op, "filters": list(filters)}]}}
    )


@pytest.mark.parametrize(
    ("item", "meaning"),
    [
        (LR, {"config.lr.value": 0.1}),
        (LOSS, {"summary_metrics.loss": {"$lt": 0.5}}),
        (STATE, {"state": {"$ne": "crashed"}}),
        (leaf("run", "state", "==", "finished"), {"state": "finished"}),
        (leaf("run", "name", "IN", ["a", "b"]), {"name": {"$in": ["a", "b"]}}),
        (leaf("run", "name", "NIN", ["a"]), {"name": {"$nin": ["a"]}}),
        (leaf("run", "displayName", "REGEX", "^b"), {"displayName": {"$regex": "^b"}}),
        (leaf("summary", "acc", ">=", 1), {"summary_metrics.acc": {"$gte": 1}}),
        (leaf("summary", "acc", ">", 1), {"summary_metrics.acc": {"$gt": 1}}),
        (leaf("summary", "acc", "<=", 1), {"summary_metrics.acc": {"$lte": 1}}),
        (leaf("keys_info", "loss", "!=", None), {"keys_info.keys.loss": {"$ne": None}}),
        (leaf("tags", "t1", "=", True), {"tags": "t1"}),
        (leaf("tags", "t1", "=", False), {"tags": {"$ne": "t1"}}),
        (leaf("tags", "t1", "!=", True), {"tags": {"$ne": "t1"}}),
        (leaf("tags", "-", "IN", ["t1", "t2"]), {"tags": {"$in": ["t1", "t2"]}}),
        (leaf("run", "", "=", 1), {}),
        (leaf("run", "state", ">", None), {}),
        (leaf("run", "state", "=", "x", disabled=True), {}),
    ],
)
def test_each_kind_of_filter_has_its_meaning(item: dict[str, Any], meaning: dict[str, Any]) -> None:
    assert translated(item) == meaning
    parse_filter(meaning)


def test_groups_join_what_is_in_them() -> None:
    assert translated(LR, STATE) == {
        "$and": [{"config.lr.value": 0.1}, {"state": {"$ne": "crashed"}}]
    }
    assert set(translated(LR, STATE, op="OR")) == {"$or"}
    assert (
        filter_of_run_set({}) == filter_of_run_set({"filters": {"op": "OR", "filters": []}}) == {}
    )


def test_connected_filters_join_and_before_or() -> None:
    items = [LR, STATE | {"connector": "AND"}, LOSS | {"connector": "OR"}]
    group = {"connector": "AND", "filters": [LR, LOSS | {"connector": "OR"}]}
    found = filter_of_run_set({"filters": {"filterFormat": "filterV2", "filters": [*items, group]}})
    lr, state, loss = ({"config.lr.value": 0.1}, {"state": {"$ne": "crashed"}},
                       {"summary_metrics.loss": {"$lt": 0.5}})  # fmt: skip
    assert found == {"$or": [{"$and": [lr, state]}, {"$and": [loss, {"$or": [lr, loss]}]}]}
    parse_filter(found)


@pytest.mark.parametrize(
    ("selections", "meaning"),
    [
        ({"root": 0, "tree": ["a", "b"]}, {"name": {"$in": ["a", "b"]}}),
        ({"root": 0, "tree": []}, {"name": {"$in": []}}),
        ({"root": 1, "tree": ["a"]}, {"name": {"$nin": ["a"]}}),
        ({"root": 1, "tree": [{"value": "a", "children": []}]}, {"name": {"$nin": ["a"]}}),
        ({"root": 1, "tree": []}, {}),
        ({}, {}),
    ],
)
def test_runs_are_chosen_by_their_open_eyes(
    selections: dict[str, Any], meaning: dict[str, Any]
) -> None:
    run_set = {"filters": None, "selections": selections}
    assert filter_of_run_set(run_set) == meaning
    assert filter_of_run_set(run_set, only_selected=False) == {}


def test_a_filter_by_age_counts_back_from_now() -> None:
    moment = translated(leaf("run", "createdAt", "WITHINSECONDS", 60))["createdAt"]["$gte"]
    age = datetime.now(UTC) - datetime.fromisoformat(moment)
    assert 60 <= age.total_seconds() < 90


def test_the_first_key_sorts() -> None:
    key = {"section": "summary", "name": "loss"}
    assert order_of_run_set({"sort": {"key": key, "ascending": True}}) == "+summary_metrics.loss"
    keys = [{"key": {"section": "run", "name": "createdAt"}, "ascending": False}, {"key": key}]
    assert order_of_run_set({"sort": {"keys": keys}}) == "-createdAt"
    assert parse_order(order_of_run_set({})) == parse_order(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": [LR]},
        {"filters": {"op": "XOR", "filters": []}},
        {"filters": {"op": "AND", "filters": ["x"]}},
        {"filters": leaf("run", "state", "~", 1)},
        {"filters": leaf("moon", "state", "=", 1)},
        {"filters": {"key": "state", "op": "=", "value": 1}},
        {"filters": leaf("run", "createdAt", "WITHINSECONDS", "x")},
    ],
)
def test_a_run_set_that_is_not_understood_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="report"):
        filter_of_run_set(wrong)


@pytest.mark.parametrize("sort", [{"keys": [{}]}, {"key": {"section": "x", "name": "y"}}, "loss"])
def test_an_order_that_is_not_understood_is_an_error(sort: Any) -> None:
    with pytest.raises(QueryError, match="report"):
        order_of_run_set({"sort": sort})
