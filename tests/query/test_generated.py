"""DuckDB, polars and the oracle agree on filters that nobody thought of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.query.cases import sample_runs
from tests.query.readers import Readers
from tests.query.strategies import filters
from wbexport.query.mongo import parse_filter, to_mongo

READERS = Readers(sample_runs())
# Most of the time is planning, so that some filters together cost half of what they cost alone.
TOGETHER = 5

several = st.lists(filters, min_size=TOGETHER, max_size=TOGETHER)
quick = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def agree(wanted: list[dict[str, Any]]) -> None:
    expressions = [parse_filter(each) for each in wanted]
    expected = [READERS.oracle_filter(each) for each in wanted]
    assert READERS.duckdb_filters(expressions) == expected
    assert [READERS.polars_filter(each) for each in expressions] == expected
    assert [parse_filter(to_mongo(each)) for each in expressions] == expressions


@settings(quick, max_examples=1_000 // TOGETHER, derandomize=True)
@given(several)
def test_readers_agree_on_generated_filters(wanted: list[dict[str, Any]]) -> None:
    agree(wanted)


@pytest.mark.slow
@settings(quick, max_examples=10_000 // TOGETHER)
@given(several)
def test_readers_agree_on_ten_thousand_generated_filters(wanted: list[dict[str, Any]]) -> None:
    agree(wanted)
