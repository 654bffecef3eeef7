"""What a terminal would show of what was written to it."""

from __future__ import annotations

from datetime import datetime

import pytest

from wbexport.ingest.terminal import Console

NOW = datetime(2026, 1, 1)


def show(*written: str, first: int = 0) -> list[tuple[int, str]]:
    console = Console(first)
    for text in written:
        console.write(text, NOW, is_error=False)
    return [(line.number, line.text) for line in console]


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (["a\nb\n"], ["a", "b"]),
        (["no end"], ["no end"]),
        (["a", "b\n", "c"], ["ab", "c"]),
        (["\n\nx\n"], ["", "", "x"]),
        (["50%\r100%\n"], ["100%"]),
        (["longer\rab"], ["abnger"]),
        (["a\r\nb\r\n"], ["a", "b"]),
        (["one\ntwo\n\x1b[2Aupper\n"], ["upper", "two"]),
        (["one\ntwo\n\x1b[A\x1b[Aupper\n\x1b[5Blast"], ["upper", "two", "last"]),
        (["\x1b[99A\x1b[99999Bx"], ["x"]),
        (["\x1b[31mred\x1b[0m"], ["\x1b[31mred\x1b[0m"]),
        ([], []),
    ],
)
def test_the_cursor_moves_as_on_a_terminal(written: list[str], lines: list[str]) -> None:
    assert show(*written) == list(enumerate(lines))


def test_lines_are_numbered_from_where_the_run_stands() -> None:
    assert show("a\nb", first=7) == [(7, "a"), (8, "b")]


def test_each_stream_has_its_own_cursor_and_lines_keep_the_order_in_which_they_began() -> None:
    console = Console()
    console.write("error, first half ", NOW, is_error=True)
    console.write("output\n", NOW, is_error=False)
    console.write("and second\n", NOW, is_error=True)
    assert [(line.level, line.text) for line in console] == [
        ("error", "error, first half and second"),
        (None, "output"),
    ]
