"""Walking pages whose server may not tell the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import ResponseError
from wbexport.graphql.connection import iter_pages

if TYPE_CHECKING:
    from collections.abc import Callable


def page(nodes: list[int], cursor: str | None, more: bool) -> dict[str, Any]:
    edges = [{"node": {"n": node}, "cursor": f"c{node}"} for node in nodes]
    return {"edges": edges, "pageInfo": {"endCursor": cursor, "hasNextPage": more}}


def nodes_of(fetch: Callable[[str | None], Any], **options: Any) -> list[int]:
    return [edge["node"]["n"] for page in iter_pages(fetch, **options) for edge in page["edges"]]


@given(st.integers(0, 50), st.integers(1, 20), st.booleans())
def test_every_node_comes_once_in_order(total: int, size: int, ends: bool) -> None:
    def fetch(cursor: str | None) -> dict[str, Any]:
        start = 0 if cursor is None else int(cursor[1:]) + 1
        nodes = list(range(start, min(total, start + size)))
        return page(nodes, f"c{nodes[-1]}" if nodes and ends else None, start + size < total)

    assert nodes_of(fetch) == list(range(total))
    assert nodes_of(fetch, start="c4") == list(range(5, total))


def test_null_edges_and_edges_without_a_node_are_left_out() -> None:
    edges = [None, {"node": None}, {"node": {"n": 1}}, {}]
    assert nodes_of(lambda _: {"edges": edges, "pageInfo": None}) == [1]


LIES = {
    "null connection": lambda number: None,
    "null edges": lambda number: {"edges": None, "pageInfo": {"hasNextPage": False}},
    "no edges field": lambda number: {"pageInfo": {"hasNextPage": False}},
    "the same cursor for ever": lambda number: page([1], "x", True),
    "two cursors in turn": lambda number: page([1], "xy"[number % 2], True),
    "no cursor": lambda number: {"edges": [], "pageInfo": {"hasNextPage": True}},
    "empty pages for ever": lambda number: page([], f"x{number}", True),
    "empty cursor": lambda number: page([], "", True),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_ends_in_an_error_after_few_requests(lie: Callable[[int], Any]) -> None:
    asked: list[str | None] = []

    def fetch(cursor: str | None) -> Any:
        asked.append(cursor)
        return lie(len(asked))

    with pytest.raises(ResponseError):
        nodes_of(fetch)
    assert len(asked) <= 3
