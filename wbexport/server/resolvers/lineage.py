"""Which runs logged and used which artifact versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.server import artifacts, lookup
from wbexport.server.resolvers.connections import connection, page_of, position_of
from wbexport.server.siblings import siblings_of, together
from wbexport.store import artifact_listing

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node
    from wbexport.store.artifacts import Direction

__all__ = ["RESOLVERS"]


def _versions(
    run: Node, info: Info, direction: Direction, *, after: str | None, first: int | None
) -> Node:
    start, size = position_of(after), info.context.page(first)
    wanted = (run["run_no"], direction)
    found = artifact_listing.read_versions(
        info.context.cursor, run=wanted, state="COMMITTED", limit=size + 1, offset=start
    ).to_pylist()
    return page_of(together(info.context, found[:size]), start, more=len(found) > size) | {
        "totalCount": lambda _: artifact_listing.count_versions(
            info.context.cursor, run=wanted, state="COMMITTED"
        )
    }


def _logged(run: Node, info: Info, *, after: str | None = None, first: int | None = None) -> Node:
    return _versions(run, info, "output", after=after, first=first)


def _used(run: Node, info: Info, *, after: str | None = None, first: int | None = None) -> Node:
    return _versions(run, info, "input", after=after, first=first)


def _used_by(artifact: Node, info: Info) -> Node:
    runs = siblings_of(info.context, artifact).users[artifact["artifact_no"]]
    return connection(info, runs, len(runs), None)


def _created_by(artifact: Node, info: Info) -> Node | None:
    if artifact["run_storage_id"] is not None:
        run = siblings_of(info.context, artifact).creators.get(artifact["run_storage_id"])
        return run and run | {"__typename": "Run"}
    username = artifact["username"]
    return username and {
        "__typename": "User",
        "id": lookup.opaque_id(f"User:{username}"),
        "name": username,
        "username": username,
        "organizations": [],
    }


def _use(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        return {"artifact": artifacts.use(cur, input, now=service.clock())}


RESOLVERS = {
    "Mutation": {"useArtifact": _use},
    "Run": {"outputArtifacts": _logged, "inputArtifacts": _used},
    "Artifact": {"usedBy": _used_by, "createdBy": _created_by},
}
