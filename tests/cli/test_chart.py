from __future__ import annotations

import math

from wbexport.cli.chart import Series, render_chart


def plot_of(chart: str) -> list[str]:
    """Braille parts of a chart without colours."""
    return [line.split("┤")[1] for line in chart.splitlines() if "┤" in line]


def test_a_falling_line_goes_from_top_left_to_bottom_right() -> None:
    lines = plot_of(render_chart([Series("loss", [0, 1], [1.0, 0.0])], width=10, height=5))
    assert lines[0][0] != " "
    assert len(lines[-1]) == 10
    assert [len(line) for line in lines] == sorted(len(line) for line in lines)


def test_the_axes_carry_the_extremes() -> None:
    chart = render_chart([Series("loss", [5, 25], [0.125, 2.5])], width=20, height=4)
    assert chart.splitlines()[0].split()[0] == "2.5"
    assert chart.splitlines()[3].split()[0] == "0.125"
    assert chart.splitlines()[5].split() == ["5", "25"]


def test_values_that_are_not_finite_leave_a_gap() -> None:
    whole = render_chart([Series("a", [0, 1, 2, 3, 4], [1, 1, 1, 1, 1])], width=20, height=3)
    cut = render_chart([Series("a", [0, 1, 2, 3, 4], [1, 1, math.nan, 1, 1])], width=20, height=3)
    assert sum(line.count(" ") for line in plot_of(cut)) > sum(
        line.count(" ") for line in plot_of(whole)
    )


def test_nothing_finite_is_said_in_words() -> None:
    assert render_chart([Series("a", [0], [math.inf])]) == "(no finite values to draw)"
    assert render_chart([]) == "(no finite values to draw)"


def test_one_point_is_one_dot() -> None:
    dots = "".join(plot_of(render_chart([Series("a", [3], [3])]))).replace(" ", "")
    assert len(dots) == 1
    assert (ord(dots) - 0x2800).bit_count() == 1


def test_colours_and_escapes_appear_only_when_asked_for() -> None:
    series = [Series("a\x1b[0m", [0, 1], [0, 1]), Series("b", [0, 1], [1, 0])]
    assert "\x1b" not in render_chart(series)
    assert "\x1b[36m" in render_chart(series, colour=True)
