"""The body of a file stream request."""

from __future__ import annotations

from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import WbexportError
from wbexport.server.posts import Lines, parse_console_line, parse_post


def test_a_heartbeat_holds_nothing() -> None:
    post = parse_post(b"{}")
    assert [post.history, post.events, post.console] == [Lines()] * 3
    assert (post.summary, post.complete, post.exit_code) == (None, False, None)


def test_each_streamed_file_goes_where_it_belongs() -> None:
    files = {
        "wandb-history.jsonl": {"offset": 3, "content": ['{"_step":3,"loss":NaN}']},
        "wandb-events.jsonl": {"offset": 1, "content": ["{}"]},
        "wandb-summary.json": {"offset": 0, "content": ['{"a":1}', '{"a":Infinity}']},
        "output.log": {"offset": 7, "content": ["one", "two"]},
        "unknown.txt": {"offset": 0, "content": ["x"]},
    }
    post = parse_post(orjson.dumps({"files": files, "complete": True, "exitcode": 3}))
    assert post.history == Lines(3, ('{"_step":3,"loss":NaN}',))
    assert (post.events.offset, post.console.end) == (1, 9)
    assert post.summary == '{"a":Infinity}'
    assert (post.complete, post.exit_code) == (True, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[]",
        b'{"files": []}',
        b'{"files": {"output.log": []}}',
        b'{"files": {"output.log": {"offset": -1, "content": []}}}',
        b'{"files": {"output.log": {"offset": "0", "content": []}}}',
        b'{"files": {"output.log": {"offset": 0, "content": "x"}}}',
        b'{"files": {"output.log": {"offset": 0, "content": [1]}}}',
        b'{"files": {"wandb-summary.json": {"offset": 0, "content": ["1"]}}}',
        b'{"files": {"wandb-summary.json": {"offset": 0, "content": ["{"]}}}',
    ],
)
def test_a_body_of_another_form_is_an_error(body: bytes) -> None:
    with pytest.raises((ValueError, WbexportError)):
        parse_post(body)


@given(st.integers(0, 20), st.lists(st.text()), st.integers(0, 30))
def test_lines_seen_before_are_dropped_and_no_others(
    offset: int, content: list[str], seen: int
) -> None:
    numbered = dict(enumerate(content, start=offset))
    left = Lines(offset, tuple(content)).after(seen)
    wanted = {number: line for number, line in numbered.items() if number >= seen}
    assert dict(enumerate(left.content, start=left.offset)) == wanted


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("2026-11-23T08:44:29.445816 hello", None, "hello"),
        ("ERROR 2026-11-23T08:44:29.445816 oh no", "error", "oh no"),
        ("2026-11-23T08:44:29.445816 ", None, ""),
    ],
)
def test_a_console_line_splits_into_level_time_and_text(
    line: str, level: str | None, text: str
) -> None:
    parsed = parse_console_line(line)
    assert (parsed.level, parsed.text) == (level, text)
    assert parsed.logged_at == datetime(2026, 11, 23, 8, 44, 29, 445816)


@pytest.mark.parametrize("line", ["", "plain", "ERROR plain", "2026-99-99T08:44:29 x"])
def test_a_line_without_a_time_is_kept_whole(line: str) -> None:
    assert parse_console_line(line).text == line
