"""`scan_histories` of a server and of its store are one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.arrow.strategies import rows, values
from tests.views.conftest import ROWS, fill
from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.store.statistics import update_history_keys
from wbexport.transport import wsgi_transport
from wbexport.views.runs import ArchiveRuns

if TYPE_CHECKING:
    import polars as pl

PROJECT = "team/vision"
OPTIONS: list[dict[str, Any]] = [
    {},
    {"keys": ["loss", "acc"]},
    {"keys": ["acc", "loss"], "how": "all"},
    {"keys": ["acc"], "min_step": 3, "max_step": 30},
    {"keys": ["img", "run_id"]},
]
#: A server counts integers that no double holds as numbers: scanning them over it is an error.
DOUBLES = values.filter(lambda value: type(value) is not int or abs(value) <= 2**53)


def scan_both(
    logged: dict[str, list[dict[str, Any]]], exports: bool, **options: Any
) -> list[pl.LazyFrame]:
    """The histories by way of a server, and from its store."""
    with Store.in_memory() as store:
        numbers = fill(store, logged)
        with store.transaction() as cursor:
            cursor.execute(
                "update stored.runs set status = 'live', history_line_count = stored_rows"
            )
            update_history_keys(cursor, list(numbers.values()))
        token = new_token()
        app = create_app(store, token=token, exports=ExportPolicy(enabled=exports))
        overrides = {"base_url": "http://127.0.0.1"}
        found = Settings.load(api_key=token, overrides=overrides, environ={})
        remote = Api(settings=found, transport=wsgi_transport(app)).runs(PROJECT)
        scans = [door.scan_histories(**options) for door in (remote, ArchiveRuns(store, PROJECT))]
        assert scans[0].collect_schema() == scans[1].collect_schema()
        return [scan.collect() for scan in scans]


@pytest.mark.parametrize("exports", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_server_and_its_store_give_one_frame(options: dict[str, Any], exports: bool) -> None:
    remote, stored = scan_both(ROWS, exports, **options)
    assert remote.height
    assert_frame_equal(remote, stored)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows(DOUBLES), min_size=1, max_size=3), st.booleans())
def test_any_histories_give_one_frame(logged: list[list[dict[str, Any]]], exports: bool) -> None:
    # The live pages of a server begin at step 0.
    runs = {
        f"run-{n}": [row | {"_step": 3 * place} for place, row in enumerate(part)]
        for n, part in enumerate(logged)
    }
    remote, stored = scan_both(runs, exports)
    assert_frame_equal(remote, stored)
