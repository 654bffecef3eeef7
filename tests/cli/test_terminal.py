from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wbexport.cli.terminal import display_width, printable, render_table, shorten


@given(st.text())
def test_printable_text_holds_no_control_character(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"])))
def test_plain_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_an_escape_sequence_in_a_name_becomes_visible() -> None:
    assert printable("\x1b]0;owned\x07") == "\\x1b]0;owned\\x07"
    assert printable("safe\u202egpj.exe") == "safe\\u202egpj.exe"
    assert printable("\U000e0041") == "\\U000e0041"


def test_wide_characters_take_two_cells_and_marks_none() -> None:
    assert display_width("損失") == 4
    assert display_width("e\u0301") == 1
    assert display_width("loss") == 4


@given(st.text().map(printable), st.integers(1, 20))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert display_width(shorten(text, width)) <= width


def test_only_text_that_was_cut_ends_in_an_ellipsis() -> None:
    assert shorten("12345", 5) == "12345"
    assert shorten("123456", 5) == "1234…"
    assert shorten("損失損失", 4) == "損…"


def test_columns_are_aligned_by_cells_not_by_characters() -> None:
    table = render_table(["name", "n"], [["損失", "1"], ["loss", "22"]], right=[False, True])
    assert table.splitlines() == ["name   n", "----  --", "損失   1", "loss  22"]


def test_a_wide_column_is_cut_to_fit_the_terminal() -> None:
    table = render_table(["id", "notes"], [["a", "x" * 200]], width=30)
    assert max(map(display_width, table.splitlines())) == 30
    assert "…" in table


def test_a_table_with_no_rows_shows_its_header() -> None:
    assert render_table(["run", "state"], []) == "run  state\n---  -----"


def test_a_hostile_header_is_escaped_too() -> None:
    assert "\x1b" not in render_table(["\x1b[2J"], [["\r"]])
