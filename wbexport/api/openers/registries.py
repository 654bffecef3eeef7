"""Opens organizations and their registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.door import Door
from wbexport.api.organizations import Organization, find_organization
from wbexport.api.registries import Registries, Registry
from wbexport.errors import ConflictError, NotFoundError
from wbexport.paths import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OpensRegistries"]

_SEARCH = "ARTIFACT_REGISTRY_SEARCH"


class OpensRegistries(Door):
    """Organizations and their registries."""

    def organization(self, name: str | None = None) -> Organization:
        """Return an organization.

        Args:
            name: Its name; by default that of the settings, or the only one of the entity.

        Returns:
            The organization.

        Raises:
            NotFoundError: There is no such organization, or the entity has none.
            InputError: The entity has several, and none is named.
        """
        return Organization.fetch(self.client, self._organization(name))

    def registries(
        self,
        organization: str | None = None,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Registries:
        """Return the registries of an organization.

        Args:
            organization: The organization; by default that of the settings, or the only one of
                the entity.
            filter: W&B's filter, in MongoDB's form: `name`, `description`, `created_at`,
                `updated_at`.
            order: `name`, `created_at` or `updated_at`, after `+` (ascending) or `-`.
            per_page: Registries per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing, which also lists the collections and versions in them.

        Raises:
            QueryError: The filter or the order is not understood.
            NotFoundError: There is no such organization, or the entity has none.
            InputError: The entity has several, and none is named.
            UnsupportedError: The server is too old.

        Example:
            >>> api.registries(filter={"name": {"$regex": "model"}}).versions({"alias": "best"})
            <Versions acme>
        """
        self.client.require_feature(_SEARCH, "Searching registries")
        name = self._organization(organization)
        return Registries(self.client, name, filter, order, per_page, start)

    def registry(self, name: str, organization: str | None = None) -> Registry:
        """Return a registry.

        Args:
            name: Its name, without `wandb-registry-`.
            organization: The organization; by default that of the settings, or the only one of
                the entity.

        Returns:
            The registry.

        Raises:
            PathError: The name cannot be that of a registry.
            NotFoundError: There is no such registry or organization.
            InputError: The entity has several organizations, and none is named.
            UnsupportedError: The server is too old.
        """
        self.client.require_feature(_SEARCH, "Opening a registry")
        found = self.organization(organization)
        registry = Registry(self.client, found.name, found.org_entity.name, check_name(name))
        registry.load()
        return registry

    def create_registry(
        self,
        name: str,
        visibility: Literal["organization", "restricted"],
        organization: str | None = None,
        description: str | None = None,
        artifact_types: list[str] | None = None,
    ) -> Registry:
        """Create a registry.

        Args:
            name: Its name, without `wandb-registry-`; no other of the organization has it.
            visibility: `organization` for everybody in it, `restricted` for members.
            organization: The organization; by default that of the settings, or the only one of
                the entity.
            description: What it is for.
            artifact_types: The types it takes; all without any. Types are never taken away.

        Returns:
            The registry.

        Raises:
            InputError: The visibility or a type is malformed.
            ConflictError: There is a registry of this name, or the server refused.
            NotFoundError: There is no such organization.
            UnsupportedError: The server is too old.
        """
        owner = self._organization(organization)
        try:
            self.registry(name, owner)
        except NotFoundError:
            return Registry.create(
                self.client, owner, name, visibility, description, artifact_types
            )
        raise ConflictError(f"There is a registry {name!r} in {owner!r} already.")

    def _organization(self, name: str | None) -> str:
        name = name or self.settings.organization
        return name or find_organization(self.client, self._require_entity(None)).name
