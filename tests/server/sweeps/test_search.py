"""What a sweep tries next: grids in order, chance with a seed, and promising places."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.server.sweeps.hyperband import brackets, left_behind
from wbexport.server.sweeps.search import Trial, expected_runs, next_values
from wbexport.server.sweeps.space import choices, place_of, value_at
from wbexport.sweepconfig import Parameter

BOUNDED = [
    Parameter(("x",), "uniform", low=-2, high=3),
    Parameter(("x",), "int_uniform", low=-2, high=9),
    Parameter(("x",), "log_uniform", low=-4, high=2),
    Parameter(("x",), "log_uniform_values", low=1e-4, high=10),
    Parameter(("x",), "inv_log_uniform", low=-1, high=5),
    Parameter(("x",), "inv_log_uniform_values", low=1e-4, high=10),
    Parameter(("x",), "q_uniform", low=0, high=1, q=0.05),
    Parameter(("x",), "q_log_uniform", low=0, high=7, q=2),
    Parameter(("x",), "q_log_uniform_values", low=1, high=1000, q=5),
]
NORMAL = [
    Parameter(("x",), "normal", mu=3, sigma=2),
    Parameter(("x",), "log_normal", mu=-1, sigma=0.5),
    Parameter(("x",), "q_normal", mu=0, sigma=10, q=0.5),
    Parameter(("x",), "q_log_normal", mu=2, sigma=1, q=1),
]
PLACES = st.floats(0, 1, exclude_max=True)


def run_all(config: dict[str, Any], most: int = 1000, **loss: Any) -> list[dict[str, Any]]:
    trials: list[Trial] = []
    measure = loss.get("loss")
    while len(trials) < most:
        values = next_values(config, trials, seed="sweep")
        if values is None:
            break
        trials.append(Trial(values, measure(values) if measure else None))
    return [dict(trial.values) for trial in trials]


def grid(**parameters: Any) -> dict[str, Any]:
    return {"method": "grid", "parameters": parameters}


def test_a_grid_tries_every_combination_once_and_the_last_parameter_varies_fastest() -> None:
    config = grid(a={"values": [1, 2]}, b={"value": "c"}, c={"min": 1, "max": 3})
    tried = run_all(config)
    assert [(each["a"], each["c"]) for each in tried] == [(a, c) for a in (1, 2) for c in (1, 2, 3)]
    assert expected_runs(config) == len(tried) == 6


def test_a_grid_goes_on_where_trials_are_missing() -> None:
    config = grid(a={"values": [1, "1", True, None, {"x": [1]}]})
    trials = [Trial({"a": value}) for value in (1, True, None)]
    assert next_values(config, trials, seed="s") == {"a": "1"}


def test_equal_values_of_a_grid_count_once_in_trials_and_steps_are_exact() -> None:
    assert run_all(grid(a={"min": 0, "max": 0.3, "q": 0.1})) == [
        {"a": value} for value in (0.0, 0.1, 0.2, 0.3)
    ]
    assert [type(v) for v in choices(Parameter(("a",), "q_uniform", low=0, high=4, q=2))] == [
        int
    ] * 3


def test_nested_parameters_come_back_nested() -> None:
    inner = {"parameters": {"lr": {"value": 1}, "deep": {"parameters": {"er": {"value": 2}}}}}
    assert run_all(grid(opt=inner)) == [{"opt": {"lr": 1, "deep": {"er": 2}}}]


def test_a_cap_ends_every_search() -> None:
    for method in ("grid", "random"):
        config = {"method": method, "run_cap": 2, "parameters": {"a": {"values": [1, 2, 3]}}}
        assert len(run_all(config, most=9)) == expected_runs(config) == 2
    assert expected_runs({"method": "random", "parameters": {"a": {"values": [1]}}}) is None


def test_chance_is_the_same_for_the_same_sweep_and_differs_between_sweeps() -> None:
    config = {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}
    trials = [Trial({"a": 0.5})] * 3
    first = next_values(config, trials, seed="one")
    assert next_values(config, trials, seed="one") == first
    assert next_values(config, trials, seed="two") != first
    assert next_values(config, trials[:2], seed="one") != first


@pytest.mark.parametrize("parameter", BOUNDED, ids=lambda parameter: parameter.distribution)
@given(place=PLACES)
def test_bounded_values_stay_in_their_bounds_and_find_back(
    parameter: Parameter, place: float
) -> None:
    value = value_at(parameter, place)
    low, high = value_at(parameter, 0.0), value_at(parameter, 1.0)
    assert low <= value <= high
    json.dumps(value, allow_nan=False)
    again = value_at(parameter, place_of(parameter, value))
    assert again == value or math.isclose(again, value, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("parameter", NORMAL, ids=lambda parameter: parameter.distribution)
@given(place=PLACES)
def test_normal_values_are_finite_and_grow_with_their_place(
    parameter: Parameter, place: float
) -> None:
    value = value_at(parameter, place)
    json.dumps(value, allow_nan=False)
    assert value_at(parameter, 0.0) <= value <= value_at(parameter, 1.0)
    assert 0 <= place_of(parameter, value) <= 1


@pytest.mark.parametrize(
    ("parameter", "quartiles"),
    [
        (BOUNDED[0], [-0.75, 0.5, 1.75]),
        (BOUNDED[2], [math.exp(-2.5), math.exp(-1), math.exp(0.5)]),
        (BOUNDED[3], [10**-2.75, 10**-1.5, 10**-0.25]),
        # log(1/x) is uniform between min and max.
        (BOUNDED[4], [math.exp(-3.5), math.exp(-2), math.exp(-0.5)]),
        (BOUNDED[5], [10**-2.75, 10**-1.5, 10**-0.25]),
        (NORMAL[0], statistics.NormalDist(3, 2).quantiles(4)),
        (NORMAL[1], [math.exp(x) for x in statistics.NormalDist(-1, 0.5).quantiles(4)]),
    ],
    ids=lambda value: getattr(value, "distribution", ""),
)
def test_a_distribution_has_the_quartiles_of_its_definition(
    parameter: Parameter, quartiles: list[float]
) -> None:
    found = [value_at(parameter, place) for place in (0.25, 0.5, 0.75)]
    assert found == pytest.approx(quartiles)


def test_categories_come_as_often_as_they_are_likely() -> None:
    parameter = Parameter(("x",), "categorical", ("a", "b", "c"), (0.2, 0.0, 0.8))
    drawn = [value_at(parameter, (number + 0.5) / 100) for number in range(100)]
    assert [drawn.count(value) for value in "abc"] == [20, 0, 80]
    assert value_at(parameter, 1.0) == "c"


def test_bayes_comes_closer_than_chance() -> None:
    parameters = {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        "layers": {"min": 1, "max": 12},
        "kind": {"values": ["good", "bad"]},
        "fixed": {"value": 3},
    }

    def loss(values: dict[str, Any]) -> float:
        distance = (math.log10(values["lr"]) + 2.5) ** 2 + 0.2 * abs(values["layers"] - 7)
        return distance + (values["kind"] == "bad")

    config = {"parameters": parameters, "metric": {"name": "loss"}, "method": "bayes"}
    found = min(map(loss, run_all(config, 30, loss=loss)))
    by_chance = min(map(loss, run_all(config | {"method": "random"}, 30)))
    assert found < by_chance
    assert found < 0.15


def test_bayes_spreads_agents_that_ask_at_once_and_reads_runs_of_before() -> None:
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    seen = [Trial({"x": x}, abs(x - 0.3)) for x in (0.0, 0.2, 0.5, 0.9)]
    seen += [Trial({"other": 1}, 0.5), Trial({"x": "text"}, 0.5)]
    first = next_values(config, seen, seed="s")
    assert first is not None
    second = next_values(config, [*seen, Trial(first)], seed="s")
    assert second is not None
    assert abs(first["x"] - second["x"]) > 0.01


def test_brackets_grow_by_powers_of_eta_or_shrink_from_the_largest() -> None:
    assert brackets({"min_iter": 3})[:4] == [3, 9, 27, 81]
    assert brackets({"max_iter": 27, "s": 2}) == [3, 9]
    assert brackets({"max_iter": 16, "s": 9, "eta": 2}) == [1, 2, 4, 8]


def test_a_run_is_stopped_when_a_third_of_the_others_were_better_by_then() -> None:
    rule = {"type": "hyperband", "min_iter": 2, "eta": 3}
    losses = {
        "good": [3.0, 1.0],
        "same": [1.0, 1.0],
        "bad": [5.0, 4.0, 0.5],
        "new": [9.0],
        "none": [],
    }
    assert left_behind(rule, losses, ["good", "same", "bad", "new", "none"]) == ["bad"]
    assert left_behind(rule, {"alone": [5.0, 5.0]}, ["alone"]) == []
