"""Reads and checks the configuration of a sweep: YAML text that says what to search, and how."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Metric",
    "Parameter",
    "check_sweep_config",
    "read_metric",
    "read_parameters",
    "read_sweep_config",
]

_MAX_TEXT = 1_000_000
_MAX_NODES = 100_000
_MAX_DEPTH = 8
_MAX_STEPS = 1_000_000

_METHODS = ("grid", "random", "bayes")
_BOUNDED = (
    "uniform",
    "q_uniform",
    "int_uniform",
    "log_uniform",
    "q_log_uniform",
    "inv_log_uniform",
    "log_uniform_values",
    "q_log_uniform_values",
    "inv_log_uniform_values",
)
_NORMAL = ("normal", "q_normal", "log_normal", "q_log_normal")
_DISTRIBUTIONS = ("constant", "categorical", *_BOUNDED, *_NORMAL)
#: What a grid can walk through, step by step.
_COUNTABLE = ("categorical", "int_uniform", "q_uniform")

_KEYS = {
    "apiVersion",
    "command",
    "controller",
    "description",
    "early_terminate",
    "entity",
    "image_uri",
    "job",
    "launch",
    "method",
    "metric",
    "metrics",
    "name",
    "parameters",
    "program",
    "project",
    "run_cap",
    "scheduler",
    "settings",
}
_PARAMETER_KEYS = {
    "description",
    "distribution",
    "max",
    "min",
    "mu",
    "probabilities",
    "q",
    "sigma",
    "value",
    "values",
}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads YAML that means JSON: dates stay text, and `1e-4` is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# PyYAML writes the text of `1e-4` without quotes, and W&B's server takes it as a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a sweep varies.

    Args:
        path: Its name, after those of the parameters it is nested in.
        distribution: How its values are spread; `categorical` for constants too.
        values: The values of a categorical one.
        weights: How likely each of them is; empty when all are alike.
        low: Smallest value, or its logarithm.
        high: Largest value, or its logarithm.
        mu: Mean of a normal distribution.
        sigma: Its standard deviation.
        q: What values are multiples of.
    """

    path: tuple[str, ...]
    distribution: str
    values: tuple[Any, ...] = ()
    weights: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 1.0
    mu: float = 0.0
    sigma: float = 1.0
    q: float = 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """What a sweep judges its runs by.

    Args:
        name: The key that the runs log.
        maximize: Whether more is better.
    """

    name: str
    maximize: bool = False

    @property
    def sign(self) -> int:
        """What makes of a value a loss, of which less is better."""
        return -1 if self.maximize else 1


def read_sweep_config(text: str) -> dict[str, Any]:
    r"""Read the YAML of a sweep.

    Args:
        text: YAML without tags of its own.

    Returns:
        The configuration, made of what JSON can hold.

    Raises:
        InputError: The text is no such YAML, or no mapping.

    Example:
        >>> read_sweep_config("method: grid\nparameters: {lr: {values: [1e-4, 1e-3]}}")["method"]
        'grid'
    """
    if len(text) > _MAX_TEXT:
        raise InputError(f"a sweep configuration has at most {_MAX_TEXT} characters")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise InputError(f"the sweep configuration is not YAML: {_reason(error)}") from error
    except RecursionError as error:
        raise InputError("the sweep configuration nests too deeply") from error
    _require_small(node)
    try:
        # The loader is a safe one: it builds values, never objects of other classes.
        config = None if node is None else loader.construct_document(node)
        json.dumps(config)
    except yaml.YAMLError as error:
        raise InputError(f"the sweep configuration is not YAML: {_reason(error)}") from error
    except (TypeError, ValueError) as error:
        raise InputError("the sweep configuration holds what JSON cannot hold") from error
    if not isinstance(config, dict):
        raise InputError("a sweep configuration is a mapping, such as `method: grid`")
    return config


