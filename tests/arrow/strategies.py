"""Hypothesis strategies for logged rows, hostile values included."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from wbexport.arrow.literals import SPECIAL_NUMBERS

SURROGATE_TEXT = st.text(st.characters(codec=None), max_size=6)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["loss", "Loss", "train/loss", "a.b", 'q"uote', "_timestamp"]
)

integers = (
    st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from([2**53, 2**53 + 1, 10**19])
)
floats = st.floats() | st.sampled_from([-0.0, 0.0, 1.0, 2.0**53, 1e300])
scalars = integers | floats | st.booleans() | st.none() | SURROGATE_TEXT
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def rows(value: st.SearchStrategy[Any] = values) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of one run, one per step, in step order."""
    keys = KEYS.filter(lambda key: key != "_step")
    steps = st.lists(st.integers(-(2**62), 2**62), unique=True, max_size=8)
    return steps.flatmap(
        lambda chosen: st.tuples(
            *(
                st.dictionaries(keys, value, max_size=5).map(
                    lambda row, s=step: {"_step": s, **row}
                )
                for step in sorted(chosen)
            )
        ).map(list)
    )


def as_read(value: Any) -> Any:
    """Give a logged value as the value model says it reads."""
    if type(value) is int and abs(value) >= 2**53 and _is_double(value):
        return float(value)
    return SPECIAL_NUMBERS.get(value, value) if isinstance(value, str) else _normal(value)


def same(first: Any, second: Any) -> bool:
    """Compare parsed JSON with types, NaN and the sign of zero told apart; keys have no order."""
    return repr(_ordered(first)) == repr(_ordered(second))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if type(value) is not float or not abs(value) < 2**53 or value != int(value):
        return value
    return value if value == 0 and math.copysign(1, value) < 0 else int(value)


def _is_double(number: int) -> bool:
    try:
        return float(number) == number
    except OverflowError:
        return False
