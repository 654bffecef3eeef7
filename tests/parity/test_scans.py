"""`scan_histories` of a server and of its store are one frame."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.arrow.strategies import rows, values
from tests.views.conftest import ROWS, fill
from wbexport.api import scan_histories
from wbexport.api.client import Api
from wbexport.errors import WbexportError
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.store.statistics import update_history_keys
from wbexport.transport import wsgi_transport
from wbexport.views.runs import ArchiveRuns

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from wbexport.api.runs import Runs

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


@contextmanager
def both_doors(
    logged: dict[str, list[dict[str, Any]]], policy: ExportPolicy, *, running: bool = False
) -> Iterator[tuple[Runs, ArchiveRuns]]:
    """The runs by way of a server, and from its store."""
    with Store.in_memory() as store:
        numbers = fill(store, logged)
        with store.transaction() as cursor:
            cursor.execute(
                "update stored.runs set status = 'live', history_line_count = stored_rows"
            )
            if running:
                cursor.execute("update stored.runs set state = 'running' where run_no % 2 = 0")
            update_history_keys(cursor, list(numbers.values()))
        token = new_token()
        app = create_app(store, token=token, exports=policy)
        overrides = {"base_url": "http://127.0.0.1"}
        found = Settings.load(api_key=token, overrides=overrides, environ={})
        remote = Api(settings=found, transport=wsgi_transport(app)).runs(PROJECT)
        yield remote, ArchiveRuns(store, PROJECT)


def scan_both(
    logged: dict[str, list[dict[str, Any]]], exports: bool, **options: Any
) -> list[pl.DataFrame]:
    with both_doors(logged, ExportPolicy(enabled=exports)) as doors:
        scans = [door.scan_histories(**options) for door in doors]
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


#: What keys hold that can be asked for by key, and some surprises among them.
CELLS = {
    "loss": st.floats(-9, 9) | st.sampled_from([float("nan"), float("inf"), -0.0, 3]),
    "tokens": st.integers(0, 9) | st.sampled_from([2**53, 2**53 + 1, 2**70, 1e300]),
    "note": st.text(max_size=3) | st.sampled_from(["NaN", "1", ""]),
    "done": st.booleans(),
    "a.b": st.floats(-9, 9),
}
POLICIES = [
    ExportPolicy(enabled=False),
    ExportPolicy(),
    ExportPolicy(live_rows=2, overlap_rows=1, rows_per_file=2),
]


@st.composite
def projects(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Runs with sparse keys, some of which whole runs lack; the others have an object too."""
    runs = {}
    for number in range(draw(st.integers(1, 4))):
        lacking = draw(st.sampled_from([None, *CELLS]))
        cells = {key: cell for key, cell in CELLS.items() if key != lacking}
        row = st.fixed_dictionaries({}, optional={**cells, "nest": st.just({"w": 1})})
        steps = sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=12)))
        runs[f"run-{number}"] = [{"_step": step, **draw(row)} for step in steps]
    return runs


def outcome(runs: Runs, **options: Any) -> pa.Table | str:
    """The frame, or the kind of the error that came in its place."""
    try:
        return runs.scan_histories(**options, format="arrow").read_all()
    except WbexportError as error:
        return type(error).__name__


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    projects(),
    st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=3, unique=True),
    st.sampled_from(["any", "all"]),
    st.sampled_from(POLICIES),
    st.booleans(),
    st.sampled_from([(None, None), (5, 30), (20, None)]),
)
def test_keys_asked_for_by_key_are_those_read_from_the_files(
    logged: dict[str, list[dict[str, Any]]],
    keys: list[str],
    how: str,
    policy: ExportPolicy,
    running: bool,
    steps: tuple[int | None, int | None],
) -> None:
    options = {"keys": keys, "how": how, "min_step": steps[0], "max_step": steps[1]}
    doors = both_doors(logged, policy, running=running)
    with doors as (remote, _), pytest.MonkeyPatch.context() as m:
        m.setattr(scan_histories, "_LARGEST_SHARE", 1)
        by_key = outcome(remote, **options)
        m.setattr(scan_histories, "_LARGEST_SHARE", -1)
        from_files = outcome(remote, **options)
    if isinstance(from_files, str):
        assert by_key == from_files
    else:
        assert_frame_equal(pl.DataFrame(by_key), pl.DataFrame(from_files))
