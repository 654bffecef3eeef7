"""Launch: run queues, the runs that wait in them, and the agents that take them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.server import lookup, queues, templates
from wbexport.server.resolvers.connections import connection
from wbexport.server.service import wire_time
from wbexport.store.documents import delete_document, read_documents, write_document
from wbexport.store.owners import find_places

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.service import Info, Node
    from wbexport.store.documents import Document

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["RESOLVERS", "queue_node"]

_MAX_NAME = 64


def queue_node(queue: Document) -> Node:
    """Return a queue as answers hold it."""
    return {"id": queue.storage_id, "name": queue.name, **queue.body}


def _item_node(item: Document) -> Node:
    return {"id": item.storage_id, **item.body}


def _queues(project: Node, info: Info) -> list[Node]:
    found = read_documents(info.context.cursor, queues.QUEUE, scope=project["storage_id"])
    return [queue_node(each) for each in found]


def _queue(project: Node, info: Info, name: str) -> Node | None:
    found = queues.find_queue(info.context.cursor, project, name)
    return None if found is None else queue_node(found)


def _items(queue: Node, info: Info, first: int | None = None) -> Node:
    found = read_documents(info.context.cursor, queues.ITEM, scope=queue["id"])
    return connection(info, [_item_node(each) for each in found], first, None)


def _item(queue: Node, info: Info, id: str) -> Node | None:
    found = read_documents(info.context.cursor, queues.ITEM, scope=queue["id"], storage_id=id)
    return _item_node(found[0]) if found else None


def _resource_config(entity: Node, info: Info, id: str) -> Node | None:
    found = read_documents(info.context.cursor, queues.CONFIG, scope=entity["name"], storage_id=id)
    if not found:
        return None
    body = found[0].body
    variables = [{"name": n, "schema": json.dumps(each)} for n, each in body["schemas"].items()]
    return body | {"templateVariables": variables}


def _create_config(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        config = queues.add_config(
            cur,
            input["entityName"],
            input["resource"],
            input["config"],
            input.get("templateVariables"),
            now=service.clock(),
        )
    return {"defaultResourceConfigID": config.storage_id, "success": True}


def _create_queue(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        project = _project(cur, input)
        name = _checked_name(input["queueName"])
        if queues.find_queue(cur, project, name):
            raise ConflictError(f"{project['entity']} has a run queue {name!r} already")
        config_id = input.get("defaultResourceConfigID")
        if config_id is not None:
            queues.get_document(cur, queues.CONFIG, config_id)
        body = {
            "access": input["access"],
            "createdBy": info.context.username,
            "defaultResourceConfigID": config_id,
            "prioritizationMode": input.get("prioritizationMode") or "DISABLED",
            "externalLinks": None,
        }
        queue = queues.new_document(
            queues.QUEUE, project["storage_id"], body, now=service.clock(), name=name
        )
        write_document(cur, queue)
    return {"success": True, "queueID": queue.storage_id}


def _upsert_queue(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    now = service.clock()
    with service.writing(soon=True) as cur:
        project = _project(cur, input)
        name = _checked_name(input["queueName"])
        config = queues.add_config(
            cur,
            project["entity"],
            input["resourceType"],
            input["resourceConfig"],
            input.get("templateVariables"),
            now=now,
        )
        known = queues.find_queue(cur, project, name)
        queue = known or queues.new_document(
            queues.QUEUE,
            project["storage_id"],
            {"access": "PROJECT", "createdBy": info.context.username},
            now=now,
            name=name,
        )
        links = queues.parse_object(input.get("externalLinks"), "the external links")
        body = {
            "defaultResourceConfigID": config.storage_id,
            "prioritizationMode": input.get("prioritizationMode") or "DISABLED",
            "externalLinks": links,
        }
        write_document(cur, replace(queue, body=queue.body | body, updated_at=now))
        if known and known.body["defaultResourceConfigID"]:
            delete_document(cur, queues.CONFIG, known.body["defaultResourceConfigID"])
    unknown = templates.find_unknown(config.body["config"], config.body["schemas"])
    errors = [f"no template variable fills {{{{{name}}}}}" for name in unknown]
    return {"success": True, "configSchemaValidationErrors": errors}


def _project(cur: Cursor, input: Node) -> Node:
    entity, name = input["entityName"], input["projectName"]
    project = lookup.find_project(cur, entity, name)
    if project is None:
        raise NotFoundError(f"there is no project {entity}/{name} here")
    return project


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= _MAX_NAME:
        raise InputError(f"a run queue has a name of 1 to {_MAX_NAME} characters")
    return name


def _delete_queues(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        for storage_id in input["queueIDs"]:
            queues.delete_queue(cur, storage_id)
    return {"success": True}


def _delete_item(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        item = queues.get_document(cur, queues.ITEM, input["runQueueItemId"])
        if item.scope != input["queueID"]:
            raise NotFoundError(f"the queue has no queued run with id {item.storage_id}")
        delete_document(cur, queues.ITEM, item.storage_id)
    return {"success": True}


def _push(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        queue = queues.get_document(cur, queues.QUEUE, input["queueID"])
        item = queues.push_item(
            cur,
            queue,
            input["runSpec"],
            input.get("templateVariableValues"),
            now=service.clock(),
        )
    return {"runQueueItemId": item.storage_id}


def _push_by_name(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        item = queues.push_item(
            cur,
            queues.get_queue(cur, input["entityName"], input["projectName"], input["queueName"]),
            input["runSpec"],
            input.get("templateVariableValues"),
            priority=input.get("priority"),
            now=service.clock(),
        )
    return {"runQueueItemId": item.storage_id, "runSpec": json.dumps(item.body["runSpec"])}


def _pop(_: object, info: Info, input: Node) -> Node | None:
    service = info.context.service
    with service.writing() as cur:
        queue = queues.get_queue(cur, input["entityName"], input["projectName"], input["queueName"])
        item = queues.pop_item(cur, queue, input.get("launchAgentId"), now=service.clock())
    if item is None:
        return None
    return {"runQueueItemId": item.storage_id, "runSpec": item.body["runSpec"]}


def _acknowledge(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        item = queues.get_document(cur, queues.ITEM, input["runQueueItemId"])
        if item.body["state"] != "LEASED":
            return {"success": False}
        changes = {"state": "CLAIMED", "associatedRunId": input["runName"]}
        queues.change_item(cur, item, changes, now=service.clock())
    return {"success": True}


def _fail(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        item = queues.get_document(cur, queues.ITEM, input["runQueueItemId"])
        changes = {"state": "FAILED", "error": _problem(input)}
        queues.change_item(cur, item, changes, now=service.clock())
    return {"success": True}


def _warn(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        item = queues.get_document(cur, queues.ITEM, input["runQueueItemId"])
        changes = {"warnings": [*item.body["warnings"], _problem(input)]}
        queues.change_item(cur, item, changes, now=service.clock())
    return {"success": True}


def _problem(input: Node) -> Node:
    return {key: input.get(key) for key in ("message", "stage", "filePaths")}


def _create_agent(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        project = _project(cur, input)
        for storage_id in input["runQueues"]:
            queues.get_document(cur, queues.QUEUE, storage_id)
        body = {
            "runQueues": input["runQueues"],
            "hostname": input["hostname"],
            "agentStatus": "POLLING",
            "config": queues.parse_object(input.get("agentConfig"), "the config of an agent"),
            "version": input.get("version"),
        }
        agent = queues.new_document(
            queues.AGENT, project["storage_id"], body, now=service.clock(), name=lookup.new_id()
        )
        write_document(cur, agent)
    return {"launchAgentId": agent.storage_id}


def _update_agent(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        agent = queues.get_document(cur, queues.AGENT, input["launchAgentId"])
        status = input.get("agentStatus") or agent.body["agentStatus"]
        body = agent.body | {"agentStatus": status}
        write_document(cur, replace(agent, body=body, updated_at=service.clock()))
    return {"success": True}


def _agent(_: object, info: Info, id: str) -> Node | None:
    found = read_documents(info.context.cursor, queues.AGENT, storage_id=id)
    if not found:
        return None
    agent = found[0]
    ((entity, project), *_) = find_places(info.context.cursor, id)
    return {
        "entity": entity,
        "project": project,
        "id": agent.storage_id,
        "name": agent.name,
        "stopPolling": False,
        "heartbeatAt": wire_time(agent.updated_at),
        **agent.body,
    }


RESOLVERS = {
    "Query": {"launchAgent": _agent},
    "Entity": {"defaultResourceConfig": _resource_config},
    "Project": {"runQueues": _queues, "runQueue": _queue},
    "RunQueue": {"runQueueItems": _items, "runQueueItem": _item},
    "Mutation": {
        "createDefaultResourceConfig": _create_config,
        "createRunQueue": _create_queue,
        "upsertRunQueue": _upsert_queue,
        "deleteRunQueues": _delete_queues,
        "deleteFromRunQueue": _delete_item,
        "pushToRunQueue": _push,
        "pushToRunQueueByName": _push_by_name,
        "popFromRunQueue": _pop,
        "ackRunQueueItem": _acknowledge,
        "failRunQueueItem": _fail,
        "updateRunQueueItemWarning": _warn,
        "createLaunchAgent": _create_agent,
        "updateLaunchAgent": _update_agent,
    },
}
