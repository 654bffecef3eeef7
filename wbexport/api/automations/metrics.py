"""Conditions on what runs log: a metric passes a limit, changes, or leaves its usual range."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    StrictFloat,
    StrictInt,
)

from wbexport.api.automations.filters import Condition, Filter, run_form
from wbexport.api.automations.models import Choice, Encoded, Model
from wbexport.errors import InputError

__all__ = [
    "Aggregation",
    "ChangeDirection",
    "ChangeType",
    "Metric",
    "MetricChangeFilter",
    "MetricThresholdFilter",
    "MetricZScoreFilter",
    "RunMetricFilter",
    "WindowedMetric",
    "ZScore",
    "as_metric_filter",
]

Number: TypeAlias = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Positive: TypeAlias = PositiveInt | Annotated[PositiveFloat, Field(allow_inf_nan=False)]

_SIGNS = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}


class Aggregation(Choice):
    """How the values of a window become one."""

    MAX = "MAX"
    MIN = "MIN"
    AVERAGE = "AVERAGE"
    AVG = AVERAGE


class ChangeType(Choice):
    """Whether a change is a difference or a fraction of the earlier value."""

    ABSOLUTE = "ABSOLUTE"
    RELATIVE = "RELATIVE"
    ABS = ABSOLUTE
    REL = RELATIVE


class ChangeDirection(Choice):
    """Where a value moves."""

    INCREASE = "INCREASE"
    DECREASE = "DECREASE"
    ANY = "ANY"
    INC = INCREASE
    DEC = DECREASE


class _MetricFilter(Model):
    """Any condition on a metric; `&` adds a condition on the runs."""

    def __and__(self, other: Any) -> RunMetricFilter:
        if not isinstance(other, Filter):
            return NotImplemented
        return RunMetricFilter(run=other, metric=self)

    __rand__ = __and__


class MetricThresholdFilter(_MetricFilter):
    """A metric, or what a window of its values comes to, is compared with a limit.

    Args:
        name: The metric.
        agg: What the window comes to; without it each value counts.
        window: How many values.
        cmp: `>`, `>=`, `<` or `<=`, also as `$gt`, `$gte`, `$lt` and `$lte`.
        threshold: The limit.

    Example:
        >>> RunEvent.metric("loss").mean(5) < 0.1
        MetricThresholdFilter(AVERAGE(loss) < 0.1)
    """

    name: str
    agg: Annotated[Aggregation | None, Field(alias="agg_op")] = None
    window: Annotated[PositiveInt, Field(alias="window_size")] = 1
    cmp: Annotated[
        Literal["$gte", "$gt", "$lt", "$lte"],
        BeforeValidator(lambda sign: _SIGNS.get(sign, sign) if isinstance(sign, str) else sign),
        Field(alias="cmp_op"),
    ]
    threshold: Number

    def __repr__(self) -> str:
        sign = next(sign for sign, operator in _SIGNS.items() if operator == self.cmp)
        return f"MetricThresholdFilter({_spelled(self.name, self.agg)} {sign} {self.threshold})"


class MetricChangeFilter(_MetricFilter):
    """A metric, or what a window comes to, moves from one window to the next.

    Args:
        name: The metric.
        agg: What each window comes to; without it each value counts.
        window: How many values the later window has.
        threshold: How far it has to move, above 0.
        prior_window: How many values the earlier window has; by default as many.
        change_type: Whether `threshold` is a difference or a fraction.
        change_dir: Where it has to move.

    Example:
        >>> RunEvent.metric("loss").increases_by(frac=0.5)
        MetricChangeFilter(loss increases by 50.00%)
    """

    name: str
    agg: Annotated[Aggregation | None, Field(alias="agg_op")] = None
    window: Annotated[PositiveInt, Field(alias="current_window_size")] = 1
    threshold: Annotated[Positive, Field(alias="change_amount")]
    prior_window: Annotated[
        PositiveInt,
        Field(alias="prior_window_size", default_factory=lambda earlier: earlier["window"]),
    ]
    change_type: ChangeType
    change_dir: ChangeDirection

    def __repr__(self) -> str:
        any_way = self.change_dir is ChangeDirection.ANY
        verb = "changes" if any_way else f"{self.change_dir.value.lower()}s"
        amount = f"{self.threshold:{'.2%' if self.change_type is ChangeType.RELATIVE else ''}}"
        return f"MetricChangeFilter({_spelled(self.name, self.agg)} {verb} by {amount})"


class MetricZScoreFilter(_MetricFilter):
    """A metric leaves its mean by some standard deviations.

    Args:
        name: The metric.
        window: Over how many values mean and deviation are taken.
        threshold: How many deviations, above 0.
        change_dir: On which side of the mean.

    Example:
        >>> abs(RunEvent.metric("loss").zscore(30)) > 3
        MetricZScoreFilter(abs(zscore(loss)) > 3)
    """

    name: str
    window: Annotated[PositiveInt, Field(alias="window_size")] = 30
    threshold: Positive = 3.0
    change_dir: ChangeDirection = ChangeDirection.ANY

    def __repr__(self) -> str:
        score = f"zscore({self.name})"
        if self.change_dir is ChangeDirection.DECREASE:
            return f"MetricZScoreFilter({score} < -{self.threshold})"
        score = score if self.change_dir is ChangeDirection.INCREASE else f"abs({score})"
        return f"MetricZScoreFilter({score} > {self.threshold})"


class _Threshold(Model):
    threshold_filter: MetricThresholdFilter


class _Change(Model):
    change_filter: MetricChangeFilter


class _ZScore(Model):
    zscore_filter: MetricZScoreFilter


def as_metric_filter(value: Any) -> Any:
    """Take a condition on a metric alone as one for all runs."""
    is_alone = isinstance(value, _MetricFilter)
    return RunMetricFilter(metric=value) if is_alone else value


def _nested(value: Any) -> Any:
    """Put a condition under the key that tells its kind."""
    match value:
        case MetricThresholdFilter():
            return _Threshold(threshold_filter=value)
        case MetricChangeFilter():
            return _Change(change_filter=value)
        case MetricZScoreFilter():
            return _ZScore(zscore_filter=value)
    return value


class RunMetricFilter(Model):
    """A condition on a metric of the runs that another condition chooses.

    Args:
        run: Which runs; by default all.
        metric: The condition on the metric.
        legacy_metric_filter: Where old servers keep a limit.
    """

    run: Annotated[Encoded[Condition], AfterValidator(run_form)] = Field(
        default_factory=Filter, alias="run_filter"
    )
    metric: Annotated[
        _Threshold | _Change | _ZScore, BeforeValidator(_nested), Field(alias="run_metric_filter")
    ]
    legacy_metric_filter: Encoded[MetricThresholdFilter] | None = Field(
        default=None, alias="metric_filter"
    )

    @property
    def condition(self) -> MetricThresholdFilter | MetricChangeFilter | MetricZScoreFilter:
        """The condition on the metric, without the key that tells its kind."""
        found: MetricThresholdFilter | MetricChangeFilter | MetricZScoreFilter
        ((_, found),) = self.metric
        return found


class _Operand(Model):
    """What can be compared with a limit, or watched for a change."""

    name: str

    def gt(self, value: float, /) -> MetricThresholdFilter:
        """Hold above a limit."""
        return self._compared("$gt", value)

    def lt(self, value: float, /) -> MetricThresholdFilter:
        """Hold below a limit."""
        return self._compared("$lt", value)

    def gte(self, value: float, /) -> MetricThresholdFilter:
        """Hold at or above a limit."""
        return self._compared("$gte", value)

    def lte(self, value: float, /) -> MetricThresholdFilter:
        """Hold at or below a limit."""
        return self._compared("$lte", value)

    __gt__ = gt
    __lt__ = lt
    __ge__ = gte
    __le__ = lte

    def changes_by(
        self, *, diff: float | None = None, frac: float | None = None
    ) -> MetricChangeFilter:
        """Hold where the value moves either way.

        Args:
            diff: By at least so much.
            frac: By at least this fraction of the earlier value. One of the two is given.

        Returns:
            The condition.

        Raises:
            InputError: None or both are given, or it is not a number above 0.
        """
        return self._changed(ChangeDirection.ANY, diff, frac)

    def increases_by(
        self, *, diff: float | None = None, frac: float | None = None
    ) -> MetricChangeFilter:
        """Hold where the value rises; see `changes_by`."""
        return self._changed(ChangeDirection.INCREASE, diff, frac)

    def decreases_by(
        self, *, diff: float | None = None, frac: float | None = None
    ) -> MetricChangeFilter:
        """Hold where the value falls; see `changes_by`."""
        return self._changed(ChangeDirection.DECREASE, diff, frac)

    def _compared(self, operator: str, value: float) -> MetricThresholdFilter:
        return MetricThresholdFilter(**dict(self) | {"cmp": operator, "threshold": value})

    def _changed(
        self, direction: ChangeDirection, diff: float | None, frac: float | None
    ) -> MetricChangeFilter:
        if (diff is None) == (frac is None):
            raise InputError("Give diff, a difference, or frac, a fraction; one of the two.")
        kind = ChangeType.RELATIVE if diff is None else ChangeType.ABSOLUTE
        amount = _above_zero(frac if diff is None else diff)
        change = {"threshold": amount, "change_type": kind, "change_dir": direction}
        return MetricChangeFilter(**dict(self) | change)


class WindowedMetric(_Operand):
    """What a window of a metric's values comes to.

    Args:
        name: The metric.
        agg: What the window comes to.
        window: How many values.
    """

    agg: Annotated[Aggregation, Field(alias="agg_op")]
    window: Annotated[PositiveInt, Field(alias="window_size")]


class ZScore(Model):
    """How many standard deviations a metric is from its mean; compare it with `>` or `<`.

    Args:
        name: The metric.
        window: Over how many values mean and deviation are taken.
        is_absolute: Whether both sides of the mean count.
    """

    name: str
    window: PositiveInt
    is_absolute: bool = False

    def gt(self, value: float, /) -> MetricZScoreFilter:
        """Hold above the mean by more than so many deviations; on both sides after `abs`."""
        direction = ChangeDirection.ANY if self.is_absolute else ChangeDirection.INCREASE
        return self._beyond(direction, value)

    def lt(self, value: float, /) -> MetricZScoreFilter:
        """Hold below the mean by more than so many deviations, given as a number below 0."""
        if self.is_absolute:
            raise InputError("An absolute z-score is never below 0; compare it with >.")
        if not isinstance(value, int | float) or value >= 0:
            raise InputError(f"A z-score below the mean is a number below 0, not {value!r}.")
        return self._beyond(ChangeDirection.DECREASE, -value)

    __gt__ = __ge__ = gt
    __lt__ = __le__ = lt

    def abs(self) -> ZScore:
        """Look at both sides of the mean."""
        return self.model_copy(update={"is_absolute": True})

    __abs__ = abs

    def _beyond(self, direction: ChangeDirection, value: float) -> MetricZScoreFilter:
        return MetricZScoreFilter(
            name=self.name, window=self.window, threshold=_above_zero(value), change_dir=direction
        )


class Metric(_Operand):
    """A metric, value by value.

    Args:
        name: Its key.
    """

    def max(self, window: int) -> WindowedMetric:
        """Take the largest of the last values."""
        return WindowedMetric(name=self.name, agg=Aggregation.MAX, window=window)

    def min(self, window: int) -> WindowedMetric:
        """Take the smallest of the last values."""
        return WindowedMetric(name=self.name, agg=Aggregation.MIN, window=window)

    def mean(self, window: int) -> WindowedMetric:
        """Take the mean of the last values."""
        return WindowedMetric(name=self.name, agg=Aggregation.AVERAGE, window=window)

    def avg(self, window: int) -> WindowedMetric:
        """Take the mean of the last values."""
        return self.mean(window)

    def zscore(self, window: int) -> ZScore:
        """Take the distance from the mean of the last values, in standard deviations."""
        return ZScore(name=self.name, window=window)


def _spelled(name: str, aggregation: Aggregation | None) -> str:
    return f"{aggregation.value}({name})" if aggregation else name


def _above_zero(value: float | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(f"How far a metric has to move is a number above 0, not {value!r}.")
    return value
