"""Filters drawn by hypothesis over the fields and values of the sample runs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.query.cases import HOSTILE_KEYS, MIXED

__all__ = ["filters"]

JSON_FIELDS = [
    *("config.mixed", "config.mixed.value", "config.mixed.0", "config.mixed.a", "config.lr"),
    *(
        "config.a.b",
        "config.a",
        "config.a.b.c",
        "config.layers",
        "config.opt.name",
        "config.nowhere",
    ),
    *("summary_metrics.mixed", "summary_metrics.train/loss", "summary_metrics._step"),
    *("keys_info.keys.loss", "system_metrics.gpu.0.temp", "config._wandb.value.t"),
    *(f"config.{key}" for key in HOSTILE_KEYS),
]
MIXED_FIELDS = JSON_FIELDS[:8]
TEXT_FIELDS = ["name", "display_name", "state", "group", "tags", "username", "host", "notes", "id"]
NUMBER_FIELDS = ["duration", "exitcode", "history_line_count", "readOnly", "stopped"]
TIME_FIELDS = ["createdAt", "created_at", "heartbeatAt", "updated_at"]
NUMBERS = [0, 1, 60, 10**400]
PATTERNS = ["", "a", "^a", "e$", "[A-Z]", "(?i)fox", "o.l", "\\d+", "a|b", "\\x00", "^$", "(?s).b"]
TIMES = [
    "2024-01-01",
    "2024-01-02T03:00:00Z",
    "2024-01-01T12:00:00.000001",
    "2024-01-01T14:00+02:00",
]


def one_of(choices: list[Any]) -> st.SearchStrategy[Any]:
    """As `sampled_from`, but short when printed; hypothesis prints strategies often."""
    return st.integers(0, len(choices) - 1).map(lambda place: choices[place])


texts = st.sampled_from(["finished", "ada", "id003", "best", "v1.0", "a", ""]) | st.text(max_size=3)
numbers = one_of(NUMBERS) | st.integers() | st.floats()
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars | one_of(MIXED),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=3,
)


def _operators(operand: st.SearchStrategy[Any], ordered: st.SearchStrategy[Any]) -> Any:
    one = st.one_of(
        *(st.fixed_dictionaries({name: operand}) for name in ("$eq", "$ne")),
        *(st.fixed_dictionaries({name: ordered}) for name in ("$gt", "$gte", "$lt", "$lte")),
        *(st.fixed_dictionaries({name: st.lists(operand, max_size=4)}) for name in ("$in", "$nin")),
        st.fixed_dictionaries({"$exists": st.booleans()}),
    )
    negated = st.fixed_dictionaries({"$not": one})
    both = st.builds(lambda left, right: left | right, one, one | negated)
    return one | negated | both


def _on(fields: list[str], operand: Any, ordered: Any, *more: Any) -> Any:
    condition = st.one_of(operand, _operators(operand, ordered), *more)
    return st.dictionaries(one_of(fields), condition, min_size=1, max_size=2)


regex = st.fixed_dictionaries({"$regex": one_of(PATTERNS)}, optional={"$options": st.just("i")})
ordered = st.booleans() | numbers | texts
times = one_of(TIMES)
tags = st.sampled_from(["best", "v1.0", "x y", "", "é"]).map("tags.{}".format)

leaves = st.one_of(
    _on(JSON_FIELDS, values, ordered, regex, st.fixed_dictionaries({"$not": regex})),
    _on(MIXED_FIELDS, values, ordered, regex),
    _on(TEXT_FIELDS, values, ordered, regex),
    _on(NUMBER_FIELDS, values, ordered),
    _on(TIME_FIELDS, times | st.none(), times),
    st.dictionaries(tags, st.booleans(), min_size=1, max_size=1),
)

filters = st.recursive(
    leaves,
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
        min_size=1,
        max_size=2,
    ),
    max_leaves=5,
)
