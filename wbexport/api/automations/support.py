"""What of automations a server knows: older ones lack kinds of scopes, events and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.graphql.documents import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service

__all__ = ["document_for", "require_kinds"]

#: Fragment to the feature without which a server does not know its type.
_FRAGMENTS = {
    "AriaActionFields": "AUTOMATION_ACTION_ARIA",
    "EntityScopeFields": "AUTOMATION_SCOPE_ENTITY",
    "PushNotificationActionFields": "AUTOMATION_ACTION_PUSH_NOTIFICATION",
}
#: Kind of scope, event or action to the feature that brought it; others are everywhere.
_KINDS = {
    "ENTITY": "AUTOMATION_SCOPE_ENTITY",
    "UNLINK_ARTIFACT": "AUTOMATION_EVENT_UNLINK_ARTIFACT",
    "ADD_ARTIFACT_TAG": "AUTOMATION_EVENT_ADD_ARTIFACT_TAG",
    "REMOVE_ARTIFACT_TAG": "AUTOMATION_EVENT_REMOVE_ARTIFACT_TAG",
    "ADD_COLLECTION_TAG": "AUTOMATION_EVENT_ADD_COLLECTION_TAG",
    "REMOVE_COLLECTION_TAG": "AUTOMATION_EVENT_REMOVE_COLLECTION_TAG",
    "RUN_METRIC_ZSCORE": "AUTOMATION_EVENT_RUN_METRIC_ZSCORE",
    "ARIA": "AUTOMATION_ACTION_ARIA",
}


def document_for(client: Service, operation: str) -> str:
    """Return the text of an operation, without what the server does not know."""
    absent = (name for name, feature in _FRAGMENTS.items() if feature not in client.features)
    return load(operation, frozenset(absent)).text


def require_kinds(client: Service, sent: Mapping[str, Any]) -> None:
    """Refuse an automation of a kind that the server does not know.

    Args:
        client: Asks the server.
        sent: The automation as it would be sent.

    Raises:
        UnsupportedError: Its scope, event or action is too new.
    """
    for part in ("scopeType", "triggeringEventType", "triggeredActionType"):
        if feature := _KINDS.get(sent[part]):
            client.require_feature(feature, f"An automation with {sent[part]}")
