"""Stops runs that others have left behind at the same number of values; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["brackets", "left_behind"]

_ETA = 3
#: Brackets grow as powers: more would lie beyond every run.
_MOST = 40


def brackets(rule: Mapping[str, Any]) -> list[int]:
    """Return after how many values runs are compared, ascending.

    Args:
        rule: `early_terminate` of a sweep's configuration, checked.
    """
    eta = rule.get("eta", _ETA)
    if "min_iter" in rule:
        return [rule["min_iter"] * eta**power for power in range(_MOST)]
    counts = {rule["max_iter"] // eta**power for power in range(1, rule["s"] + 1)}
    return sorted(counts - {0})


def left_behind(
    rule: Mapping[str, Any], losses: Mapping[str, Sequence[float]], running: Collection[str]
) -> list[str]:
    """Name the runs to stop: those not among the best 1/eta at the last bracket they passed.

    Args:
        rule: `early_terminate` of a sweep's configuration, checked.
        losses: What each run of the sweep logged so far, lower is better.
        running: The runs that may be stopped.
    """
    eta = rule.get("eta", _ETA)
    stopped = []
    for run_id in running:
        passed = [count for count in brackets(rule) if count <= len(losses.get(run_id, ()))]
        if not passed:
            continue
        at = passed[-1]
        best = sorted(min(values[:at]) for values in losses.values() if len(values) >= at)
        if min(losses[run_id][:at]) > best[math.ceil(len(best) / eta) - 1]:
            stopped.append(run_id)
    return stopped
