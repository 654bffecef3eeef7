"""Step windows: whatever the density of the rows, all of them come, in few requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbexport.api.pages import StepWindows, iter_step_pages
from wbexport.arrow.convert import rows_to_long
from wbexport.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

STEPS = st.one_of(
    st.lists(st.integers(0, 50_000), unique=True, max_size=300),
    st.builds(range, st.integers(0, 50), st.integers(0, 400)),
    st.builds(range, st.integers(0, 50), st.integers(0, 10**9), st.integers(10**6, 10**7)),
).map(sorted)


class ThinningServer:
    """Answers a window with at most `samples` rows, evenly thinned, and counts the calls."""

    def __init__(self, steps: list[int]) -> None:
        self.steps = steps
        self.calls = 0

    def __call__(self, start: int, stop: int, samples: int) -> pa.Table:
        self.calls += 1
        steps = [step for step in self.steps if start <= step < stop]
        every = math.ceil(len(steps) / samples) if steps else 1
        return page_of(steps[::every])


def page_of(steps: list[int]) -> pa.Table:
    return rows_to_long([{"_step": step} for step in steps])


def steps_of(pages: Iterable[pa.Table]) -> list[int]:
    return [step for page in pages for step in page.column("step").to_pylist()]


@settings(deadline=None)
@given(STEPS, st.sampled_from([32, 50, 1000]), st.booleans(), st.booleans())
def test_every_row_comes_once_and_in_order(
    steps: list[int], page_rows: int, knows_end: bool, knows_density: bool
) -> None:
    server = ThinningServer(steps)
    density = (steps[-1] + 1) / len(steps) if knows_density and steps else None
    end = steps[-1] + 1 if knows_end and steps else None
    windows = StepWindows(0, end, page_rows=page_rows, steps_per_row=density)
    assert steps_of(iter_step_pages(server, windows)) == steps


def test_a_run_stepped_by_tokens_costs_few_calls() -> None:
    server = ThinningServer(list(range(0, 10**9, 10**5)))
    windows = StepWindows(0, 10**9, steps_per_row=1e5)
    assert len(steps_of(iter_step_pages(server, windows))) == 10_000
    assert server.calls <= 20


def test_a_long_gap_is_crossed_in_logarithmic_time() -> None:
    server = ThinningServer([*range(100), 10**12])
    windows = StepWindows(0, 10**12 + 1, page_rows=50, steps_per_row=1.0)
    assert len(steps_of(iter_step_pages(server, windows))) == 101
    assert server.calls < 60


def test_an_empty_run_costs_one_call() -> None:
    server = ThinningServer([])
    assert list(iter_step_pages(server, StepWindows(0, None))) == []
    assert server.calls == 1


def test_pages_that_the_server_cannot_make_are_asked_in_smaller_parts() -> None:
    server = ThinningServer(list(range(500)))

    def fetch(start: int, stop: int, samples: int) -> pa.Table:
        if samples > 100:
            raise ServerError("too much")
        return server(start, stop, samples)

    pages = iter_step_pages(fetch, StepWindows(0, 500))
    assert steps_of(pages) == list(range(500))


def test_a_server_that_fails_on_the_smallest_page_is_an_error() -> None:
    def fetch(start: int, stop: int, samples: int) -> pa.Table:
        raise ServerError("down")

    with pytest.raises(ServerError, match="down"):
        list(iter_step_pages(fetch, StepWindows(0, 500)))


def test_rows_outside_of_what_was_asked_for_are_left_out() -> None:
    pages = iter_step_pages(lambda *_: page_of([3, 12, 15, 20]), StepWindows(12, 20))
    assert steps_of(pages) == [12, 15]


def test_wide_rows_make_small_pages() -> None:
    assert StepWindows(0, 100, keys=10_000).samples <= 64
