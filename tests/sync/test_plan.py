"""The plan: every change a header can show leads to the right work, and no change to none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.arrow.schema import RUNS
from wbexport.sync.plan import MAX_ATTEMPTS, Fingerprint, StoredRun, plan_run, plan_runs

HISTORY = ("history",)
EVERYTHING = ("history", "system", "files", "console")


def keys_json(lines: int, last_step: int) -> str:
    counts = [{"type": "number", "count": lines}]
    return json.dumps({"keys": {"loss": {"typeCounts": counts}}, "lastStep": last_step})


def header_of(lines: int = 10, last_step: int = 9, **columns: Any) -> dict[str, Any]:
    header: dict[str, Any] = dict.fromkeys(RUNS.names)
    header |= {"storage_id": "s1", "run_id": "r1", "state": "finished", "config": "{}"}
    header |= {"history_line_count": lines, "last_step": last_step, "events_line_count": 3}
    header |= {"history_keys": keys_json(lines, last_step), "heartbeat_at": "2026-01-01"}
    return header | columns


def stored_by(header: dict[str, Any], include: Any = HISTORY, **changes: Any) -> StoredRun:
    plan = plan_run(header, None, include)
    rows, last_step = header["history_line_count"], header["last_step"]
    return replace(StoredRun(1, "complete", plan.fingerprint, rows, last_step), **changes)


def action_after(then: dict[str, Any], now: dict[str, Any], **changes: Any) -> str:
    return plan_run(now, stored_by(then, **changes), HISTORY).action


def test_a_run_never_seen_is_new():
    plan = plan_run(header_of(), None, EVERYTHING)
    assert (plan.action, plan.from_step, plan.streams) == ("new", None, EVERYTHING)


@pytest.mark.parametrize("include", [HISTORY, EVERYTHING, ("system",), ("files", "console")])
def test_a_run_brought_over_by_the_same_header_is_unchanged(include: Any):
    plan = plan_run(header_of(), stored_by(header_of(), include), include)
    assert (plan.action, plan.streams, plan.rows) == ("unchanged", (), 0)


def test_more_rows_at_the_end_are_appended_from_the_last_stored_step():
    plan = plan_run(header_of(14, 13), stored_by(header_of()), HISTORY)
    assert (plan.action, plan.from_step, plan.rows) == ("grew", 9, 4)


@pytest.mark.parametrize(
    ("lines", "last_step"), [(9, 9), (10, 8), (5, 30), (30, 5), (11, 9), (10, 10)]
)
def test_counts_that_a_pure_append_cannot_give_mean_rewritten(lines: int, last_step: int):
    assert action_after(header_of(), header_of(lines, last_step)) == "rewritten"


def test_other_keys_over_the_same_rows_mean_rewritten():
    assert action_after(header_of(), header_of(history_keys=keys_json(8, 9))) == "rewritten"


def test_a_new_branch_point_means_rewritten_even_when_the_run_is_longer():
    rewound = json.dumps({"branch_point": {"run_id": "r1", "step": 4}})
    assert action_after(header_of(), header_of(20, 19, wandb_config=rewound)) == "rewritten"


def test_a_writer_that_left_no_trace_in_the_counts_is_looked_at_again():
    assert action_after(header_of(), header_of(heartbeat_at="2026-01-02")) == "grew"


@pytest.mark.parametrize(
    ("column", "value"),
    [("tags", ["a"]), ("notes", "n"), ("config", "{}  "), ("summary", "{}"), ("state", "crashed")],
)
def test_an_edit_fetches_no_history(column: str, value: Any):
    plan = plan_run(header_of(**{column: value}), stored_by(header_of()), HISTORY)
    assert (plan.action, plan.streams) == ("edited", ())


#: They move by themselves or belong to a further stream.
UNSEEN = {"storage_id", "updated_at", "duration", "events_line_count", "log_line_count"}


@pytest.mark.parametrize("column", [name for name in RUNS.names if name not in UNSEEN])
def test_no_column_of_a_header_changes_unseen(column: str):
    changed = header_of(**{column: 99 if column in ("history_line_count", "last_step") else '"x"'})
    assert action_after(header_of(), changed) != "unchanged"


def test_a_half_loaded_run_goes_on_after_its_last_committed_step():
    stored = stored_by(header_of(100, 99), status="loading", rows=40, last_step=39)
    plan = plan_run(header_of(100, 99), stored, HISTORY)
    assert (plan.action, plan.from_step, plan.rows) == ("resume", 39, 60)


def test_a_half_loaded_run_that_shrank_below_what_is_stored_starts_again():
    stored = stored_by(header_of(100, 99), status="loading", rows=40, last_step=39)
    assert plan_run(header_of(30, 29), stored, HISTORY).action == "rewritten"


@pytest.mark.parametrize("attempts", range(MAX_ATTEMPTS + 1))
def test_an_incomplete_run_is_read_again_a_few_times_then_when_it_changes(attempts: int):
    status = {"status": "incomplete", "attempts": attempts}
    again = "rewritten" if attempts < MAX_ATTEMPTS else "unchanged"
    assert action_after(header_of(), header_of(), **status) == again
    assert action_after(header_of(), header_of(12, 11), **status) == "rewritten"


def test_growth_seen_without_asking_for_histories_is_fetched_by_the_next_sync_that_asks():
    then, grown = header_of(), header_of(14, 13, heartbeat_at="2026-01-02")
    system_only = plan_run(grown, stored_by(then), ("system",))
    assert system_only.streams == ("system",)
    stored = stored_by(then, fingerprint=system_only.fingerprint)
    assert plan_run(grown, stored, HISTORY).action == "grew"


def test_only_the_streams_that_moved_are_fetched():
    stored = stored_by(header_of(), EVERYTHING)
    plan = plan_run(header_of(events_line_count=4), stored, EVERYTHING)
    assert (plan.action, plan.streams) == ("edited", ("system",))


def test_a_run_stored_without_history_is_new_once_histories_are_asked_for():
    stored = stored_by(header_of(), (), status="header", rows=0, last_step=None)
    assert plan_run(header_of(), stored, HISTORY).action == "new"


@pytest.mark.parametrize("filtered", [False, True])
def test_only_a_listing_without_a_filter_shows_that_runs_vanished(filtered: bool):
    stored = {name: stored_by(header_of()) for name in ("s1", "s2")}
    plan = plan_runs("e/p", [header_of()], stored, filtered=filtered)
    assert plan.vanished == (() if filtered else ("s2",))


def test_a_plan_adds_up():
    headers = [header_of(storage_id=f"s{number}") for number in range(20)]
    plan = plan_runs("e/p", headers, {"s0": stored_by(headers[0])})
    assert plan.actions == {"unchanged": 1, "new": 19}
    assert (plan.rows, plan.requests) == (190, 1 + 2 * 19)
    assert plan.to_dict()["minutes"] == plan.minutes > 0


def test_what_is_no_fingerprint_decodes_to_nothing():
    assert [Fingerprint.decode(text) for text in (None, "", "{", "[]", "null")] == [None] * 5


counters = st.none() | st.integers(0, 30)


@given(counters, counters, counters, counters, st.booleans())
def test_a_history_is_left_alone_only_when_no_counter_moved(
    lines: Any, last: Any, new_lines: Any, new_last: Any, moved: bool
):
    then = header_of(lines, last, history_keys=None)
    heartbeat = "2026-01-02" if moved else "2026-01-01"
    now = header_of(new_lines, new_last, history_keys=None, heartbeat_at=heartbeat)
    plan = plan_run(now, stored_by(then, rows=lines or 0), HISTORY)
    untouched = (lines, last) == (new_lines, new_last) and not (moved and lines)
    assert ("history" not in plan.streams) == untouched
    assert Fingerprint.decode(plan.fingerprint.encode()) == plan.fingerprint