def _require_small(node: yaml.Node | None) -> None:
    """Refuse few characters that mean a great deal, or without end, by referring back."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node | None) -> int:
        if isinstance(node, yaml.ScalarNode) or node is None:
            return 1
        if id(node) not in sizes:
            # What refers to itself is met again before its size is known.
            sizes[id(node)] = _MAX_NODES
            children = node.value
            if isinstance(node, yaml.MappingNode):
                children = [child for pair in children for child in pair]
            sizes[id(node)] = 1 + sum(map(size, children))
        return sizes[id(node)]

    if size(node) >= _MAX_NODES:
        raise InputError(f"a sweep configuration has fewer than {_MAX_NODES} values")


def check_sweep_config(config: Mapping[str, Any]) -> list[str]:
    """Check that a configuration can be searched.

    Args:
        config: What `read_sweep_config` gave.

    Returns:
        Warnings: what will be ignored.

    Raises:
        InputError: Nothing can be searched by it; the message names the parameter or key.

    Example:
        >>> check_sweep_config({"method": "grid", "parameters": {"a": {"values": [1]}}, "x": 1})
        ["'x' is not a key of a sweep configuration"]
    """
    warnings = [f"{key!r} is not a key of a sweep configuration" for key in config.keys() - _KEYS]
    method = config.get("method")
    # Who schedules a sweep from outside may choose by any method.
    if not config.get("scheduler") and method not in (*_METHODS, "custom"):
        raise InputError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    parameters = read_parameters(config)
    if method == "grid":
        for parameter in parameters:
            if parameter.distribution not in _COUNTABLE:
                raise InputError(
                    f"parameter {_name(parameter.path)}: a grid needs values, or whole or stepped "
                    f"bounds, not {parameter.distribution}"
                )
            if (parameter.high - parameter.low) / parameter.q > _MAX_STEPS:
                raise InputError(f"parameter {_name(parameter.path)}: too many steps for a grid")
    _check_metric(config)
    _check_early_terminate(config)
    cap = config.get("run_cap")
    if cap is not None and (type(cap) is not int or cap < 1):
        raise InputError(f"run_cap must be a whole number above 0, not {cap!r}")
    for path, spec in _walk(config.get("parameters") or {}, ()):
        warnings += [
            f"parameter {_name(path)}: {key!r} is ignored" for key in spec.keys() - _PARAMETER_KEYS
        ]
    return sorted(warnings)


def read_metric(config: Mapping[str, Any]) -> Metric | None:
    """Read what a sweep judges its runs by.

    Args:
        config: What `read_sweep_config` gave, checked or not.

    Returns:
        The metric; None for a sweep without one.
    """
    metric = config.get("metric")
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        return None
    return Metric(metric["name"], maximize=metric.get("goal") == "maximize")


def read_parameters(config: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Read what a sweep varies, nested parameters flattened.

    Args:
        config: What `read_sweep_config` gave.

    Returns:
        The parameters in the order of the configuration.

    Raises:
        InputError: A parameter is malformed.
    """
    parameters = config.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        raise InputError("a sweep needs parameters, such as `parameters: {lr: {values: [1, 2]}}`")
    return tuple(_parameter(path, spec) for path, spec in _walk(parameters, ()))


