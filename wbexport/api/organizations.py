"""Organizations: what teams belong to, and whose the registries are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbexport.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from wbexport.api.service import Service

__all__ = ["OrgEntity", "Organization", "find_organization"]


@dataclass(frozen=True, slots=True)
class OrgEntity:
    """The entity that owns the registries of an organization.

    Args:
        id: Its id on the server.
        name: Its name.
        entity_type: `organization`.
    """

    id: str
    name: str
    entity_type: str | None


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization, which teams belong to.

    Args:
        id: Its id on the server.
        name: Its name.
        org_entity: The entity that owns its registries.

    Example:
        >>> api.organization().org_entity.name
        'acme-org'
    """

    id: str
    name: str
    org_entity: OrgEntity

    @classmethod
    def fetch(cls, client: Service, name: str) -> Self:
        """Fetch an organization.

        Args:
            client: Executes queries.
            name: Its name.

        Returns:
            The organization.

        Raises:
            NotFoundError: There is none, or this key may not see it.
        """
        found = client.execute("Organization", {"name": name}).get("organization") or {}
        if found.get("orgEntity") is None:
            raise NotFoundError(
                f"There is no organization {name!r}: check its name, or this key may not see it."
            )
        return cls.from_node(found)

    @classmethod
    def from_node(cls, node: Mapping[str, Any]) -> Self:
        """Take over what the server says of an organization that owns an entity."""
        entity = node["orgEntity"]
        owner = OrgEntity(entity["id"], entity["name"], entity.get("entityType"))
        return cls(node["id"], node["name"], owner)


def find_organization(client: Service, entity: str, wanted: str | None = None) -> Organization:
    """Find an organization of a team or of a user.

    Args:
        client: Executes queries.
        entity: The team or user.
        wanted: Name of the organization or of its entity; None for the only one.

    Returns:
        The organization.

    Raises:
        NotFoundError: The entity has no organization of that name, or none at all.
        InputError: It has several, and none was named.
    """
    found = client.execute("EntityOrganizations", {"entity": entity}).get("entity") or {}
    listed = [found.get("organization"), *((found.get("user") or {}).get("organizations") or ())]
    all_known = {
        each["id"]: Organization.from_node(each)
        for each in listed
        if each and each.get("orgEntity")
    }
    known = [
        each
        for each in sorted(all_known.values(), key=lambda each: each.name)
        if wanted is None or wanted in (each.name, each.org_entity.name)
    ]
    if not known:
        what = f"organization {wanted!r}" if wanted else "an organization"
        raise NotFoundError(f"Could not find {what} that {entity!r} belongs to.")
    if len(known) > 1:
        names = ", ".join(each.name for each in known)
        raise InputError(f"{entity!r} belongs to several organizations; name one of {names}.")
    return known[0]
