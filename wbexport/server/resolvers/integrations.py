"""Integrations: listing them, and adding webhooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.server import people
from wbexport.server.resolvers.connections import connection
from wbexport.server.service import wire_time
from wbexport.store.documents import read_documents
from wbexport.store.integrations import INTEGRATION, add_webhook_integration

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node
    from wbexport.store.documents import Document

__all__ = ["RESOLVERS", "integration_node"]

_NAME = re.compile(r"[-\w]+( +[-\w]+)*")
_MAX_NAME = 64


def integration_node(document: Document) -> Node:
    """Return an integration as answers hold it."""
    return {
        "id": document.storage_id,
        "name": document.name,
        "createdAt": wire_time(document.created_at),
        **document.body,
    }


def _integrations(
    entity: Node, info: Info, *, after: str | None = None, first: int | None = None
) -> Node:
    found = read_documents(info.context.cursor, INTEGRATION, scope=entity["name"])
    return connection(info, [integration_node(each) for each in found], first, after)


def _create_webhook(_: object, info: Info, input: Node) -> Node:
    entity, name, address = input["entityName"], input["name"], input["urlEndpoint"]
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise InputError(f"a webhook is named by words, of at most {_MAX_NAME} characters in all")
    if not _is_web_address(address):
        raise InputError("a webhook has an address that begins with https:// or http://")
    service = info.context.service
    with service.writing(soon=True) as cur:
        if people.kind_of_entity(cur, entity) is None:
            raise NotFoundError(f"there is no entity {entity} here")
        if read_documents(cur, INTEGRATION, scope=entity, name=name):
            raise ConflictError(f"{entity} has an integration {name!r} already")
        fields = {key: input.get(key) for key in ("urlEndpoint", "accessTokenRef", "secretRef")}
        made = add_webhook_integration(cur, entity, name, fields, now=service.clock())
    return {"integration": integration_node(made)}


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


RESOLVERS = {
    "Entity": {"integrations": _integrations},
    "Mutation": {"createGenericWebhookIntegration": _create_webhook},
}
