"""Run queues and what waits in them. Runs are handed to agents; nothing is started here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json
from wbexport.errors import InputError, NotFoundError, ResponseError
from wbexport.server import lookup, people, templates
from wbexport.store.documents import Document, delete_document, read_documents, write_document

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "AGENT",
    "CONFIG",
    "ITEM",
    "QUEUE",
    "add_config",
    "change_item",
    "delete_queue",
    "find_queue",
    "get_document",
    "get_queue",
    "new_document",
    "parse_object",
    "pop_item",
    "push_item",
]

#: Kinds of documents. A queue and an agent are in a project, an item in a queue, and the
#: configuration that queues share belongs to an entity.
QUEUE, ITEM, AGENT, CONFIG = "run_queue", "run_queue_item", "launch_agent", "resource_config"

_RESOURCES = ("local-container", "local-process", "kubernetes", "sagemaker", "gcp-vertex")
_NOUNS = {QUEUE: "run queue", ITEM: "queued run", AGENT: "launch agent", CONFIG: "resource config"}
#: The priority of what is queued without one, between the highest, 0, and the lowest.
_MIDDLE = 2
_PRIORITIES = range(5)


def new_document(
    kind: str, scope: str, body: Node, *, now: datetime, name: str | None = None
) -> Document:
    """Return an object of a kind with an identity of its own."""
    storage_id = lookup.opaque_id(f"{kind}:v1:{lookup.new_id()}{lookup.new_id()}")
    return Document(kind, storage_id, scope, body, now, now, name)


def get_document(cur: Cursor, kind: str, storage_id: str) -> Document:
    """Return an object by its id."""
    found = read_documents(cur, kind, storage_id=storage_id)
    if not found:
        raise NotFoundError(f"there is no {_NOUNS[kind]} with id {storage_id} here")
    return found[0]


def find_queue(cur: Cursor, project: Node, name: str) -> Document | None:
    """Return a queue of a project by its name."""
    return next(iter(read_documents(cur, QUEUE, scope=project["storage_id"], name=name)), None)


def get_queue(cur: Cursor, entity: str, project: str, name: str) -> Document:
    """Return a queue by its path."""
    owner = lookup.find_project(cur, entity, project)
    queue = owner and find_queue(cur, owner, name)
    if not queue:
        raise NotFoundError(f"there is no run queue {entity}/{project}/{name} here")
    return queue


def delete_queue(cur: Cursor, storage_id: str) -> None:
    """Delete a queue and all that waits in it."""
    get_document(cur, QUEUE, storage_id)
    for item in read_documents(cur, ITEM, scope=storage_id):
        delete_document(cur, ITEM, item.storage_id)
    delete_document(cur, QUEUE, storage_id)


def add_config(
    cur: Cursor, entity: str, resource: str, config: str, variables: str | None, *, now: datetime
) -> Document:
    """Keep what the runs of a queue are given to run on.

    Args:
        cur: Cursor of a transaction.
        entity: Whose it is.
        resource: What kind of resource.
        config: JSON text of its arguments.
        variables: JSON text of its template variables.
        now: The time.

    Raises:
        NotFoundError: There is no such entity.
        InputError: The kind is not known, or a text has another form.
    """
    if people.kind_of_entity(cur, entity) is None:
        raise NotFoundError(f"there is no entity {entity} here")
    if resource not in _RESOURCES:
        raise InputError(f"a queue runs on one of {', '.join(_RESOURCES)}, not on {resource!r}")
    body = {
        "resource": resource,
        "config": parse_object(config, "the resource config"),
        "schemas": templates.check_schemas(parse_object(variables, "the template variables")),
    }
    document = new_document(CONFIG, entity, body, now=now)
    write_document(cur, document)
    return document


def push_item(
    cur: Cursor,
    queue: Document,
    run_spec: str,
    values: str | None,
    *,
    priority: int | None = None,
    now: datetime,
) -> Document:
    """Queue a run.

    Args:
        cur: Cursor of a transaction.
        queue: The queue.
        run_spec: JSON text of what to run.
        values: JSON text of the values of template variables.
        priority: How soon: 0 is the soonest. Only for queues that have priorities.
        now: The time.

    Raises:
        InputError: A text has another form, or a value or the priority does not fit the queue.
    """
    spec = parse_object(run_spec, "the run spec")
    given = parse_object(values, "the values of the template variables")
    if priority is not None:
        if queue.body["prioritizationMode"] == "DISABLED":
            raise InputError(f"the queue {queue.name} has no priorities")
        if priority not in _PRIORITIES:
            raise InputError(f"a priority is one of {', '.join(map(str, _PRIORITIES))}")
    body = {
        "state": "PENDING",
        "runSpec": _completed(cur, queue, spec, given),
        "priority": _MIDDLE if priority is None else priority,
        "warnings": [],
    }
    item = new_document(ITEM, queue.storage_id, body, now=now)
    write_document(cur, item)
    return item


def pop_item(cur: Cursor, queue: Document, agent: str | None, *, now: datetime) -> Document | None:
    """Hand the run that is first in a queue to an agent; None when none waits."""
    waiting = [
        item
        for item in read_documents(cur, ITEM, scope=queue.storage_id)
        if item.body["state"] == "PENDING"
    ]
    if not waiting:
        return None
    first = min(waiting, key=lambda item: (item.body["priority"], item.created_at))
    return change_item(cur, first, {"state": "LEASED", "agent": agent}, now=now)


def change_item(cur: Cursor, item: Document, changes: Node, *, now: datetime) -> Document:
    """Change what is said of a queued run."""
    changed = replace(item, body=item.body | changes, updated_at=now)
    write_document(cur, changed)
    return changed


def parse_object(text: str | None, what: str) -> Node:
    """Read a JSON object; nothing is the empty one.

    Raises:
        InputError: It is something else.
    """
    try:
        parsed: Any = parse_json(text) if text else {}
    except ResponseError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InputError(f"{what} must be the text of a JSON object")
    return parsed


def _completed(cur: Cursor, queue: Document, spec: Node, values: Node) -> Node:
    """Give a run what its queue has for it, unless it brings arguments of its own."""
    config_id = queue.body["defaultResourceConfigID"]
    if config_id is None:
        templates.settle_values({}, values)
        return spec
    config = get_document(cur, CONFIG, config_id).body
    if spec.get("resource_args") and not values:
        return spec
    settled = templates.settle_values(config["schemas"], values)
    arguments = config["config"].get("resource_args", {})
    return spec | {
        "resource": config["resource"],
        "resource_args": templates.fill(arguments, settled),
    }
