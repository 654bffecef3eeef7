"""Sweep configurations: what is read, what is refused and why, what is only ignored."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import InputError
from wbexport.sweepconfig import (
    Parameter,
    check_sweep_config,
    read_parameters,
    read_sweep_config,
)

#: PyYAML writes the text `1e4` without quotes, and W&B's server reads it as a number.
TEXT = st.text().filter(lambda text: not re.match(r"[-+.]*[0-9]", text))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def config(**keys: Any) -> dict[str, Any]:
    return {"method": "random", "parameters": {"lr": {"values": [1]}}} | keys


def one(spec: Any, method: str = "random") -> dict[str, Any]:
    return config(method=method, parameters={"lr": spec}, metric={"name": "loss"})


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_what_yaml_writes_is_read_back(written: dict[str, Any]) -> None:
    assert read_sweep_config(yaml.dump(written)) == written


def test_numbers_without_a_point_are_numbers_and_dates_are_text() -> None:
    assert read_sweep_config("a: 1e-4\nb: -2E+3\nc: 2026-01-02\nd: '1e-4'") == {
        "a": 1e-4,
        "b": -2000.0,
        "c": "2026-01-02",
        "d": "1e-4",
    }


def test_a_reference_stands_for_what_it_refers_to() -> None:
    text = "a: &common {min: 1, max: 2}\nb: *common\nc: {<<: *common, max: 3}"
    assert read_sweep_config(text)["c"] == {"min": 1, "max": 3}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1", "is not YAML"),
        ("a: 1\n b: 2", "in line 2"),
        ("\x00", "is not YAML"),
        ("- 1", "is a mapping"),
        ("", "is a mapping"),
        ("!!python/object/apply:os.system [true]", "constructor"),
        ("a: !!binary aGk=", "JSON cannot hold"),
        ("a: !!set {x}", "JSON cannot hold"),
        ("a: &a [*a]", "fewer than"),
        ("a0: &a0 [1,1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)),
         "fewer than"),
        ("a: " + "[" * 5000, "too deeply"),
        ("a" * 1_000_001, "at most"),
    ],
)  # fmt: skip
def test_text_that_is_no_configuration_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_sweep_config(text)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"parameters": {"lr": {"values": [1]}}}, "method must be one of grid, random, bayes"),
        (config(method="guess"), "method must be"),
        (config(parameters=None), "needs parameters"),
        (config(parameters=[1]), "needs parameters"),
        (config(run_cap=0), "run_cap"),
        (config(run_cap="3"), "run_cap"),
        (config(method="bayes"), "need a metric"),
        (config(metric={"goal": "minimize"}), "metric must be a mapping with a name"),
        (config(metric={"name": "loss", "goal": "least"}), "goal is minimize or maximize"),
        (config(early_terminate={"type": "hyperband", "min_iter": 3}), "need a metric"),
        (config(metric={"name": "l"}, early_terminate={"type": "median"}), "type hyperband"),
        (config(metric={"name": "l"}, early_terminate={"type": "hyperband"}), "min_iter"),
        (config(metric={"name": "l"}, early_terminate={"type": "hyperband", "min_iter": 0}),
         "min_iter must be"),
        (one(3), "parameter lr must be a mapping"),
        (one({}), "parameter lr: nothing to choose from"),
        (one({"distribution": "zipf"}), "no distribution is called 'zipf'"),
        (one({"values": []}), "values must be a list"),
        (one({"values": 3}), "values must be a list"),
        (one({"values": [1, 2], "probabilities": [1]}), "one probability for each"),
        (one({"values": [1, 2], "probabilities": [1, 1]}), "add up to 1"),
        (one({"distribution": "constant"}), "needs a value"),
        (one({"min": 2, "max": 1}), "min must be below max"),
        (one({"min": "1", "max": 2}), "min must be a number"),
        (one({"min": 1.5, "max": 3, "distribution": "int_uniform"}), "must be whole"),
        (one({"min": 0, "max": 3, "distribution": "log_uniform_values"}), "above 0"),
        (one({"min": 0, "max": float("inf"), "distribution": "uniform"}), "max must be a number"),
        (one({"mu": 0, "sigma": 0}), "sigma must be above 0"),
        (one({"min": 0, "max": 1, "q": 0}), "q must be above 0"),
        (one({"min": 0.0, "max": 1.0}, "grid"), "a grid needs values"),
        (one({"min": 0, "max": 1e9, "q": 0.5}, "grid"), "too many steps"),
        (one({"parameters": {"a": {"min": 2, "max": 1}}}), "parameter lr.a"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_searched_is_refused_by_name(
    wrong: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        check_sweep_config(wrong)


def test_what_is_ignored_is_warned_of() -> None:
    spec = {"lr": {"values": [1], "spacing": 2}}
    assert check_sweep_config(config(parameters=spec, colour="red")) == [
        "'colour' is not a key of a sweep configuration",
        "parameter lr: 'spacing' is ignored",
    ]
    assert check_sweep_config(config(name="n", program="train.py", command=["${args}"])) == []


def test_distributions_that_are_not_named_follow_from_what_is_given() -> None:
    specs = {
        "a": {"value": {"deep": 1}},
        "b": {"values": ["x", None]},
        "c": {"min": 1, "max": 3},
        "d": {"min": 1, "max": 3.5},
        "e": {"min": 0, "max": 1, "q": 0.25},
        "f": {"mu": 2},
        "g": {"parameters": {"h": {"value": 1}, "i": {"parameters": {"j": {"value": 2}}}}},
    }
    assert read_parameters(config(parameters=specs)) == (
        Parameter(("a",), "categorical", ({"deep": 1},)),
        Parameter(("b",), "categorical", ("x", None)),
        Parameter(("c",), "int_uniform", low=1, high=3),
        Parameter(("d",), "uniform", low=1, high=3.5),
        Parameter(("e",), "q_uniform", low=0, high=1, q=0.25),
        Parameter(("f",), "normal", mu=2),
        Parameter(("g", "h"), "categorical", (1,)),
        Parameter(("g", "i", "j"), "categorical", (2,)),
    )


def test_who_schedules_from_outside_may_use_any_method() -> None:
    assert check_sweep_config(config(method=None, scheduler={"type": "optuna"})) == []
    assert check_sweep_config(config(method="custom")) == []
