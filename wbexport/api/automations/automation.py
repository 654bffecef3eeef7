"""Automations: what happens where, and what is then done; saved ones and new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StrictStr, ValidationError
from pydantic.alias_generators import to_camel

from wbexport.api.automations.actions import Action, SavedAction, as_saved_action
from wbexport.api.automations.events import Event, EventType, SavedEvent
from wbexport.api.automations.models import Model, without_typename
from wbexport.api.automations.scopes import Scope
from wbexport.errors import InputError

__all__ = ["Automation", "NewAutomation", "changed_input", "new_input"]

_READ_ONLY_EVENTS = {EventType.UPDATE_ARTIFACT_ALIAS, EventType.WEAVE_METRIC_THRESHOLD}


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
    event: Annotated[SavedEvent | Event, BeforeValidator(without_typename)]
    action: Annotated[SavedAction | Action, BeforeValidator(as_saved_action)]


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
    event: Event | None = None
    action: Action | None = None

    @property
    def scope(self) -> Scope | None:
        """Where the event happens."""
        return self.event.scope if self.event else None

    @scope.setter
    def scope(self, value: Scope) -> None:
        if self.event is None:
            raise InputError("Give the automation an event before its scope.")
        self.event.scope = value


class _Complete(Model):
    """Everything that is sent to save an automation."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: str | None = None
    enabled: bool = True
    scope: Scope
    event: SavedEvent | Event
    action: SavedAction | Action


def new_input(automation: NewAutomation, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write a new automation as it is sent.

    Raises:
        InputError: A part of it is missing, wrong or unknown.
    """
    if not isinstance(automation, NewAutomation):
        raise InputError(f"Give an event >> action, not {automation!r}.")
    return _input(_given(automation) | _given(changes.items()))


def changed_input(automation: Automation, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write a saved automation as it is sent; an event among the changes brings its scope along.

    Raises:
        InputError: A part of it is wrong or unknown, or may not be sent.
    """
    if not isinstance(automation, Automation):
        raise InputError(f"Give a saved automation, not {automation!r}.")
    saved = _given(automation)
    if "event" in changes:
        del saved["scope"]
    for name in ("id", "created_at", "updated_at"):
        saved.pop(name, None)
    return {"id": automation.id} | _input(saved | _given(changes.items()))


def _given(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None}


def _input(parts: dict[str, Any]) -> dict[str, Any]:
    event = parts.get("event")
    try:
        if isinstance(event, Event):
            # The kind of an event says where it can happen.
            scope = parts.get("scope", event.scope)
            event = type(event).model_validate({"scope": scope, "filter": event.filter})
            parts |= {"event": event, "scope": event.scope}
        whole = _Complete.model_validate(parts)
    except ValidationError as error:
        raise InputError(f"This automation cannot be saved: {_reasons(error)}.") from error
    if whole.event.event_type in _READ_ONLY_EVENTS:
        raise InputError(f"An automation on {whole.event.event_type!r} can only be read.")
    sent = {
        "name": whole.name,
        "description": whole.description,
        "enabled": whole.enabled,
        "scopeType": whole.scope.scope_type.value,
        "scopeID": whole.scope.id,
        "triggeringEventType": whole.event.event_type,
        "eventFilter": whole.event.filter_text,
        "triggeredActionType": whole.action.action_type.value,
        "triggeredActionConfig": whole.action.config(),
    }
    return _given(sent.items())


def _reasons(error: ValidationError) -> str:
    found = (
        f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()[:3]
    )
    return "; ".join(found).rstrip(".")
