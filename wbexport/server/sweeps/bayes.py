"""Bayesian search: a Gaussian process over past trials, and the place that promises most; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from wbexport.server.sweeps.space import place_of, value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wbexport.sweepconfig import Parameter

    Floats = NDArray[np.float64]

__all__ = ["suggest"]

#: Trials chosen by chance before the process has anything to go by.
_FIRST = 4
_CANDIDATES = 1000
#: Most trials that are looked at: solving takes the cube of their number.
_MOST = 500
_LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
_NOISE = 1e-4


def suggest(
    parameters: Sequence[Parameter],
    observed: Sequence[tuple[Sequence[Any], float]],
    waiting: Sequence[Sequence[Any]],
    chance: np.random.Generator,
) -> list[Any]:
    """Choose values where an improvement over the best trial is most likely and largest.

    Args:
        parameters: What is varied.
        observed: Values and loss of the trials that have one.
        waiting: Values of the trials that have none yet; they are taken to come out as the mean,
            so that agents at work at once do not try the same.
        chance: Where candidates come from.

    Returns:
        A value for each parameter.
    """
    places = chance.random((_CANDIDATES, len(parameters)))
    candidates = [
        [value_at(parameter, place) for parameter, place in zip(parameters, row, strict=True)]
        for row in places.tolist()
    ]
    if len(observed) < _FIRST:
        return candidates[0]
    losses = np.array([loss for _, loss in observed])
    spread = float(losses.std()) or 1.0
    known = [values for values, _ in observed] + list(waiting)
    y = np.append((losses - losses.mean()) / spread, np.zeros(len(waiting)))
    x = _encoded(parameters, known)[-_MOST:]
    gain = _improvement(x, y[-_MOST:], _encoded(parameters, candidates))
    return candidates[int(gain.argmax())]


def _encoded(parameters: Sequence[Parameter], rows: Sequence[Sequence[Any]]) -> Floats:
    """Place values in a cube: numbers along an axis each, categories on axes of their own."""
    columns: list[list[float]] = []
    for parameter, values in zip(parameters, zip(*rows, strict=True), strict=True):
        if parameter.distribution == "categorical":
            columns += [[float(value == one) for value in values] for one in parameter.values]
        else:
            columns.append([_place(parameter, value) for value in values])
    return np.array(columns).T


def _place(parameter: Parameter, value: Any) -> float:
    """Place a number; what a run of before the sweep did not set is in the middle."""
    known = type(value) in (int, float) and math.isfinite(value)
    return place_of(parameter, value) if known else 0.5


def _improvement(x: Floats, y: Floats, candidates: Floats) -> Floats:
    """Return the expected improvement at each candidate."""
    length = max(_LENGTHS, key=lambda length: _likelihood(x, y, length))
    factor = np.linalg.cholesky(_covariance(x, x, length) + _NOISE * np.eye(len(x)))
    across = _covariance(candidates, x, length)
    mean = across @ np.linalg.solve(factor.T, np.linalg.solve(factor, y))
    explained = np.linalg.solve(factor, across.T)
    sigma = np.sqrt(np.maximum(1 - (explained**2).sum(axis=0), 1e-12))
    z = (y.min() - mean) / sigma
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in z.tolist()])
    gain: Floats = sigma * (z * below + density)
    return gain


def _likelihood(x: Floats, y: Floats, length: float) -> float:
    """Tell how well a length of correlation explains the trials."""
    factor = np.linalg.cholesky(_covariance(x, x, length) + _NOISE * np.eye(len(x)))
    alpha = np.linalg.solve(factor, y)
    return float(-(alpha @ alpha) / 2 - np.log(np.diag(factor)).sum())


def _covariance(left: Floats, right: Floats, length: float) -> Floats:
    """Return Matérn's covariance of smoothness 5/2."""
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2 * left @ right.T
    distance = np.sqrt(5 * np.maximum(squares, 0)) / length
    covariance: Floats = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return covariance
