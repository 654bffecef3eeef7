"""What each GraphQL field answers, one module per resource."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from wbexport.server.resolvers import (
    accounts,
    artifact_files,
    artifact_uploads,
    artifacts,
    automations,
    charts,
    collections,
    console,
    entities,
    files,
    histories,
    integrations,
    launch,
    lineage,
    older,
    projects,
    registries,
    reports,
    runs,
    sweeps,
)
from wbexport.store.ledger import require_own, require_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]

#: Each has `RESOLVERS`, type name to field name to resolver; `Query` and `Mutation` among them.
_MODULES = (
    accounts,
    artifact_files,
    artifact_uploads,
    artifacts,
    automations,
    charts,
    collections,
    console,
    entities,
    files,
    histories,
    integrations,
    launch,
    lineage,
    older,
    projects,
    registries,
    reports,
    runs,
    sweeps,
)


#: Fields of a project, or of a run, that answer from what only some syncs bring over.
_PARTS = {
    "sweeps": ("totalSweeps", "sweeps", "sweep"),
    "reports": ("allViews",),
    "artifacts": (
        "artifactTypes",
        "artifactType",
        "artifactCollections",
        "artifactCollection",
        "artifactCollectionMembership",
        "artifact",
        "outputArtifacts",
        "inputArtifacts",
    ),
}


#: Fields of an entity, or of a project, that answer from what no sync brings over.
_OWN = {
    "automations": ("triggers",),
    "integrations": ("integrations",),
    "members": ("members", "teamMembers"),
    "run queues": ("runQueues", "runQueue", "defaultResourceConfig"),
}


def _needing(part: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Answer only for projects whose part is in the store: else all would look empty."""

    def checked(owner: Node, info: Info, **arguments: Any) -> Any:
        require_part(info.context.cursor, owner["project_no"], part)
        return resolve(owner, info, **arguments)

    return checked


def _owning(what: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Answer only for entities that are at home in the store."""

    def checked(owner: Node, info: Info, **arguments: Any) -> Any:
        name = owner["entity"] if "project_no" in owner else owner["name"]
        require_own(info.context.cursor, name, what)
        return resolve(owner, info, **arguments)

    return checked


def _joined() -> dict[str, dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = defaultdict(dict)
    for module in _MODULES:
        for type_name, fields in module.RESOLVERS.items():
            joined[type_name].update(fields)
    for part, names in _PARTS.items():
        for fields in (joined["Project"], joined["Run"]):
            fields |= {name: _needing(part, fields[name]) for name in names if name in fields}
    for what, names in _OWN.items():
        for fields in (joined["Entity"], joined["Project"]):
            fields |= {name: _owning(what, fields[name]) for name in names if name in fields}
    return dict(joined)


#: Type name to field name to resolver.
RESOLVERS = _joined()
