"""Keeps users who are no administrators to what is theirs, whatever a document asks for.

The guard stands before every resolver, also of those that are written later. What it does not
know it refuses: an object that belongs to somebody else reads as if it was not there, and an
input may only name entities that the caller writes to and ids whose owner is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLID, GraphQLInputObjectType, MiddlewareManager, get_named_type

from wbexport.errors import NotFoundError
from wbexport.server import artifact_lookup, lookup, people
from wbexport.server.resolvers.connections import page_of
from wbexport.server.service import ForbiddenError
from wbexport.store.owners import find_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wbexport.server.service import Context, Info, Node
    from wbexport.store.accounts import User

    Cursor = people.Cursor

__all__ = ["GUARD", "require_reader", "require_writer"]

#: Mutations about people; their resolvers know who may.
_OF_PEOPLE = frozenset(
    {
        "createInvite",
        "createServiceAccount",
        "createTeam",
        "createUser",
        "deleteApiKey",
        "deleteInvite",
        "generateApiKey",
    }
)
#: Mutations that change a registry itself, and not what is in it.
_OF_REGISTRIES = frozenset(
    {
        "createProjectMembers",
        "deleteModel",
        "deleteProjectMembers",
        "renameProject",
        "updateProjectMember",
        "updateProjectTeamMember",
        "upsertModel",
    }
)
#: Ids of what a mutation only reads.
_READ_IDS = {
    "addAliases": {"artifactID"},
    "createArtifactManifest": {"baseArtifactID"},
    "deleteAliases": {"artifactID"},
    "linkArtifact": {"artifactID"},
    "unlinkArtifact": {"artifactID"},
    "updateArtifactManifest": {"baseArtifactID"},
    "useArtifact": {"artifactID"},
}
#: Ids that the client makes up, of no owner; and those of people, who have no owner either.
_FREE_IDS = frozenset(
    {"clientID", "cloudRegionID", "sequenceClientID", "teamId", "teamIds", "userId", "userIds"}
)
#: Where a thing leads to where it came from, of which everybody may know the names.
_NAMED_BY = frozenset(
    {("Artifact", "artifactSequence"), ("ArtifactSequence", "project"), ("Project", "entity")}
)
_NAMES = frozenset({"id", "internalId", "name", "entityName", "project", "entity", "__typename"})
_PROJECT_NAMES = ("projectName", "modelName", "oldProjectName", "name")


def _guard(resolve: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:
    """Resolve a field, unless the caller may not."""
    field = (info.parent_type.name, info.field_name)
    if field[0] == "Mutation" and field[1] not in _OF_PEOPLE:
        arguments["input"] = _permitted_input(info, arguments["input"])
    elif field[0] == "Query":
        if not _may_ask(info, arguments):
            is_listing = str(info.return_type).endswith("Connection")
            return page_of([], 0, more=False) if is_listing else None
    elif field[1] not in _NAMES and not _may_read(info.context, source):
        return None
    value = resolve(source, info, **arguments)
    if field in _NAMED_BY:
        return value
    if field[1] == "edges":
        return [edge for edge in value if _may_read(info.context, edge.get("node"))]
    if isinstance(value, list):
        return [each for each in value if _may_read(info.context, each)]
    return value if _may_read(info.context, value) else None


GUARD = MiddlewareManager(_guard)


def require_writer(cur: Cursor, user: User, entity: str, project: str | None = None) -> None:
    """Refuse what only those may do who write to an entity or a project of it.

    Raises:
        ForbiddenError: The user does not.
    """
    if user.is_admin:
        return
    found = None if project is None else lookup.find_project(cur, entity, project)
    owner = entity if found is None else found["entity"]
    if not people.may_write(cur, user, owner, found):
        raise ForbiddenError(f"write to {entity if project is None else f'{entity}/{project}'}")


def require_reader(cur: Cursor, user: User, entity: str, project: str | None) -> None:
    """Refuse what only those may have who see an entity or, if it is named, a project of it.

    Raises:
        NotFoundError: The user does not.
    """
    if user.is_admin:
        return
    found = None if project is None else lookup.find_project(cur, entity, project)
    owner = entity if found is None else found["entity"]
    # Who may see a registry is a matter of that registry.
    unnamed = owner == lookup.ORG_ENTITY and found is None
    if unnamed or not people.may_read(cur, user, owner, found):
        raise NotFoundError(f"there is no {entity}/{project or ''} here, or it is not visible")


def _may_ask(info: Info, given: Node) -> bool:
    """Tell whether a query names what the caller may see; without a name it is their own entity."""
    if info.field_name not in info.parent_type.fields:
        return True  # Of the language itself: `__typename`, `__schema`.
    known = info.parent_type.fields[info.field_name].args
    if "id" in known:
        return _is_visible(info.context, given["id"])
    if "entityName" not in known:
        return True
    entity = given["entityName"] = given.get("entityName") or info.context.caller.username
    # The name of the organization stands for its registries, which are looked at one by one.
    return entity == lookup.ORGANIZATION or _may_see(info.context, entity, None)


def _may_read(context: Context, node: Any) -> bool:
    """Tell whether the caller may see a node, which most are in no project or entity by itself."""
    if not isinstance(node, dict):
        return True
    # A version is where it was logged, and also wherever it is linked.
    if "collection" in node and "artifact" not in node:
        return _is_visible(context, node["storage_id"])
    place = (node.get("collection") or node.get("artifactCollection") or node).get("project")
    if isinstance(place, dict):
        return _may_see(context, place["entity"], place["project"])
    entity = node.get("entity")
    return not isinstance(entity, str) or _may_see(context, entity, place)


def _is_visible(context: Context, storage_id: str) -> bool:
    if storage_id not in context.visible:
        places = _places(context, storage_id)
        context.visible[storage_id] = any(_may_see(context, *place) for place in places)
    return context.visible[storage_id]


def _places(context: Context, storage_id: str) -> list[tuple[str, str | None]]:
    """Return where an object is; an entity is in itself."""
    found = find_places(context.cursor, storage_id)
    entity = None if found else people.entity_of_id(context.cursor, storage_id)
    return found if entity is None else [(entity, None)]


def _may_see(context: Context, entity: str, project: str | None) -> bool:
    # Within an entity only registries differ in who sees them.
    place = (entity, project if entity == lookup.ORG_ENTITY else None)
    if place not in context.visible:
        found = place[1] and lookup.find_project(context.cursor, entity, place[1])
        context.visible[place] = people.may_read(
            context.cursor, context.caller, entity, found or None
        )
    return context.visible[place]


def _permitted_input(info: Info, given: Node) -> Node:
    """Check every name and id of an input; where none is named, the caller's entity is meant."""
    kind = get_named_type(info.parent_type.fields[info.field_name].args["input"].type)
    places = [_place(node) for _, node in _objects(kind, given)]
    ids = [
        (name, storage_id)
        for inner, node in _objects(kind, given)
        for name, storage_id in _ids(inner, node)
    ]
    if not any(entity for entity, _ in places) and "entityName" in kind.fields:
        given = given | {"entityName": info.context.caller.username}
        places.append(_place(given))
    named = [(entity, project) for entity, project in places if entity is not None]
    if not named and not ids:
        raise ForbiddenError(f"use {info.field_name}")
    for entity, project in named:
        _require(info, entity, project)
    if info.field_name == "linkArtifact" and given.get("clientID"):
        ids.append(("artifactID", _id_for(info, given["clientID"])))
    for name, storage_id in ids:
        _require_id(info, name, storage_id)
    return given


