"""Automations: what happens where, and what is then done; saved ones and new ones."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, cast

from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, StrictStr
from pydantic.alias_generators import to_camel

from wbexport.api.automations.actions import Action, SavedAction, as_saved_action
from wbexport.api.automations.filters import Condition
from wbexport.api.automations.metrics import RunMetricFilter
from wbexport.api.automations.models import Choice, Encoded, Model, without_typename
from wbexport.api.automations.scopes import AnyPlace, Scope
from wbexport.api.automations.states import RunStateFilter
from wbexport.errors import InputError

__all__ = ["Automation", "Event", "EventType", "NewAutomation", "SavedEvent"]


class EventType(Choice):
    """The kind of an event. Some kinds can be read but not asked for."""

    CREATE_ARTIFACT = "CREATE_ARTIFACT"
    UPDATE_ARTIFACT_ALIAS = "UPDATE_ARTIFACT_ALIAS"
    ADD_ARTIFACT_ALIAS = "ADD_ARTIFACT_ALIAS"
    ADD_ARTIFACT_TAG = "ADD_ARTIFACT_TAG"
    REMOVE_ARTIFACT_TAG = "REMOVE_ARTIFACT_TAG"
    ADD_COLLECTION_TAG = "ADD_COLLECTION_TAG"
    REMOVE_COLLECTION_TAG = "REMOVE_COLLECTION_TAG"
    LINK_ARTIFACT = "LINK_MODEL"
    LINK_MODEL = LINK_ARTIFACT
    UNLINK_ARTIFACT = "UNLINK_ARTIFACT"
    RUN_METRIC_THRESHOLD = "RUN_METRIC"
    RUN_METRIC = RUN_METRIC_THRESHOLD
    RUN_METRIC_CHANGE = "RUN_METRIC_CHANGE"
    RUN_METRIC_ZSCORE = "RUN_METRIC_ZSCORE"
    RUN_STATE = "RUN_STATE"
    WEAVE_METRIC_THRESHOLD = "WEAVE_METRIC_THRESHOLD"


class Event(Model):
    """An event that an automation is to wait for; `event >> action` is a new automation."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    kind: ClassVar[EventType]

    scope: AnyPlace
    filter: Any

    @property
    def event_type(self) -> EventType:
        """The kind of the event."""
        return self.kind

    @property
    def filter_text(self) -> str:
        """The condition as it is sent."""
        return str(self.model_dump(mode="json", include={"filter"})["filter"])

    def then(self, action: Action) -> NewAutomation:
        """Answer the event with an action; `event >> action` says the same.

        Args:
            action: The action.

        Returns:
            A new automation, not saved yet.
        """
        return NewAutomation(event=self, action=action)

    __rshift__ = then


class _SavedFilter(Model):
    """A condition on artifacts, one level deeper in answers than in questions."""

    filter: Encoded[Condition]


class SavedEvent(Model):
    """The event of a saved automation.

    Args:
        event_type: Its kind; text for a kind that this client does not know.
        filter: `filter.filter` is a condition on artifacts; `filter.run` and `filter.metric` or
            `filter.state` are one on runs; an object for a kind that this client does not know.
    """

    event_type: Annotated[EventType | str, Field(alias="eventType", union_mode="left_to_right")]
    filter: Encoded[
        Annotated[
            _SavedFilter | RunMetricFilter | RunStateFilter | dict[str, Any],
            Field(union_mode="left_to_right"),
        ]
    ]

    @property
    def filter_text(self) -> str:
        """The condition as it is sent."""
        model = self.filter if isinstance(self.filter, _SavedFilter) else self
        return str(model.model_dump(mode="json", include={"filter"})["filter"])


class Automation(Model):
    """A saved automation. Change its fields, then call `api.update_automation`.

    Args:
        id: Its id.
        created_at: When it was created.
        updated_at: When it was changed last.
        name: Its name.
        description: What it is for.
        enabled: Whether it acts.
        scope: Where its event happens.
        event: What sets it off.
        action: What it does.

    Example:
        >>> automation = api.automation("alert on divergence", entity="team")
        >>> automation.enabled = False
        >>> automation = api.update_automation(automation)
    """

    model_config = ConfigDict(alias_generator=to_camel)

    id: StrictStr
    created_at: Annotated[datetime, Field(frozen=True)]
    updated_at: Annotated[datetime | None, Field(frozen=True)] = None
    name: str
    description: str | None = None
    enabled: bool
    scope: Scope
    event: Annotated[SavedEvent | SerializeAsAny[Event], BeforeValidator(without_typename)]
    action: Annotated[SerializeAsAny[SavedAction | Action], BeforeValidator(as_saved_action)]

    def __repr__(self) -> str:
        off = "" if self.enabled else ", disabled"
        return f"<Automation {self.name!r} ({self.scope.name}, {self.event.event_type}{off})>"


class NewAutomation(Model):
    """An automation to be created; what is left out here is given to `api.create_automation`.

    Args:
        name: Its name.
        description: What it is for.
        enabled: Whether it acts; it does when nothing is said.
        event: What sets it off.
        action: What it does.

    Example:
        >>> event = OnRunState(scope=project, filter=RunEvent.state.eq("failed"))
        >>> api.create_automation(event >> DoNothing(), name="failures")
    """

    name: str | None = None
    description: str | None = None
    enabled: bool | None = None
    event: SerializeAsAny[Event] | None = None
    action: SerializeAsAny[Action] | None = None

    @property
    def scope(self) -> Scope | None:
        """Where the event happens."""
        return cast("Scope", self.event.scope) if self.event else None

    @scope.setter
    def scope(self, value: AnyPlace) -> None:
        if self.event is None:
            raise InputError("Give the automation an event before its scope.")
        self.event.scope = value
