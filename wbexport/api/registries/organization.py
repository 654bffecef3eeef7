"""Organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.errors import NotFoundError

if TYPE_CHECKING:
    from typing import Self

    from wbexport.api.service import Service

__all__ = ["OrgEntity", "Organization"]


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
        entity = found.get("orgEntity")
        if entity is None:
            raise NotFoundError(
                f"There is no organization {name!r}: check its name, or this key may not see it."
            )
        owner = OrgEntity(entity["id"], entity["name"], entity.get("entityType"))
        return cls(found["id"], found["name"], owner)
