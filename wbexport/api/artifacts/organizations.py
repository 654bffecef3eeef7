"""Finds the entity in which an organization keeps its registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wbexport.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from wbexport.api.service import Service

__all__ = ["Organization", "find_organization"]


class Organization(NamedTuple):
    """An organization, and the entity that its registries are in."""

    name: str
    entity: str


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
        Organization(each["name"], each["orgEntity"]["name"])
        for each in listed
        if each and each.get("orgEntity")
    }
    known = [each for each in sorted(all_known) if wanted is None or wanted in each]
    if not known:
        what = f"organization {wanted!r}" if wanted else "an organization"
        raise NotFoundError(f"Could not find {what} that {entity!r} belongs to.")
    if len(known) > 1:
        names = ", ".join(each.name for each in known)
        raise InputError(f"{entity!r} belongs to several organizations; name one of {names}.")
    return known[0]
