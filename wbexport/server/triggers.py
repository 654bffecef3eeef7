"""What a server wants of an automation before it keeps it. Automations are kept, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json
from wbexport.errors import InputError, ResponseError

if TYPE_CHECKING:
    from wbexport.server.service import Node

__all__ = ["ACTIONS", "check_action", "check_event", "wire_filter"]

_RUN_EVENTS = {
    "RUN_METRIC": "threshold_filter",
    "RUN_METRIC_CHANGE": "change_filter",
    "RUN_METRIC_ZSCORE": "zscore_filter",
    "RUN_STATE": None,
}
_READ_ONLY_EVENTS = ("UPDATE_ARTIFACT_ALIAS", "WEAVE_METRIC_THRESHOLD")
_STATES = {"RUNNING", "FINISHED", "FAILED"}
_MAX_NAME = 255
_MAX_PROMPT_BYTES = 4000

#: Kind of action to the key of its config, and to its type in answers.
ACTIONS = {
    "QUEUE_JOB": ("queueJobActionInput", "QueueJobTriggeredAction"),
    "NOTIFICATION": ("notificationActionInput", "NotificationTriggeredAction"),
    "GENERIC_WEBHOOK": ("genericWebhookActionInput", "GenericWebhookTriggeredAction"),
    "NO_OP": ("noOpActionInput", "NoOpTriggeredAction"),
    "ARIA": ("ariaActionInput", "ARIATriggeredAction"),
    "PUSH_NOTIFICATION": ("pushNotificationActionInput", "PushNotificationTriggeredAction"),
}


def check_event(trigger: Node) -> None:
    """Refuse an event that cannot happen in its scope, or whose condition has another form.

    Args:
        trigger: The automation, in the fields of `CreateFilterTriggerInput`.

    Raises:
        InputError: What is wrong.
    """
    if not trigger["name"] or len(trigger["name"]) > _MAX_NAME:
        raise InputError(f"an automation has a name of 1 to {_MAX_NAME} characters")
    event, scope = trigger["triggeringEventType"], trigger["scopeType"]
    if event in _READ_ONLY_EVENTS:
        raise InputError(f"no automation can be made for {event}")
    if event == "CREATE_ARTIFACT" and scope != "ARTIFACT_COLLECTION":
        raise InputError(f"{event} happens in a collection, not in a scope of kind {scope}")
    if event in _RUN_EVENTS and scope == "ARTIFACT_COLLECTION":
        raise InputError(f"{event} happens in a project or an entity, not in a collection")
    condition = _object(trigger["eventFilter"], "the event filter")
    if event in _RUN_EVENTS:
        _check_run_filter(event, condition)
    else:
        _check_artifact_filter(condition)


def wire_filter(event: str, text: str) -> Any:
    """Return a condition as answers hold it: those on artifacts are one level deeper."""
    return text if event in _RUN_EVENTS else {"filter": text}


def check_action(kind: str, config: Node) -> Node:
    """Return the part of an action's config that belongs to its kind.

    Args:
        kind: The kind of action.
        config: A `TriggeredActionConfig`.

    Raises:
        InputError: It has another part, or the part is wrong.
    """
    key, _ = ACTIONS[kind]
    given = [name for name, part in config.items() if part is not None]
    if given != [key]:
        raise InputError(f"an action of kind {kind} is given by {key} alone")
    part: Node = config[key]
    if kind == "GENERIC_WEBHOOK" and part.get("requestPayload") is not None:
        _object(part["requestPayload"], "the payload of a webhook")
    if kind == "ARIA":
        length = len(part["prompt"].strip().encode(errors="replace"))
        if not 0 < length <= _MAX_PROMPT_BYTES:
            raise InputError(f"a prompt has 1 to {_MAX_PROMPT_BYTES} bytes")
    return part


def _check_artifact_filter(condition: Node) -> None:
    groups = condition.get("$or")
    is_list = isinstance(groups, list) and bool(groups) and len(condition) == 1
    if not is_list or not all(
        isinstance(group, dict) and isinstance(group.get("$and"), list) for group in groups or ()
    ):
        raise InputError('a condition on artifacts has the form {"$or": [{"$and": [...]}]}')


def _check_run_filter(event: str, condition: Node) -> None:
    runs = _object(condition.get("run_filter"), "the run filter")
    if not isinstance(runs.get("$and"), list):
        raise InputError('a condition on runs has the form {"$and": [...]}')
    if event == "RUN_STATE":
        wanted = _part(condition, "run_state_filter").get("states")
        if not isinstance(wanted, list) or not wanted or not set(map(str, wanted)) <= _STATES:
            raise InputError(f"a condition on states lists some of {', '.join(sorted(_STATES))}")
        return
    key = _RUN_EVENTS[event]
    metric = _part(condition, "run_metric_filter")
    if [name for name, part in metric.items() if part is not None] != [key]:
        raise InputError(f"a condition of {event} is a {key} alone")
    if not isinstance(_part(metric, str(key)).get("name"), str):
        raise InputError(f"a {key} names its metric")


def _part(condition: Node, key: str) -> Node:
    part = condition.get(key)
    if not isinstance(part, dict):
        raise InputError(f"the event filter needs an object under {key}")
    return part


def _object(text: object, what: str) -> Node:
    try:
        parsed = parse_json(text) if isinstance(text, str) else None
    except ResponseError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InputError(f"{what} must be the text of a JSON object")
    return parsed
