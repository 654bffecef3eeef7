"""The values of a parameter as places between 0 and 1, its distribution flattened; pure."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wbexport.sweepconfig import Parameter

__all__ = ["choices", "place_of", "value_at"]

#: Keeps places off 0 and 1, where a normal distribution is infinite.
_EDGE = 1e-12


def value_at(parameter: Parameter, place: float) -> Any:
    """Return the value below which a share of `place` of all values lies."""
    if parameter.distribution == "categorical":
        return parameter.values[_category(parameter, place)]
    if parameter.distribution == "int_uniform":
        span = parameter.high - parameter.low + 1
        return int(min(parameter.low + math.floor(place * span), parameter.high))
    value = _from_line(parameter, place)
    if parameter.distribution.startswith("q_"):
        value = round(value / parameter.q) * parameter.q
        # 0.1 has no exact double: the product shows it.
        value = float(f"{value:.12g}")
        return int(value) if parameter.q % 1 == 0 else value
    return value


def place_of(parameter: Parameter, value: float) -> float:
    """Return where a numeric value lies, the opposite of `value_at`."""
    low, high = _line(parameter)
    if parameter.distribution == "int_uniform":
        place = (value - low + 0.5) / (high - low + 1)
    elif "normal" in parameter.distribution:
        is_log = "log" in parameter.distribution
        normal = NormalDist(parameter.mu, parameter.sigma)
        place = normal.cdf(math.log(max(value, 1e-300)) if is_log else value)
    elif "log" in parameter.distribution:
        place = (math.log(max(value, 1e-300)) - low) / (high - low)
    else:
        place = (value - low) / (high - low)
    return min(max(place, 0.0), 1.0)


def choices(parameter: Parameter) -> Sequence[Any]:
    """Return every value of a parameter that a grid can walk through."""
    if parameter.distribution == "categorical":
        return parameter.values
    if parameter.distribution == "int_uniform":
        return range(int(parameter.low), int(parameter.high) + 1)
    first = math.ceil(parameter.low / parameter.q - 1e-9)
    last = math.floor(parameter.high / parameter.q + 1e-9)
    values = [float(f"{number * parameter.q:.12g}") for number in range(first, last + 1)]
    return [int(value) for value in values] if parameter.q % 1 == 0 else values


def _category(parameter: Parameter, place: float) -> int:
    count = len(parameter.values)
    if not parameter.weights:
        return min(int(place * count), count - 1)
    passed = 0.0
    for number, weight in enumerate(parameter.weights):
        passed += weight
        if weight and place < passed:
            return number
    return max(number for number, weight in enumerate(parameter.weights) if weight)


def _line(parameter: Parameter) -> tuple[float, float]:
    """Return the ends of the line on which a bounded parameter is uniform."""
    low, high = parameter.low, parameter.high
    if parameter.distribution.endswith("_values"):
        return math.log(low), math.log(high)
    if parameter.distribution == "inv_log_uniform":
        return -high, -low
    return low, high


def _from_line(parameter: Parameter, place: float) -> float:
    is_log = "log" in parameter.distribution
    if "normal" in parameter.distribution:
        inside = min(max(place, _EDGE), 1 - _EDGE)
        at = NormalDist(parameter.mu, parameter.sigma).inv_cdf(inside)
    else:
        low, high = _line(parameter)
        at = low + place * (high - low)
    if not is_log:
        return at
    # A logarithm that large is a slip of its author; infinity would be no JSON.
    return math.exp(min(at, 700.0))
