"""Reading W&B order strings."""

from __future__ import annotations

from typing import Any

import pytest

from wbexport.errors import QueryError
from wbexport.query.order import parse_order


@pytest.mark.parametrize("order", [None, "", "created_at", "+createdAt"])
def test_oldest_first_is_the_default(order: str | None) -> None:
    assert parse_order(order) == parse_order("+created_at")


def test_the_sign_gives_the_direction() -> None:
    assert [parse_order(sign + "state")[0].descending for sign in ("", "+", "-")] == [
        False,
        False,
        True,
    ]


def test_slashes_and_the_config_wrapper_are_part_of_a_key() -> None:
    (key,) = parse_order("-summary_metrics.train/loss")
    assert key.field.paths == (("train/loss",),)
    assert parse_order("config.lr.value")[0].field.paths[-1] == ("lr",)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("+", "order: no run field is called ''"),
        ("-loss", "order: no run field is called 'loss'"),
        ("--state", "did you mean 'state'?"),
        ("summary.loss", "did you mean 'summary_metrics.loss'?"),
        ("tags", "cannot be sorted by their tags"),
        ("config.\ud800", "half of a surrogate pair"),
        (5, "takes text such as '-created_at', not int"),
    ],
)
def test_an_order_that_is_not_understood_is_refused(order: Any, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_order(order)
    assert message in str(refused.value)
