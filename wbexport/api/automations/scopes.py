"""Where the events of an automation happen: a collection, a project, a registry, a team, all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, StrictStr

from wbexport.api.accounts import Team
from wbexport.api.artifacts import ArtifactCollection
from wbexport.api.automations.models import Choice, Model
from wbexport.api.organizations import Organization
from wbexport.api.projects import Project
from wbexport.api.registries import Registry
from wbexport.paths import REGISTRY_PREFIX

__all__ = [
    "AnyPlace",
    "ArtifactCollectionScope",
    "CollectionPlace",
    "EntityScope",
    "OrgScope",
    "ProjectScope",
    "RegistryScope",
    "RunPlace",
    "Scope",
    "ScopeType",
    "TeamScope",
]


class ScopeType(Choice):
    """The kind of a scope."""

    PROJECT = "PROJECT"
    ARTIFACT_COLLECTION = "ARTIFACT_COLLECTION"
    ENTITY = "ENTITY"


class _Scope(Model, frozen=True):
    """A scope; its `id` is what the server knows it by."""

    scope_type: ClassVar[ScopeType]

    id: StrictStr
    name: StrictStr


class _CollectionScope(_Scope, frozen=True):
    scope_type = ScopeType.ARTIFACT_COLLECTION


class _SequenceScope(_CollectionScope, frozen=True):
    """A collection that versions are logged to."""


class _PortfolioScope(_CollectionScope, frozen=True):
    """A collection that versions are linked to."""


class ProjectScope(_Scope, frozen=True):
    """A project.

    Args:
        id: Its storage id.
        name: Its name.
    """

    scope_type = ScopeType.PROJECT
    is_registry: ClassVar[bool] = False


class RegistryScope(_Scope, frozen=True):
    """A registry, which the server keeps as a project.

    Args:
        id: The storage id of that project.
        name: Its name, with the prefix of registries.
    """

    scope_type = ScopeType.PROJECT
    is_registry: ClassVar[bool] = True


class _EntityScope(_Scope, frozen=True):
    scope_type = ScopeType.ENTITY
    entity_type: str


class TeamScope(_EntityScope, frozen=True):
    """All projects of a team.

    Args:
        id: Its storage id.
        name: Its name.
        entity_type: `team`.
    """

    entity_type: str = "team"


class OrgScope(_EntityScope, frozen=True):
    """All projects of an organization.

    Args:
        id: Its storage id.
        name: Its name.
        entity_type: `organization`.
    """

    entity_type: str = "organization"


def _as_scope(value: Any) -> Any:
    """Take an object of the API, or of an answer, as a scope."""
    match value:
        case Project():
            return _project_scope({"id": value.id, "name": value.name})
        case ArtifactCollection():
            collection = _SequenceScope if value.is_sequence() else _PortfolioScope
            return collection(id=value.id, name=value.name)
        case Registry():
            return RegistryScope(id=value.id, name=value.full_name)
        case Team():
            return TeamScope(id=value.id, name=value.name)
        case Organization():
            return OrgScope(id=value.org_entity.id, name=value.org_entity.name)
        case Mapping():
            return _answered_scope(value)
    return value


def _answered_scope(value: Mapping[str, Any]) -> Any:
    match value.get("__typename"):
        case "Project":
            return _project_scope(value)
        case "ArtifactSequence":
            return _SequenceScope(id=value["id"], name=value["name"])
        case "ArtifactPortfolio":
            return _PortfolioScope(id=value["id"], name=value["name"])
        case "Entity":
            kind = OrgScope if value["entityType"] == "organization" else TeamScope
            return kind(id=value["id"], name=value["name"], entity_type=value["entityType"])
    return value


def _project_scope(project: Mapping[str, Any]) -> ProjectScope | RegistryScope:
    kind = RegistryScope if project["name"].startswith(REGISTRY_PREFIX) else ProjectScope
    return kind(id=project["id"], name=project["name"])


#: A collection of artifacts.
ArtifactCollectionScope = Annotated[_SequenceScope | _PortfolioScope, BeforeValidator(_as_scope)]
#: A team or an organization.
EntityScope = Annotated[TeamScope | OrgScope, BeforeValidator(_as_scope)]
#: Any of them.
Scope = Annotated[
    _SequenceScope | _PortfolioScope | ProjectScope | RegistryScope | TeamScope | OrgScope,
    BeforeValidator(_as_scope),
]

# An object of the API stands for the scope that it becomes.
#: What is taken for a scope.
AnyPlace = Annotated[
    Scope | ArtifactCollection | Project | Registry | Team | Organization,
    BeforeValidator(_as_scope),
]
#: What is taken for a collection.
CollectionPlace = Annotated[
    _SequenceScope | _PortfolioScope | ArtifactCollection, BeforeValidator(_as_scope)
]
#: What is taken for a place of runs.
RunPlace = Annotated[
    ProjectScope | TeamScope | OrgScope | Project | Team | Organization,
    BeforeValidator(_as_scope),
]
