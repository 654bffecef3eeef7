"""Registries: what they are called and take, who sees them, and changing that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, cast

from wbexport.api.artifacts.names import checked_type
from wbexport.api.door import Door
from wbexport.api.organizations import Organization
from wbexport.api.registries.artifact_types import AddOnlyArtifactTypesList
from wbexport.api.registries.filters import registry_filter
from wbexport.api.registries.has_members import HasMembers
from wbexport.errors import ConflictError, GraphQLError, InputError, NotFoundError
from wbexport.paths import REGISTRY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from wbexport.api.registries.listings import Collections, Registries, Versions
    from wbexport.api.service import Service

__all__ = ["Registry"]

Visibility = Literal["organization", "restricted"]

_ACCESS: dict[str, str] = {"organization": "PRIVATE", "restricted": "RESTRICTED"}
_LONGEST = 128
_NOT_IN_NAMES = re.compile(r"[/\\#?%:\x00-\x1f\x7f]")
_CREATION = "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION"


class Registry(HasMembers):
    """A registry of an organization: collections of links to versions.

    Set `name`, `description`, `visibility` and `allow_all_artifact_types`, append to
    `artifact_types`, then `save`. What is not given is fetched when it is looked at.

    Args:
        client: Executes queries.
        organization: Name of the organization.
        entity: Name of the entity that owns the organization's registries.
        name: Name of the registry, without `wandb-registry-`.
        attrs: Its fields as received; None to fetch them later.

    Example:
        >>> registry = api.registry("model")
        >>> registry.artifact_types.append("checkpoint")
        >>> registry.save()
    """

    _description: str | None
    _visibility: Visibility

    def __init__(
        self,
        client: Service,
        organization: str,
        entity: str,
        name: str,
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(client, organization, entity, name)
        self._attrs: Mapping[str, Any] = {}
        if attrs is not None:
            self._adopt(attrs)

    @classmethod
    def create(
        cls,
        client: Service | Door,
        organization: str,
        name: str,
        visibility: Visibility,
        description: str | None = None,
        artifact_types: list[str] | None = None,
    ) -> Self:
        """Create a registry.

        Args:
            client: Executes queries; an `Api` will do.
            organization: Name of the organization.
            name: Name of the registry, without `wandb-registry-`; no other has it.
            visibility: `organization` for everybody in it, `restricted` for members.
            description: What it is for.
            artifact_types: The types it takes; all without any. Types are never taken away.

        Returns:
            The registry.

        Raises:
            InputError: The name, the visibility or a type is malformed.
            NotFoundError: There is no such organization.
            ConflictError: There is a registry of this name, or the server refused.
            UnsupportedError: The server is too old.
        """
        client = client.client if isinstance(client, Door) else client
        client.require_feature(_CREATION, "Creating a registry")
        entity = Organization.fetch(client, organization).org_entity.name
        given = {
            "entityName": entity,
            "name": _project_name(name),
            "access": _access(visibility),
            "description": description,
            "allowAllArtifactTypesInRegistry": not artifact_types,
            "artifactTypes": _types_input(artifact_types),
        }
        registry = cls(client, organization, entity, name)
        answer = registry._change("UpsertRegistry", given, "create")["upsertModel"]
        if not answer["inserted"]:
            raise ConflictError(f"There is a registry {name!r} in {organization!r} already.")
        registry._adopt(answer["project"])
        return registry

    @property
    def id(self) -> str:
        """Its id on the server."""
        return str(self._fields["id"])

    @property
    def internal_id(self) -> str | None:
        """Number of its project, as the server writes it."""
        return cast("str | None", self._fields.get("internalId"))

    @property
    def name(self) -> str:
        """Its name, without `wandb-registry-`."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def full_name(self) -> str:
        """Its name as a project has it, with `wandb-registry-`."""
        return REGISTRY_PREFIX + self._name

    @property
    def entity(self) -> str:
        """The entity that owns the organization's registries."""
        return self._entity

    @property
    def organization(self) -> str:
        """Name of the organization."""
        return self._organization

    @property
    def path(self) -> list[str]:
        """Entity and full name."""
        return [self._entity, self.full_name]

    @property
    def description(self) -> str | None:
        """What it is for."""
        self._load_once()
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._load_once()
        self._description = description

    @property
    def visibility(self) -> Visibility:
        """Who sees it: everybody of the `organization`, or its members if it is `restricted`."""
        self._load_once()
        return self._visibility

    @visibility.setter
    def visibility(self, visibility: Visibility) -> None:
        _access(visibility)
        self._load_once()
        self._visibility = visibility

    @property
    def allow_all_artifact_types(self) -> bool:
        """Whether it takes versions of any type, and not just those of `artifact_types`."""
        self._load_once()
        return self._allow_all

    @allow_all_artifact_types.setter
    def allow_all_artifact_types(self, allowed: bool) -> None:
        self._load_once()
        self._allow_all = allowed

    @property
    def artifact_types(self) -> AddOnlyArtifactTypesList:
        """The types it takes or, where it takes all, those it was given or holds so far."""
        self._load_once()
        return self._artifact_types

    @property
    def created_at(self) -> str:
        """When it was created."""
        return str(self._fields["createdAt"])

    @property
    def updated_at(self) -> str | None:
        """When it was changed last."""
        return cast("str | None", self._fields.get("updatedAt"))

    def collections(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Collections:
        """Return the collections in the registry.

        Args:
            filter: W&B's filter for collections: `name`, `tag`, `description`, `created_at`,
                `updated_at`.
            order: `name`, `created_at` or `updated_at`, after `+` (ascending) or `-`.
            per_page: Collections per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            QueryError: The filter or the order is not understood.
        """
        listing = self._listing().collections(filter, order, per_page, start)
        return cast("Collections", listing)

    def versions(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Versions:
        """Return the versions in the registry.

        Args:
            filter: W&B's filter for versions: `tag`, `alias`, `version`, `metadata.KEY`,
                `created_at`.
            order: `created_at`, `artifact_size` or `linked_at`, after `+` (ascending) or `-`.
            per_page: Versions per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            QueryError: The filter or the order is not understood.
            UnsupportedError: The server cannot put versions in order.
        """
        listing = self._listing().versions(filter, order, per_page, start)
        return cast("Versions", listing)

    def load(self) -> None:
        """Fetch the registry, and forget what was set and not saved.

        Raises:
            NotFoundError: There is no such registry, or this key may not see it.
        """
        variables = {"entity": self._entity, "name": REGISTRY_PREFIX + self._saved_name}
        entity = self.client.execute("Registry", variables).get("entity") or {}
        project = entity.get("project")
        if project is None:
            raise NotFoundError(
                f"There is no registry {self._saved_name!r} in {self._organization!r}: check its "
                "name, or this key may not see it."
            )
        self._adopt(project)

    def save(self) -> None:
        """Save what was set, and add the types that were appended.

        A registry that was deleted meanwhile is created again.

        Raises:
            InputError: There are new types, and it takes all of them; or one is malformed, or the
                name is.
            ConflictError: There is another registry of the new name, or the server refused.
            UnsupportedError: The server is too old.
        """
        self.client.require_feature(_CREATION, "Saving a registry")
        new_types = self.artifact_types.draft
        if new_types and self._allow_all:
            raise InputError(
                "A registry that takes all artifact types has no list of them; set "
                "allow_all_artifact_types to False first."
            )
        name, new_name = self._name, _project_name(self._name)
        given = {
            "entityName": self._entity,
            "name": REGISTRY_PREFIX + self._saved_name,
            "access": _access(self._visibility),
            "description": self._description,
            "allowAllArtifactTypesInRegistry": self._allow_all,
            "artifactTypes": _types_input(new_types),
        }
        answer = self._change("UpsertRegistry", given, "save")
        self._adopt(answer["upsertModel"]["project"])
        if name != self._saved_name:
            place = {
                "entityName": self._entity,
                "oldProjectName": REGISTRY_PREFIX + self._saved_name,
                "newProjectName": new_name,
            }
            answer = self._change("RenameRegistry", place, "rename")
            self._adopt(answer["renameProject"]["project"])

    def delete(self) -> None:
        """Delete the registry with its collections, for good. Linked versions stay.

        Raises:
            NotFoundError: It is gone already.
            ConflictError: The server refused.
        """
        try:
            answer = self.client.execute("DeleteRegistry", {"id": self.id})
        except GraphQLError as error:
            raise self._refused(error, "delete") from error
        if not (answer.get("deleteModel") or {}).get("success"):
            raise ConflictError(f"The server did not delete the registry {self._name!r}.")

    @property
    def _fields(self) -> Mapping[str, Any]:
        self._load_once()
        return self._attrs

    def _load_once(self) -> None:
        if not self._attrs:
            self.load()

    def _adopt(self, attrs: Mapping[str, Any]) -> None:
        self._attrs = attrs
        organization = (attrs["entity"].get("organization") or {}).get("name")
        self._organization = organization or self._organization
        self._entity = attrs["entity"]["name"]
        self._name = self._saved_name = attrs["name"].removeprefix(REGISTRY_PREFIX)
        self._description = attrs.get("description")
        restricted = attrs.get("access") == _ACCESS["restricted"]
        self._visibility = "restricted" if restricted else "organization"
        self._allow_all = bool(attrs.get("allowAllArtifactTypesInRegistry"))
        edges = (attrs.get("artifactTypes") or {}).get("edges") or ()
        self._artifact_types = AddOnlyArtifactTypesList(
            edge["node"]["name"] for edge in edges if edge and edge.get("node")
        )

    def _listing(self) -> Registries:
        """Return the listing of just this registry."""
        number = self._attrs.get("internalId")
        own = registry_filter(number, REGISTRY_PREFIX + self._saved_name)
        return self.client.api.registries(self._organization, own)

    def __repr__(self) -> str:
        return f"<Registry {self._organization}/{self._name}>"


def _access(visibility: str) -> str:
    if visibility not in _ACCESS:
        raise InputError(f"visibility is 'organization' or 'restricted', not {visibility!r}.")
    return _ACCESS[visibility]


def _project_name(name: str) -> str:
    if (
        not isinstance(name, str)
        or not name.strip()
        or len(REGISTRY_PREFIX + name) > _LONGEST
        or _NOT_IN_NAMES.search(name)
    ):
        raise InputError(
            f"{name!r} is not a name for a registry: use 1 to {_LONGEST - len(REGISTRY_PREFIX)} "
            "characters without / \\ # ? % and :."
        )
    return REGISTRY_PREFIX + name


def _types_input(names: Iterable[str] | None) -> list[dict[str, str]] | None:
    names = [names] if isinstance(names, str) else names
    return [{"name": checked_type(name, "")} for name in names] if names else None
