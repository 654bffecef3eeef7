"""What each GraphQL field answers, one module per resource."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

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


def _joined() -> dict[str, dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = defaultdict(dict)
    for module in _MODULES:
        for type_name, fields in module.RESOLVERS.items():
            joined[type_name].update(fields)
    return dict(joined)


#: Type name to field name to resolver.
RESOLVERS = _joined()
