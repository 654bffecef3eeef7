"""What sets an automation off: something happens to an artifact, or to a run."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import AfterValidator, Field

from wbexport.api.automations.automation import Event, EventType
from wbexport.api.automations.filters import Condition, Filter, FilterField, event_form
from wbexport.api.automations.metrics import (
    Metric,
    MetricChangeFilter,
    MetricThresholdFilter,
    MetricZScoreFilter,
    RunMetricFilter,
    as_metric_filter,
)
from wbexport.api.automations.models import Encoded
from wbexport.api.automations.scopes import CollectionPlace, RunPlace
from wbexport.api.automations.states import RunStateFilter, StateField, StateFilter, as_state_filter

__all__ = [
    "ArtifactEvent",
    "OnAddArtifactAlias",
    "OnAddArtifactTag",
    "OnAddCollectionTag",
    "OnCreateArtifact",
    "OnLinkArtifact",
    "OnRemoveArtifactTag",
    "OnRemoveCollectionTag",
    "OnRunMetric",
    "OnRunState",
    "OnUnlinkArtifact",
    "RunEvent",
]


class _ArtifactEvent(Event):
    filter: Annotated[Encoded[Condition], AfterValidator(event_form)] = Field(
        default_factory=lambda: event_form(Filter())
    )


class OnCreateArtifact(_ArtifactEvent):
    """A version is logged to a collection.

    Args:
        scope: The collection.
        filter: A condition on the version, from `ArtifactEvent`.
    """

    kind = EventType.CREATE_ARTIFACT
    scope: CollectionPlace


class OnLinkArtifact(_ArtifactEvent):
    """A version is linked to a collection.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the version, from `ArtifactEvent`.

    Example:
        >>> OnLinkArtifact(scope=collection, filter=ArtifactEvent.alias.eq("prod"))
    """

    kind = EventType.LINK_ARTIFACT


class OnUnlinkArtifact(_ArtifactEvent):
    """A version is unlinked from a collection.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the version, from `ArtifactEvent`.
    """

    kind = EventType.UNLINK_ARTIFACT


class OnAddArtifactAlias(_ArtifactEvent):
    """A version is given an alias.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the alias, such as `ArtifactEvent.alias.matches_regex("^prod")`.
    """

    kind = EventType.ADD_ARTIFACT_ALIAS


class OnAddArtifactTag(_ArtifactEvent):
    """A version is given a tag.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the tag, such as `ArtifactEvent.tag.eq("gold")`.
    """

    kind = EventType.ADD_ARTIFACT_TAG


class OnRemoveArtifactTag(_ArtifactEvent):
    """A version loses a tag.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the tag.
    """

    kind = EventType.REMOVE_ARTIFACT_TAG


class OnAddCollectionTag(_ArtifactEvent):
    """A collection is given a tag.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the tag.
    """

    kind = EventType.ADD_COLLECTION_TAG


class OnRemoveCollectionTag(_ArtifactEvent):
    """A collection loses a tag.

    Args:
        scope: Where: a collection, a project, a registry or a team.
        filter: A condition on the tag.
    """

    kind = EventType.REMOVE_COLLECTION_TAG


class OnRunMetric(Event):
    """A metric of a run passes a limit, changes, or leaves its usual range.

    Args:
        scope: Where: a project, a team or an organization.
        filter: The condition, from `RunEvent.metric`; `&` adds one on the run.

    Example:
        >>> OnRunMetric(scope=project, filter=RunEvent.metric("loss").mean(5) > 10)
    """

    scope: RunPlace
    filter: Annotated[
        Encoded[RunMetricFilter | MetricThresholdFilter | MetricChangeFilter | MetricZScoreFilter],
        AfterValidator(as_metric_filter),
    ]

    @property
    def event_type(self) -> EventType:
        """The kind of the event, as the condition has it."""
        match cast("RunMetricFilter", self.filter).condition:
            case MetricThresholdFilter():
                return EventType.RUN_METRIC_THRESHOLD
            case MetricChangeFilter():
                return EventType.RUN_METRIC_CHANGE
        return EventType.RUN_METRIC_ZSCORE


class OnRunState(Event):
    """A run comes into a state.

    Args:
        scope: Where: a project, a team or an organization.
        filter: The states, such as `RunEvent.state.in_(["finished", "failed"])`; `&` adds a
            condition on the run.
    """

    kind = EventType.RUN_STATE
    scope: RunPlace
    filter: Annotated[Encoded[RunStateFilter | StateFilter], AfterValidator(as_state_filter)]


class RunEvent:
    """What a condition on runs may look at.

    Attributes:
        name: The name of the run that people see.
        state: The state that it comes into.
    """

    name = FilterField("display_name")
    state = StateField()

    @staticmethod
    def metric(name: str) -> Metric:
        """Look at a metric.

        Args:
            name: Its key.

        Returns:
            The metric; compare it, or what a window of its values comes to, with a limit.

        Example:
            >>> RunEvent.metric("loss").mean(5) > 10
            MetricThresholdFilter(AVERAGE(loss) > 10)
        """
        return Metric(name=name)


class ArtifactEvent:
    """What a condition on artifacts may look at.

    Attributes:
        alias: The alias of the version.
        tag: The tag of the version or collection.
    """

    alias = FilterField("alias")
    tag = FilterField("tag")
