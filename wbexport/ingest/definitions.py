"""What a run said of its metrics and of the SDK, in the short form W&B keeps in its config."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wbexport.ingest.wire import fields, read_signed, read_text

if TYPE_CHECKING:
    from wbexport.ingest.wire import Value

__all__ = ["MetricDefinitions", "Telemetry"]

_NAME, _GLOB, _STEP, _OPTIONS, _SUMMARY, _GOAL, _CONTROL = 1, 2, 4, 6, 7, 8, 9
#: The option that says no more than that `define_metric` was called; patterns are without it.
_DEFINED = 3


@dataclass(frozen=True, slots=True)
class _Definition:
    """One call of `define_metric`, or what several of them come to."""

    step: str = ""
    options: frozenset[int] = frozenset()
    summary: frozenset[int] = frozenset()
    goal: int = 0

    def __or__(self, later: _Definition) -> _Definition:
        return _Definition(
            later.step or self.step,
            self.options | later.options,
            self.summary | later.summary,
            later.goal or self.goal,
        )


@dataclass(slots=True)
class MetricDefinitions:
    """How metrics are to be drawn and summed up: `run.define_metric`."""

    _metrics: dict[str, _Definition] = field(default_factory=dict)
    _patterns: dict[str, _Definition] = field(default_factory=dict)

    def add(self, data: Value) -> None:
        """Take in one metric record."""
        found = dict(fields(data))
        given = _Definition(
            step=read_text(found.get(_STEP, b"")),
            options=_true_fields(found.get(_OPTIONS, b"")),
            summary=_true_fields(found.get(_SUMMARY, b"")),
            goal=read_signed(found.get(_GOAL, 0)),
        )
        known, name = self._metrics, read_text(found.get(_NAME, b""))
        if not name:
            known, name = self._patterns, read_text(found.get(_GLOB, b""))
            given = replace(given, options=given.options - {_DEFINED})
        overwrites = bool(_true_fields(found.get(_CONTROL, b"")))
        known[name] = given if overwrites or name not in known else known[name] | given
        if given.step:
            self._metrics.setdefault(given.step, _Definition())

    def to_config(self) -> list[dict[str, Any]]:
        """Give the list that W&B keeps as `m`: keys are field numbers, steps are places from 1."""
        places = {name: place for place, name in enumerate(self._metrics, start=1)}
        return [
            {key: name}
            | ({"5": places[each.step]} if each.step else {})
            | {"6": sorted(each.options), "7": sorted(each.summary)}
            | ({"8": each.goal} if each.goal else {})
            for key, known in (("1", self._metrics), ("2", self._patterns))
            for name, each in known.items()
        ]


@dataclass(slots=True)
class Telemetry:
    """Which SDK on which Python a run was logged with, and which of its features it used."""

    texts: dict[int, str] = field(default_factory=dict)
    _sets: dict[int, set[int]] = field(default_factory=dict)

    def add(self, data: Value) -> None:
        """Take in one telemetry record; later ones repeat earlier ones and add to them."""
        for number, value in fields(data):
            if number in _FEATURES:
                self._sets.setdefault(number, set()).update(_true_fields(value))
            elif number in _TEXTS:
                self.texts[number] = read_text(value)

    def to_config(self) -> dict[str, Any]:
        """Give the object that W&B keeps as `t`: keys are field numbers."""
        sets = {str(number): sorted(members) for number, members in self._sets.items()}
        texts = {str(number): text for number, text in self.texts.items()}
        return sets | texts


#: Fields of a telemetry record: sets of features, and texts.
_FEATURES = frozenset({1, 2, 3, 8, 10})
_TEXTS = frozenset({4, 5, 6, 12, 13})


def _true_fields(data: Value) -> frozenset[int]:
    return frozenset(number for number, value in fields(data) if value)