def _walk(
    parameters: Mapping[Any, Any], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every parameter that has no others inside, with its full name."""
    if len(above) > _MAX_DEPTH:
        raise InputError(f"parameters nest at most {_MAX_DEPTH} deep: {_name(above)}")
    for name, spec in parameters.items():
        if not isinstance(name, str):
            raise InputError(f"the name of a parameter is text, not {name!r}")
        path = (*above, name)
        if not isinstance(spec, dict):
            raise InputError(f"parameter {_name(path)} must be a mapping, such as `value: 1`")
        if isinstance(spec.get("parameters"), dict):
            yield from _walk(spec["parameters"], path)
        else:
            yield path, spec


def _parameter(path: tuple[str, ...], spec: Mapping[str, Any]) -> Parameter:
    kind = spec.get("distribution") or _kind_of(spec)
    if kind not in _DISTRIBUTIONS:
        asked = "nothing to choose from" if kind is None else f"no distribution is called {kind!r}"
        raise InputError(f"parameter {_name(path)}: {asked}")
    if kind == "constant":
        if "value" not in spec:
            raise InputError(f"parameter {_name(path)}: a constant needs a value")
        return Parameter(path, "categorical", (spec["value"],))
    if kind == "categorical":
        return _categorical(path, spec)
    q = _number(path, spec, "q", 1.0)
    if q <= 0:
        raise InputError(f"parameter {_name(path)}: q must be above 0")
    if kind in _NORMAL:
        mu, sigma = _number(path, spec, "mu", 0.0), _number(path, spec, "sigma", 1.0)
        if sigma <= 0:
            raise InputError(f"parameter {_name(path)}: sigma must be above 0")
        return Parameter(path, kind, mu=mu, sigma=sigma, q=q)
    low, high = _number(path, spec, "min"), _number(path, spec, "max")
    if not low < high:
        raise InputError(f"parameter {_name(path)}: min must be below max")
    if kind.endswith("_values") and low <= 0:
        raise InputError(f"parameter {_name(path)}: min must be above 0 for {kind}")
    if kind == "int_uniform" and (low % 1 or high % 1):
        raise InputError(f"parameter {_name(path)}: min and max must be whole for {kind}")
    return Parameter(path, kind, low=low, high=high, q=q)


def _kind_of(spec: Mapping[str, Any]) -> str | None:
    """Tell a parameter's distribution where it is not named."""
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical"
    if "min" in spec and "max" in spec:
        if "q" in spec:
            return "q_uniform"
        whole = type(spec["min"]) is int and type(spec["max"]) is int
        return "int_uniform" if whole else "uniform"
    return "normal" if "mu" in spec or "sigma" in spec else None


def _categorical(path: tuple[str, ...], spec: Mapping[str, Any]) -> Parameter:
    values, weights = spec.get("values"), spec.get("probabilities") or ()
    if not isinstance(values, list) or not values:
        raise InputError(f"parameter {_name(path)}: values must be a list of at least one")
    fits = isinstance(weights, list | tuple) and len(weights) in (0, len(values))
    if not fits or not all(_is_number(weight) and weight >= 0 for weight in weights):
        raise InputError(f"parameter {_name(path)}: give one probability for each value")
    if weights and not math.isclose(sum(weights), 1, rel_tol=1e-3):
        raise InputError(f"parameter {_name(path)}: the probabilities must add up to 1")
    return Parameter(path, "categorical", tuple(values), tuple(weights))


def _number(
    path: tuple[str, ...], spec: Mapping[str, Any], key: str, default: float | None = None
) -> float:
    value = spec.get(key, default)
    if not _is_number(value):
        raise InputError(f"parameter {_name(path)}: {key} must be a number, not {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _check_metric(config: Mapping[str, Any]) -> None:
    metric = config.get("metric")
    if metric is None:
        if config.get("method") == "bayes" or config.get("early_terminate"):
            raise InputError("bayes and early_terminate need a metric with a name and a goal")
        return
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise InputError("metric must be a mapping with a name")
    if metric.get("goal", "minimize") not in ("minimize", "maximize"):
        raise InputError(f"the metric's goal is minimize or maximize, not {metric['goal']!r}")


def _check_early_terminate(config: Mapping[str, Any]) -> None:
    rule = config.get("early_terminate")
    if rule is None:
        return
    if not isinstance(rule, dict) or rule.get("type") != "hyperband":
        raise InputError("early_terminate must be a mapping of type hyperband")
    for key in rule.keys() & {"min_iter", "max_iter", "s", "eta"}:
        if type(rule[key]) is not int or rule[key] < (2 if key == "eta" else 1):
            raise InputError(f"early_terminate: {key} must be a whole number that is large enough")
    if "min_iter" not in rule and not {"max_iter", "s"} <= rule.keys():
        raise InputError("early_terminate needs min_iter, or max_iter and s")


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path)[:200]


def _reason(error: yaml.YAMLError) -> str:
    """Say what is wrong with YAML, and where, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return "a character or a nesting that YAML forbids"
