"""Automations: listing, creating, changing and deleting them. They are kept, never run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.errors import InputError, NotFoundError
from wbexport.query.fields import DOCUMENT_FIELDS
from wbexport.query.order import parse_order
from wbexport.server import artifact_lookup, lookup, people, queues, triggers
from wbexport.server.resolvers.collections import collection_node
from wbexport.server.resolvers.connections import connection, filter_of
from wbexport.server.resolvers.entities import entity_node
from wbexport.server.resolvers.integrations import integration_node
from wbexport.server.resolvers.launch import queue_node
from wbexport.server.service import TakenError, wire_time
from wbexport.store import reader
from wbexport.store.documents import Document, delete_document, read_documents, write_document
from wbexport.store.integrations import INTEGRATION

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.service import Info, Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["RESOLVERS", "TRIGGER"]

#: The kind of these documents; their scope is the entity that the automation's scope belongs to.
TRIGGER = "trigger"

#: Kind of action to the type of the integration that it uses.
_USED = {"NOTIFICATION": "SlackIntegration", "GENERIC_WEBHOOK": "GenericWebhookIntegration"}


def _entity_triggers(
    entity: Node,
    info: Info,
    *,
    filters: str | None = None,
    order: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    found = read_documents(
        info.context.cursor,
        TRIGGER,
        scope=entity["name"],
        where=filter_of(filters, DOCUMENT_FIELDS),
        order=parse_order(order, DOCUMENT_FIELDS) if order else (),
    )
    return connection(info, _nodes(info.context.cursor, found), first, after)


def _project_triggers(project: Node, info: Info) -> list[Node]:
    cur = info.context.cursor
    found = read_documents(cur, TRIGGER, scope=project["entity"])
    return _nodes(cur, [each for each in found if each.body["project"] == project["storage_id"]])


def _nodes(cur: Cursor, documents: list[Document]) -> list[Node]:
    """Return automations as answers hold them; one whose scope is gone is no more."""
    places = {(each.body["scopeType"], each.body["scopeID"]) for each in documents}
    scopes = {place: _find_scope(cur, *place) for place in places}
    located = ((each, scopes[each.body["scopeType"], each.body["scopeID"]]) for each in documents)
    return [_node(document, scope) for document, scope in located if scope is not None]


def _node(document: Document, scope: Node) -> Node:
    body = document.body
    condition = triggers.wire_filter(body["triggeringEventType"], body["eventFilter"])
    return {
        "id": document.storage_id,
        "name": document.name,
        "description": body.get("description"),
        "enabled": body["enabled"],
        "createdAt": wire_time(document.created_at),
        "updatedAt": wire_time(document.updated_at),
        "scope": scope,
        "triggeringCondition": {
            "__typename": "FilterEventTriggeringCondition",
            "eventType": body["triggeringEventType"],
            "filter": condition if isinstance(condition, str) else json.dumps(condition),
        },
        "document": document,
    }


def _find_scope(cur: Cursor, kind: str, storage_id: str) -> Node | None:
    """Return what a scope's id names, with the entity and the project that it belongs to."""
    if kind == "ARTIFACT_COLLECTION":
        try:
            collection = artifact_lookup.get_collection_by_id(cur, storage_id)
        except NotFoundError:
            return None
        project = collection["project"]
        return collection_node(collection) | {"owner": (project["entity"], project["storage_id"])}
    if kind == "PROJECT":
        projects = reader.read_projects(cur).to_pylist()
        found = next((each for each in projects if each["storage_id"] == storage_id), None)
        owner = found and {"__typename": "Project", "owner": (found["entity"], storage_id)}
        return found and found | owner
    name = people.entity_of_id(cur, storage_id)
    if name is None:
        return None
    return entity_node(name) | {"__typename": "Entity", "owner": (name, None)}


