"""Exported files and the live tail, cut anywhere: no step is lost and none comes twice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from wbexport.server.exports import ExportPolicy
from wbexport.store.database import Store

from .conftest import World
from .truth import Truth
from .wire import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

policies = st.builds(
    ExportPolicy,
    enabled=st.sampled_from([True, True, True, False]),
    live_rows=st.integers(0, 12),
    overlap_rows=st.integers(0, 12),
    rows_per_file=st.integers(1, 9),
)
few = st.integers(0, 8)
gaps = st.lists(st.sampled_from([1, 1, 1, 2, 7, 1000, 10**9]), max_size=25)


def rows_at(steps: list[int]) -> list[dict[str, Any]]:
    return [
        {"_step": step, "loss": step + 0.5, **({"acc": 1} if step % 2 else {})} for step in steps
    ]


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[Store, Store]]:
    with Store.in_memory() as truth, Store.in_memory() as archive:
        yield truth, archive


numbers = itertools.count()


def check_split(
    stores: tuple[Store, Store], policy: ExportPolicy, steps: list[int], later: int
) -> None:
    """Syncs a run in two parts, served as the policy says."""
    api, wire = connect(stores[0], policy)
    world = World(Truth(stores[0], f"p{next(numbers)}"), stores[1], api, wire)
    cut = max(0, len(steps) - later)
    run = world.truth.new(rows_at(steps[:cut]))
    assert world.sync().status == "ok"
    if later:
        world.truth.log(run, rows_at(steps[cut:]))
        assert world.sync().status == "ok"
    world.assert_equal()


@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(policy=policies, start=st.sampled_from([0, 1, 5, 12345]), strides=gaps, later=few)
def test_no_step_is_lost_or_doubled_where_files_and_live_rows_meet(
    stores: Any, policy: ExportPolicy, start: int, strides: list[int], later: int
):
    check_split(stores, policy, list(itertools.accumulate(strides, initial=start)), later)


@pytest.mark.slow
@settings(
    max_examples=5000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(policy=policies, start=st.integers(0, 10**6), strides=gaps, later=few)
def test_no_step_is_lost_or_doubled_in_thousands_of_splits(
    stores: Any, policy: ExportPolicy, start: int, strides: list[int], later: int
):
    check_split(stores, policy, list(itertools.accumulate(strides, initial=start)), later)
