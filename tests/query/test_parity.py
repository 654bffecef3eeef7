"""DuckDB, polars and a plain reading of the rules agree on every filter and order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.query.cases import FILTERS, ORDERS, sample_runs
from tests.query.readers import Readers
from wbexport.query.mongo import parse_filter, to_mongo


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers(sample_runs())


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: repr(filters)[:60])
def test_readers_agree_on_a_filter(readers: Readers, filters: dict[str, Any] | None) -> None:
    expression = parse_filter(filters)
    expected = readers.oracle_filter(filters)
    assert readers.duckdb_filter(expression) == expected
    assert readers.polars_filter(expression) == expected


@pytest.mark.parametrize("order", ORDERS, ids=repr)
def test_readers_agree_on_an_order(readers: Readers, order: str | None) -> None:
    expected = readers.oracle_order(order)
    assert readers.duckdb_order(order) == expected
    assert readers.polars_order(order) == expected


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: repr(filters)[:60])
def test_a_filter_survives_the_way_back_to_json(filters: dict[str, Any] | None) -> None:
    expression = parse_filter(filters)
    assert parse_filter(to_mongo(expression)) == expression


def test_the_table_is_large_and_tells_runs_apart(readers: Readers) -> None:
    sizes = [len(readers.oracle_filter(filters)) for filters in FILTERS]
    assert len(FILTERS) >= 100
    assert len(ORDERS) >= 30
    assert sum(0 < size < len(readers.runs) for size in sizes) > 0.8 * len(sizes)