def _action(trigger: Node, info: Info) -> Node:
    body = trigger["document"].body
    kind = body["triggeredActionType"]
    key, typename = triggers.ACTIONS[kind]
    config: Node = body["triggeredActionConfig"][key]
    node = {"__typename": typename, **config}
    if kind in _USED:
        node["integration"] = integration_node(_integration(info.context.cursor, config))
    if kind == "QUEUE_JOB":
        found = read_documents(info.context.cursor, queues.QUEUE, storage_id=config["queueID"])
        node["queue"] = queue_node(found[0]) if found else None
    return node


def _integration(cur: Cursor, config: Node) -> Document:
    storage_id = config["integrationID"]
    found = read_documents(cur, INTEGRATION, storage_id=storage_id)
    if not found:
        raise NotFoundError(f"there is no integration with id {storage_id} here")
    return found[0]


def _create(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    now = service.clock()
    with service.writing(soon=True) as cur:
        storage_id = lookup.opaque_id(f"Trigger:v1:{lookup.new_id()}")
        document = Document(TRIGGER, storage_id, "", {}, now, now)
        return _save(cur, document, input)


def _update(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        known = _get(cur, input["id"])
        given = {key: value for key, value in input.items() if value is not None}
        document = replace(known, updated_at=service.clock())
        return _save(cur, document, {"name": known.name, **known.body, **given})


def _save(cur: Cursor, document: Document, wanted: Node) -> Node:
    """Check an automation and write it."""
    triggers.check_event(wanted)
    config = triggers.check_action(wanted["triggeredActionType"], wanted["triggeredActionConfig"])
    scope = _find_scope(cur, wanted["scopeType"], wanted["scopeID"])
    if scope is None:
        raise NotFoundError(f"there is no {wanted['scopeType']} with id {wanted['scopeID']} here")
    entity, project = scope["owner"]
    if project is None and people.kind_of_entity(cur, entity) == "user":
        raise InputError(f"{entity} is a user; an automation is for a project, a team or above")
    _check_used(cur, wanted["triggeredActionType"], config, entity)
    _check_name(cur, document.storage_id, wanted, entity)
    body = {key: wanted[key] for key in wanted if key not in ("id", "name", "clientMutationId")}
    body["project"] = project
    document = replace(document, scope=entity, name=wanted["name"], body=body)
    write_document(cur, document)
    return {"trigger": _node(document, scope), "clientMutationId": wanted.get("clientMutationId")}


def _check_used(cur: Cursor, kind: str, config: Node, entity: str) -> None:
    if kind == "QUEUE_JOB":
        queues.get_document(cur, queues.QUEUE, config["queueID"])
    if kind not in _USED:
        return
    integration = _integration(cur, config)
    if integration.body["__typename"] != _USED[kind]:
        raise InputError(f"an action of kind {kind} uses a {_USED[kind]}")
    if integration.scope != entity:
        raise NotFoundError(f"{entity} has no integration with id {integration.storage_id}")


def _check_name(cur: Cursor, storage_id: str, wanted: Node, entity: str) -> None:
    for other in read_documents(cur, TRIGGER, scope=entity, name=wanted["name"]):
        if other.storage_id != storage_id and other.body["scopeID"] == wanted["scopeID"]:
            raise TakenError(f"this scope has an automation {wanted['name']!r} already")


def _delete(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        trigger = _get(cur, input["triggerID"])
        delete_document(cur, TRIGGER, trigger.storage_id)
    return {"success": True, "clientMutationId": input.get("clientMutationId")}


def _get(cur: Cursor, storage_id: str) -> Document:
    found = read_documents(cur, TRIGGER, storage_id=storage_id)
    if not found:
        raise NotFoundError(f"there is no automation with id {storage_id} here")
    return found[0]


def _organization_triggers(organization: Node, info: Info, **arguments: Any) -> Node:
    return _entity_triggers(entity_node(lookup.ORG_ENTITY), info, **arguments)


RESOLVERS = {
    "Organization": {"triggers": _organization_triggers},
    "Entity": {"triggers": _entity_triggers},
    "Project": {"triggers": _project_triggers},
    "Trigger": {"triggeredAction": _action},
    "Mutation": {
        "createFilterTrigger": _create,
        "updateFilterTrigger": _update,
        "deleteTrigger": _delete,
    },
}