def _id_for(info: Info, client_id: str) -> str:
    """Return the id of the version that some client spoke of by a name of its own."""
    found = artifact_lookup.find_by_client_id(info.context.cursor, client_id)
    return client_id if found is None else str(found["storage_id"])


def _objects(kind: Any, value: Any) -> Iterator[tuple[Any, Node]]:
    """Yield an input object and those inside it, each with its type."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(kind, item)
    elif isinstance(value, dict) and isinstance(kind, GraphQLInputObjectType):
        yield kind, value
        for name, inner in value.items():
            yield from _objects(get_named_type(kind.fields[name].type), inner)


def _place(node: Node) -> tuple[str | None, str | None]:
    """Return the entity and the project that an input object names."""
    entity = node.get("entityName") or node.get("entity")
    return entity, next((node[name] for name in _PROJECT_NAMES if node.get(name)), None)


def _ids(kind: GraphQLInputObjectType, node: Node) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        is_id = name == "id" or get_named_type(kind.fields[name].type) is GraphQLID
        if is_id and name not in _FREE_IDS and value is not None:
            yield from ((name, each) for each in (value if isinstance(value, list) else [value]))


def _require(info: Info, entity: str, project: str | None) -> None:
    """Refuse a mutation of a place where the caller may not do that."""
    cur, caller = info.context.cursor, info.context.caller
    found = None if project is None else lookup.find_project(cur, entity, project)
    is_registry = (entity if found is None else found["entity"]) == lookup.ORG_ENTITY
    if is_registry and info.field_name in _OF_REGISTRIES:
        # Everybody may make a registry; who does is its first administrator.
        makes = found is None and info.field_name == "upsertModel"
        if makes or (found and people.registry_role(cur, caller, found) == "admin"):
            return
        raise ForbiddenError(f"change the registry {project}")
    require_writer(cur, caller, entity, project)


def _require_id(info: Info, name: str, storage_id: str) -> None:
    if not _is_visible(info.context, storage_id):
        raise NotFoundError(f"there is nothing with id {storage_id} here, or it is not visible")
    if name not in _READ_IDS.get(info.field_name, ()):
        _require(info, *_places(info.context, storage_id)[0])
