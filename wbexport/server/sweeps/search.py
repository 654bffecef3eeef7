"""Chooses what a sweep tries next: the rest of a grid, chance, or the most promising; pure."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wbexport.server.sweeps import bayes
from wbexport.server.sweeps.space import choices, value_at
from wbexport.sweepconfig import read_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wbexport.sweepconfig import Parameter

__all__ = ["Trial", "expected_runs", "flat_values", "next_values"]

_JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """One try at the parameters.

    Args:
        values: Parameter name to value; nested parameters are objects.
        loss: What came out, lower is better; None when nothing has yet.
    """

    values: Mapping[str, Any]
    loss: float | None = None


def expected_runs(config: Mapping[str, Any]) -> int | None:
    """Return how many runs a sweep will have; None when it goes on until it is stopped."""
    cap: int | None = config.get("run_cap")
    if config.get("method") != "grid":
        return cap
    size = math.prod(len(choices(parameter)) for parameter in read_parameters(config))
    return size if cap is None else min(size, cap)


def next_values(
    config: Mapping[str, Any], trials: Sequence[Trial], *, seed: str
) -> _JsonObject | None:
    """Choose what to try next.

    Args:
        config: The sweep's configuration, checked.
        trials: All tries so far, those under way included.
        seed: What makes the sweep's chance its own; the same trials give the same choice.

    Returns:
        Parameter name to value; None when there is nothing left to try.
    """
    cap = config.get("run_cap")
    if cap is not None and len(trials) >= cap:
        return None
    parameters = read_parameters(config)
    if config["method"] == "grid":
        return _next_of_grid(parameters, trials)
    chance = np.random.default_rng([zlib.crc32(seed.encode()), len(trials)])
    if config["method"] == "bayes":
        observed = [
            (flat_values(parameters, trial.values), trial.loss)
            for trial in trials
            if trial.loss is not None
        ]
        waiting = [flat_values(parameters, trial.values) for trial in trials if trial.loss is None]
        return _nested(parameters, bayes.suggest(parameters, observed, waiting, chance))
    return _nested(parameters, [value_at(each, chance.random()) for each in parameters])


def flat_values(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> list[Any]:
    """Return the value of each parameter; None for those that a trial does not have."""
    return [_inside(values, parameter.path) for parameter in parameters]


def _inside(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _nested(parameters: Sequence[Parameter], values: Sequence[Any]) -> _JsonObject:
    nested: _JsonObject = {}
    for parameter, value in zip(parameters, values, strict=True):
        place = nested
        for name in parameter.path[:-1]:
            place = place.setdefault(name, {})
        place[parameter.path[-1]] = value
    return nested


def _next_of_grid(parameters: Sequence[Parameter], trials: Sequence[Trial]) -> _JsonObject | None:
    """Return the first combination that was not tried; the last parameter varies fastest."""
    tried = {_spelled(flat_values(parameters, trial.values)) for trial in trials}
    axes = [choices(parameter) for parameter in parameters]
    for number in range(math.prod(map(len, axes))):
        rest, values = number, []
        for axis in reversed(axes):
            rest, place = divmod(rest, len(axis))
            values.append(axis[place])
        values.reverse()
        if _spelled(values) not in tried:
            return _nested(parameters, values)
    return None


def _spelled(values: Sequence[Any]) -> str:
    return json.dumps(values, sort_keys=True)
