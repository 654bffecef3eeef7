"""Creates, changes and deletes automations."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.automations.automation import Automation
from wbexport.api.automations.drafts import changed_draft, new_draft
from wbexport.api.automations.listings import list_automations
from wbexport.api.automations.scopes import ScopeType
from wbexport.api.automations.support import document_for, require_kinds
from wbexport.errors import ConflictError, GraphQLError, InputError, NotFoundError, ResponseError
from wbexport.graphql.models import read_node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.automations.automation import NewAutomation
    from wbexport.api.automations.drafts import Draft
    from wbexport.api.service import Service

__all__ = ["create_automation", "delete_automation", "find_automation", "update_automation"]


def find_automation(client: Service, name: str, entity: str | None) -> Automation:
    """Return the only automation of a name.

    Raises:
        NotFoundError: There is none.
        ConflictError: There are several.
    """
    place = f" in {entity}" if entity else ""
    match list_automations(client, entity, name)[:2]:
        case [automation]:
            return automation
        case []:
            raise NotFoundError(f"There is no automation {name!r}{place}.")
    raise ConflictError(f"There are several automations {name!r}{place}; list them instead.")


def create_automation(
    client: Service, new: NewAutomation, changes: Mapping[str, Any], *, fetch_existing: bool
) -> Automation:
    """Create an automation, or return the one that is there.

    Raises:
        InputError: A part of it is missing, wrong or unknown.
        UnsupportedError: The server does not know its kind.
        ConflictError: There is one of that name.
    """
    return _create(client, new_draft(new, changes), fetch_existing=fetch_existing)


def update_automation(
    client: Service, saved: Automation, changes: Mapping[str, Any], *, create_missing: bool
) -> Automation:
    """Change an automation, or create it when it is gone.

    Raises:
        InputError: A part of it is wrong or unknown, or may not be sent.
        UnsupportedError: The server does not know its kind.
        NotFoundError: It is gone.
    """
    draft = changed_draft(saved, changes)
    try:
        return _save(client, "UpdateAutomation", draft)
    except GraphQLError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        if not create_missing:
            raise NotFoundError(
                f"There is no automation {draft.name!r} with id {draft.id} any more; "
                "create_missing=True creates it again."
            ) from error
    return _create(client, draft.model_copy(update={"id": None}), fetch_existing=False)


def delete_automation(client: Service, automation: Automation | str) -> Literal[True]:
    """Delete an automation, given by its id too.

    Raises:
        InputError: It is neither an automation nor text.
        NotFoundError: The server did not delete it.
    """
    if not isinstance(automation, Automation | str):
        raise InputError(f"Give a saved automation or its id, not {automation!r}.")
    storage_id = automation if isinstance(automation, str) else automation.id
    try:
        result = client.execute("DeleteAutomation", {"id": storage_id}).get("deleteTrigger")
    except GraphQLError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        result = None
    if not result or not result["success"]:
        raise NotFoundError(f"There is no automation with id {storage_id}.")
    return True


def _create(client: Service, draft: Draft, *, fetch_existing: bool) -> Automation:
    try:
        return _save(client, "CreateAutomation", draft)
    except GraphQLError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        existing = _find_like(client, draft) if fetch_existing else None
        if existing is None:
            raise ConflictError(
                f"There is an automation {draft.name!r} in {draft.scope.name} already; "
                "take another name, or fetch_existing=True."
            ) from error
    return existing


def _find_like(client: Service, draft: Draft) -> Automation | None:
    """Return the automation that stands in the way of a new one."""
    is_of_entity = draft.scope.scope_type is ScopeType.ENTITY
    entity = draft.scope.name if is_of_entity else None
    found = list_automations(client, entity, draft.name)
    return next((each for each in found if each.scope.id == draft.scope.id), None)


def _save(client: Service, operation: str, draft: Draft) -> Automation:
    sent = draft.sent()
    require_kinds(client, sent)
    answer = client.execute_text(document_for(client, operation), {"input": sent})
    trigger = (answer.get("result") or {}).get("trigger")
    if trigger is None:
        raise ResponseError(f"The server did not send the automation {draft.name!r} back.")
    return read_node(Automation, trigger)
