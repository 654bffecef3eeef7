"""What a registry does about its members, and how it changes anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from wbexport.api.accounts import Team, User
from wbexport.api.registries.members import (
    MemberOrId,
    MemberRole,
    TeamMember,
    UserMember,
    id_of,
    ids_by_kind,
    role_of,
)
from wbexport.errors import ConflictError, GraphQLError, NotFoundError
from wbexport.paths import REGISTRY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from wbexport.api.service import Service

__all__ = ["HasMembers"]


class HasMembers(ABC):
    """A registry as far as its members are concerned.

    Args:
        client: Executes queries.
        organization: Name of the organization.
        entity: Name of the entity that owns the organization's registries.
        name: Name of the registry, without `wandb-registry-`.
    """

    def __init__(self, client: Service, organization: str, entity: str, name: str) -> None:
        self.client = client
        self._organization = organization
        self._entity = entity
        self._name = self._saved_name = name

    @property
    @abstractmethod
    def id(self) -> str:
        """Its id on the server."""

    def members(self) -> list[UserMember | TeamMember]:
        """Return the users and teams that work on the registry, users first."""
        return [*self.user_members(), *self.team_members()]

    def user_members(self) -> list[UserMember]:
        """Return the users that work on the registry.

        Raises:
            NotFoundError: The registry is gone, or this key may not see it.
        """
        return [
            UserMember(User(self.client, each), role_of(each["role"]["name"]))
            for each in self._listed("RegistryUsers", "members")
        ]

    def team_members(self) -> list[TeamMember]:
        """Return the teams that work on the registry.

        Raises:
            NotFoundError: The registry is gone, or this key may not see it.
        """
        return [
            TeamMember(
                Team(self.client, each["team"]["name"], each["team"]), role_of(each["role"]["name"])
            )
            for each in self._listed("RegistryTeams", "teamMembers")
        ]

    def add_members(self, *members: MemberOrId) -> Self:
        """Add users and teams.

        Args:
            *members: `User` and `Team` objects, members of a registry, or ids.

        Returns:
            This registry.

        Raises:
            InputError: None is given, or one is something else.
            ConflictError: The server refused.
        """
        self._change_members("AddRegistryMembers", ids_by_kind(members))
        return self

    def remove_members(self, *members: MemberOrId) -> Self:
        """Remove users and teams.

        Args:
            *members: `User` and `Team` objects, members of a registry, or ids.

        Returns:
            This registry.

        Raises:
            InputError: None is given, or one is something else.
            ConflictError: The server refused.
        """
        self._change_members("RemoveRegistryMembers", ids_by_kind(members))
        return self

    def update_member(self, member: MemberOrId, role: MemberRole | str) -> Self:
        """Give a member another role.

        Args:
            member: A `User` or `Team`, a member of a registry, or an id.
            role: `admin`, `member`, `viewer` or `restricted_viewer`.

        Returns:
            This registry.

        Raises:
            InputError: The member is something else.
            NotFoundError: It is not a member.
            ConflictError: The server refused.
        """
        kind, storage_id = id_of(member)
        if kind == "User":
            given = {"userId": storage_id, "userProjectRole": str(role)}
            self._change_members("UpdateRegistryUser", given)
        else:
            given = {"teamId": storage_id, "teamProjectRole": str(role)}
            self._change_members("UpdateRegistryTeam", given)
        return self

    def _change(self, operation: str, given: Mapping[str, Any], what: str) -> dict[str, Any]:
        try:
            return self.client.execute(operation, {"input": given})
        except GraphQLError as error:
            raise self._refused(error, what) from error

    def _change_members(self, operation: str, given: Mapping[str, Any]) -> None:
        answer = self._change(operation, {"projectId": self.id, **given}, "change the members of")
        if not all((payload or {}).get("success") for payload in answer.values()):
            raise ConflictError(f"The server did not change the members of {self._name!r}.")

    def _listed(self, operation: str, field: str) -> list[dict[str, Any]]:
        variables = {"entity": self._entity, "name": REGISTRY_PREFIX + self._saved_name}
        project = self.client.execute(operation, variables).get("project")
        if project is None:
            raise NotFoundError(f"There is no registry {self._name!r}, or this key may not see it.")
        found: list[dict[str, Any]] = project[field]
        return found

    def _refused(self, error: GraphQLError, what: str) -> NotFoundError | ConflictError:
        message = f"Could not {what} registry {self._name!r} in {self._organization!r}: {error}"
        return NotFoundError(message) if error.status == 404 else ConflictError(message)
