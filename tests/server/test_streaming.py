"""File stream requests: repeated, packed, out of order, and the states they lead to."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.client import Raw, application, spelled
from wbexport.server.service import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = [json.dumps({"_step": step, "loss": step / 7}) for step in range(6)]


@pytest.fixture(scope="module")
def shared() -> Iterator[Raw]:
    with application() as client:
        yield client


@pytest.fixture
def raw(shared: Raw) -> Raw:
    client = shared.elsewhere()
    client.upsert("r")
    return client


@pytest.mark.parametrize("packed", [False, True])
def test_posted_rows_come_back(raw: Raw, packed: bool) -> None:
    files = {"wandb-history.jsonl": {"offset": 0, "content": LINES}}
    assert raw.stream("r", packed=packed, files=files).status_code == 200
    assert raw.rows("r") == [json.loads(line) for line in LINES]
    counts = raw.run("r", "historyLineCount historyKeys")
    assert counts["historyLineCount"] == 6
    assert counts["historyKeys"]["lastStep"] == 5


def test_a_repeated_request_changes_nothing(raw: Raw) -> None:
    for _ in range(3):
        raw.log("r", LINES[:4])
    raw.log("r", LINES[2:], offset=2)
    assert raw.rows("r") == [json.loads(line) for line in LINES]
    assert raw.run("r", "historyLineCount")["historyLineCount"] == 6


def test_values_keep_their_exact_form(raw: Raw) -> None:
    numbers = '"a":NaN,"b":-Infinity,"e":9007199254740993'
    raw.log("r", [f'{{"_step":0,{numbers},"c":"NaN","d":null,"f":[1,{{"g":NaN}}],"h":true}}'])
    (row,) = raw.rows("r")
    assert math.isnan(row.pop("a"))
    assert math.isnan(row["f"][1].pop("g"))
    numbers = {"_step": 0, "b": -math.inf, "e": 9007199254740993}
    assert row == numbers | {"c": "NaN", "d": None, "f": [1, {}], "h": True}


def test_raw_json_spells_what_has_no_token(raw: Raw) -> None:
    raw.log("r", ['{"_step":0,"a":NaN,"b":Infinity,"c":{"d":NaN}}'])
    found = raw.run("r", 'sampledHistory(specs: ["{\\"keys\\": [\\"a\\", \\"b\\", \\"c\\"]}"])')
    assert found["sampledHistory"] == [[{"a": "NaN", "b": "Infinity", "c": {"d": "NaN"}}]]


def test_processes_that_share_a_run_lose_nothing_of_each_other(raw: Raw) -> None:
    for process, repeats in (("a", 1), ("b", 2)):
        shared = {"X-WANDB-USE-ASYNC-FILESTREAM": "true", "X-WANDB-ASYNC-CLIENT-ID": process}
        client = raw.with_headers(shared)
        for offset in [0] * repeats + [2]:
            rows = [json.dumps({"_step": offset + n, process: offset + n}) for n in range(2)]
            client.log("r", rows, offset=offset)
    wanted = [{"a": n} for n in range(4)] + [{"b": n} for n in range(4)]
    assert raw.rows("r") == [{"_step": step} | row for step, row in enumerate(wanted)]


def test_a_line_without_a_step_gets_its_number(raw: Raw) -> None:
    raw.log("r", ['{"loss":1}', '{"loss":2}'], offset=3)
    assert raw.rows("r") == [{"_step": 3, "loss": 1}, {"_step": 4, "loss": 2}]


def test_machine_metrics_are_numbered_by_line(raw: Raw) -> None:
    for offset, value in ((0, 1.5), (1, 2.5), (1, 2.5)):
        line = json.dumps({"_wandb": True, "system.cpu": value, "_runtime": offset})
        raw.stream("r", files={"wandb-events.jsonl": {"offset": offset, "content": [line]}})
    found = raw.run("r", "events eventsLineCount systemMetrics eventsTail")
    assert [json.loads(row)["system.cpu"] for row in found["events"]] == [1.5, 2.5]
    assert (found["eventsLineCount"], found["systemMetrics"]) == (2, '{"system.cpu":2.5}')
    assert json.loads(json.loads(found["eventsTail"])[0])["system.cpu"] == 2.5


def test_console_lines_may_be_rewritten(raw: Raw) -> None:
    stamp = "2026-01-02T03:04:05.678900"
    first = {"output.log": {"offset": 0, "content": [f"{stamp} 10 %", f"ERROR {stamp} oops"]}}
    raw.stream("r", files=first)
    raw.stream("r", files={"output.log": {"offset": 0, "content": [f"{stamp} 20 %"]}})
    found = raw.run(
        "r", "logLineCount logLines(first: 10) { edges { node { number timestamp level line } } }"
    )
    lines = [edge["node"] for edge in found["logLines"]["edges"]]
    assert [(line["number"], line["level"], line["line"]) for line in lines] == [
        (0, "", "20 %"),
        (1, "error", "oops"),
    ]
    assert found["logLineCount"] == 2


def test_console_lines_page_from_the_first_and_from_the_end(raw: Raw) -> None:
    raw.stream("r", files={"output.log": {"offset": 0, "content": [str(n) for n in range(25)]}})
    seen: list[str] = []
    after = "null"
    while after is not None:
        page = raw.run(
            "r",
            f"logLines(first: 10, after: {after}) {{"
            " edges { node { line } } pageInfo { endCursor hasNextPage } }",
        )["logLines"]
        seen += [edge["node"]["line"] for edge in page["edges"]]
        more = page["pageInfo"]["hasNextPage"]
        after = json.dumps(page["pageInfo"]["endCursor"]) if more else None
    assert seen == [str(n) for n in range(25)]
    tail = raw.run("r", "logLines(last: 3) { edges { node { line } } }")["logLines"]["edges"]
    assert [edge["node"]["line"] for edge in tail] == ["22", "23", "24"]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({}, "running"),
        ({"preempting": True}, "preempting"),
        ({"complete": True, "exitcode": 0}, "finished"),
        ({"complete": True, "exitcode": 3}, "failed"),
        ({"complete": True}, "finished"),
    ],
)
def test_the_state_follows_what_is_posted(raw: Raw, body: dict[str, Any], state: str) -> None:
    raw.stream("r", **body)
    assert raw.run("r", "state exitcode") == {"state": state, "exitcode": body.get("exitcode")}


def test_an_edit_leaves_a_finished_run_finished_and_a_start_does_not(raw: Raw) -> None:
    raw.stream("r", complete=True, exitcode=0)
    storage_id = raw.run("r", "id")["id"]
    raw.upsert("r", id=storage_id, host=None, notes="edited")
    assert raw.run("r", "state notes") == {"state": "finished", "notes": "edited"}
    raw.upsert("r", id=storage_id)
    assert raw.run("r", "state exitcode") == {"state": "running", "exitcode": None}


def test_a_silent_run_has_crashed_until_it_speaks_again(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw.app.service, "clock", lambda: utc_now() + timedelta(minutes=4))
    assert _state_now(raw) == "running"
    monkeypatch.setattr(raw.app.service, "clock", lambda: utc_now() + timedelta(minutes=6))
    assert _state_now(raw) == "crashed"
    assert raw.in_project('runCount(filters: "{\\"state\\": \\"crashed\\"}")')["runCount"] == 1
    raw.stream("r")
    assert _state_now(raw) == "running"


def _state_now(raw: Raw) -> object:
    return raw.run("r", "state")["state"]


def test_a_stopped_run_is_told_and_ends_killed(raw: Raw) -> None:
    assert "stopped" not in raw.stream("r").json
    storage_id = raw.run("r", "id")["id"]
    raw.data("mutation ($id: ID!) { stopRun(input: {id: $id}) { success } }", id=storage_id)
    assert raw.stream("r").json["stopped"] is True
    raw.stream("r", complete=True, exitcode=255)
    assert raw.run("r", "state stopped") == {"state": "killed", "stopped": True}


def test_a_rewound_run_goes_on_from_the_step(raw: Raw) -> None:
    raw.log("r", LINES, complete=True, exitcode=0)
    text = """mutation ($project: String) { rewindRun(input: {runName: "r", entityName: "team",
        projectName: $project, metricName: "_step", metricValue: 2}) {
        rewoundRun { name historyLineCount } } }"""
    assert raw.data(text, project=raw.project)["rewindRun"]["rewoundRun"] == {
        "name": "r",
        "historyLineCount": 3,
    }
    raw.log("r", ['{"_step":3,"loss":-1}'], offset=3)
    assert [row["loss"] for row in raw.rows("r")] == [0, 1 / 7, 2 / 7, -1]


def test_resume_finds_the_last_row_and_the_counts(raw: Raw) -> None:
    raw.log("r", LINES)
    raw.upsert("r", config='{"_wandb": {"value": {"t": {"1": [5]}}}, "lr": {"value": 0.5}}')
    found = raw.run("r", 'historyTail historyLineCount wandbConfig(keys: ["t"]) config')
    assert [json.loads(line) for line in json.loads(found["historyTail"])] == [
        json.loads(LINES[-1])
    ]
    assert json.loads(found["wandbConfig"]) == {"t": {"1": [5]}}
    assert json.loads(found["config"])["lr"]["value"] == 0.5


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "1", '{"_step": "x"}', '{"_step": 0.5}', '{"_step": 1e300}', '{"_step": null}'],
)
def test_a_bad_line_is_refused_and_nothing_of_the_request_is_kept(raw: Raw, line: str) -> None:
    assert raw.log("r", [LINES[0], line]).status_code == 400
    assert raw.rows("r") == []


@pytest.mark.parametrize("field", ["config", "summaryMetrics"])
@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{},{}", "[" * 100_000])
def test_a_config_or_summary_that_is_no_object_is_refused(raw: Raw, field: str, text: str) -> None:
    mutation = (
        """mutation ($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }"""
    )
    given = {"name": "r", "entityName": "team", "modelName": raw.project, field: text}
    answer = raw.graphql(mutation, input=given)
    assert answer["errors"][0]["message"] == f"{field} must be a JSON object"


def test_a_run_nobody_upserted_is_not_found(raw: Raw) -> None:
    assert raw.stream("other").status_code == 404


def test_a_bomb_is_refused(raw: Raw) -> None:
    files = {"output.log": {"offset": 0, "content": [" " * 70_000_000]}}
    assert raw.stream("r", packed=True, files=files).status_code == 413


NAMES = st.text(min_size=1, max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(
    st.dictionaries(NAMES.filter(lambda key: key[0] != "_"), VALUES, max_size=4), max_size=5
)


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 5), max_size=3))
def test_any_rows_posted_in_any_pieces_come_back(
    shared: Raw, rows: list[dict[str, Any]], cuts: list[int]
) -> None:
    raw = shared.elsewhere()
    raw.upsert("r")
    lines = [json.dumps({"_step": step} | row) for step, row in enumerate(rows)]
    ends = sorted({min(cut, len(lines)) for cut in cuts} | {len(lines)})
    for start, end in zip([0, *ends], ends, strict=False):
        # Each piece repeats a line of the one before, as a retry would.
        start = max(start - 1, 0)
        assert raw.log("r", lines[start:end], offset=start).status_code == 200
    wanted = [spelled({"_step": step} | row) for step, row in enumerate(rows)]
    assert [spelled(row) for row in raw.rows("r")] == wanted
