"""Conditions on the state that a run comes into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from wbexport.api.automations.filters import Condition, Filter, run_form
from wbexport.api.automations.models import Choice, Encoded, Model

__all__ = ["RunState", "RunStateFilter", "StateField", "StateFilter", "as_state_filter"]


class RunState(Choice):
    """A state, as far as automations tell them apart: a crashed run has failed."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CRASHED = FAILED


def _listed(states: Any) -> Any:
    return [states] if isinstance(states, str) else list(states)


def _sorted(states: list[RunState]) -> list[RunState]:
    return sorted(set(states))


class StateFilter(Model):
    """A run comes into one of some states; `&` adds a condition on the runs.

    Args:
        states: The states.
    """

    states: Annotated[list[RunState], BeforeValidator(_listed), AfterValidator(_sorted)]

    def __and__(self, other: Any) -> RunStateFilter:
        if not isinstance(other, Filter):
            return NotImplemented
        return RunStateFilter(run=other, state=self)

    __rand__ = __and__


class RunStateFilter(Model):
    """A condition on the state of the runs that another condition chooses.

    Args:
        run: Which runs; by default all.
        state: The states.
    """

    run: Annotated[Encoded[Condition], AfterValidator(run_form)] = Field(
        default_factory=Filter, alias="run_filter"
    )
    state: Annotated[StateFilter, Field(alias="run_state_filter")]


def as_state_filter(value: Any) -> Any:
    """Take a condition on the state alone as one for all runs."""
    return RunStateFilter(state=value) if isinstance(value, StateFilter) else value


class StateField:
    """The state of a run, to put a condition on.

    Example:
        >>> RunEvent.state.in_(["failed", "finished"])
        StateFilter(states=[FAILED, FINISHED])
    """

    __hash__ = None  # type: ignore[assignment]

    def eq(self, state: str | RunState, /) -> StateFilter:
        """Hold where a run comes into a state."""
        return self.in_([state])

    def in_(self, states: Iterable[str | RunState], /) -> StateFilter:
        """Hold where a run comes into one of some states."""
        return StateFilter(states=states)

    def __eq__(self, other: Any) -> StateFilter:  # type: ignore[override]
        return self.eq(other)
