"""DuckDB, polars and the oracle agree on filters that nobody thought of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.query.cases import sample_runs
from tests.query.readers import Readers
from tests.query.strategies import filters
from wbexport.query.mongo import parse_filter, to_mongo

READERS = Readers(sample_runs())


def agree(wanted: dict[str, Any]) -> None:
    expression = parse_filter(wanted)
    expected = READERS.oracle_filter(wanted)
    assert READERS.duckdb_filter(expression) == expected
    assert READERS.polars_filter(expression) == expected
    assert parse_filter(to_mongo(expression)) == expression


quick = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(quick, max_examples=1_000, derandomize=True)
@given(filters)
def test_readers_agree_on_generated_filters(wanted: dict[str, Any]) -> None:
    agree(wanted)


@pytest.mark.slow
@settings(quick, max_examples=10_000)
@given(filters)
def test_readers_agree_on_ten_thousand_generated_filters(wanted: dict[str, Any]) -> None:
    agree(wanted)
