"""Custom charts: presets that are kept for clients to name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.arrow.literals import parse_json
from wbexport.errors import ConflictError, InputError, NotFoundError, ResponseError
from wbexport.server import people
from wbexport.store.documents import Document, read_documents, write_document

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["CHART", "RESOLVERS"]

#: The kind of these documents; their scope is the entity.
CHART = "custom_chart"

_ACCESS = ("PRIVATE", "PUBLIC")
_TYPES = ("vega2",)


def _create(_: object, info: Info, input: Node) -> Node:
    entity, name = input["entity"], input["name"]
    if not name or "/" in name:
        raise InputError("a chart has a name without a slash")
    if input["access"] not in _ACCESS or input["type"] not in _TYPES:
        raise InputError("a chart has the type vega2, and the access PRIVATE or PUBLIC")
    _check_spec(input["spec"])
    service = info.context.service
    now = service.clock()
    with service.writing(soon=True) as cur:
        if people.kind_of_entity(cur, entity) is None:
            raise NotFoundError(f"there is no entity {entity} here")
        if read_documents(cur, CHART, scope=entity, name=name):
            raise ConflictError(f"{entity} has a chart {name!r} already")
        body = {key: input[key] for key in ("displayName", "type", "access", "spec")}
        made = Document(CHART, f"{entity}/{name}", entity, body, now, now, name)
        write_document(cur, made)
    return {"chart": {"id": made.storage_id}}


def _check_spec(text: str) -> None:
    try:
        is_object = isinstance(parse_json(text), dict)
    except ResponseError:
        is_object = False
    if not is_object:
        raise InputError("the spec of a chart must be the text of a JSON object")


RESOLVERS = {"Mutation": {"createCustomChart": _create}}
