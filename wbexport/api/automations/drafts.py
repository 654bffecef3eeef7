"""Automations as they are sent: complete, and checked before a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field

from wbexport.api.automations.actions import Action, SavedAction
from wbexport.api.automations.automation import (
    Automation,
    Event,
    EventType,
    NewAutomation,
    SavedEvent,
)
from wbexport.api.automations.models import Model
from wbexport.api.automations.scopes import Scope
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Draft", "changed_draft", "new_draft"]

_READ_ONLY_EVENTS = {EventType.UPDATE_ARTIFACT_ALIAS, EventType.WEAVE_METRIC_THRESHOLD}


class Draft(Model):
    """Everything that an automation needs to be saved.

    Args:
        id: Its id, when it is saved already.
        name: Its name.
        description: What it is for.
        enabled: Whether it acts.
        scope: Where its event happens.
        event: What sets it off.
        action: What it does.
    """

    model_config = ConfigDict(title="This automation cannot be saved")

    id: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: str | None = None
    enabled: bool = True
    scope: Scope
    event: SavedEvent | Event
    action: SavedAction | Action

    def sent(self) -> dict[str, Any]:
        """Write it as the server wants it."""
        fields = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "enabled": self.enabled,
            "scopeType": self.scope.scope_type.value,
            "scopeID": self.scope.id,
            "triggeringEventType": str(self.event.event_type),
            "eventFilter": self.event.filter_text,
            "triggeredActionType": self.action.action_type.value,
            "triggeredActionConfig": self.action.config(),
        }
        return _given(fields.items())


def new_draft(new: NewAutomation, changes: Mapping[str, Any]) -> Draft:
    """Complete a new automation.

    Raises:
        InputError: A part of it is missing, wrong or unknown.
    """
    if not isinstance(new, NewAutomation):
        raise InputError(f"Give an event >> action, not {new!r}.")
    return _draft(_given(new) | _given(changes.items()))


def changed_draft(saved: Automation, changes: Mapping[str, Any]) -> Draft:
    """Change a saved automation; an event among the changes brings its scope along.

    Raises:
        InputError: A part of it is wrong or unknown, or may not be sent.
    """
    if not isinstance(saved, Automation):
        raise InputError(f"Give a saved automation, not {saved!r}.")
    kept = {name: value for name, value in _given(saved).items() if name in Draft.model_fields}
    if changes.get("event") is not None:
        del kept["scope"]
    return _draft(kept | _given(changes.items()) | {"id": saved.id})


def _given(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None}


def _draft(parts: dict[str, Any]) -> Draft:
    event = parts.get("event")
    if isinstance(event, Event):
        # The kind of an event says where it can happen.
        event = type(event)(scope=parts.get("scope", event.scope), filter=event.filter)
        parts |= {"event": event, "scope": event.scope}
    draft = Draft(**parts)
    if draft.event.event_type in _READ_ONLY_EVENTS:
        raise InputError(f"An automation on {draft.event.event_type} can only be read.")
    return draft
