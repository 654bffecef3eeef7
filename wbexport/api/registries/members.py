"""Who works on a registry: users and teams, each with a role."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from wbexport.api.accounts import Team, User
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MemberOrId",
    "MemberRole",
    "TeamMember",
    "UserMember",
    "id_of",
    "ids_by_kind",
    "role_of",
]


class MemberRole(StrEnum):
    """What a member may do in a registry."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"
    RESTRICTED_VIEWER = "restricted_viewer"


@dataclass(frozen=True)
class UserMember:
    """A user who works on a registry.

    Args:
        user: The user.
        role: What the user may do.
    """

    user: User
    role: MemberRole | str

    @property
    def kind(self) -> str:
        """`User`."""
        return "User"


@dataclass(frozen=True)
class TeamMember:
    """A team that works on a registry.

    Args:
        team: The team.
        role: What its members may do.
    """

    team: Team
    role: MemberRole | str

    @property
    def kind(self) -> str:
        """`Entity`."""
        return "Entity"


MemberOrId: TypeAlias = User | Team | UserMember | TeamMember | str


def role_of(name: str) -> MemberRole | str:
    """Return a role; one that this version does not know stays text."""
    return next((role for role in MemberRole if role == name), name)


def id_of(member: MemberOrId) -> tuple[str, str]:
    """Return whether a member is a `User` or an `Entity`, and its id.

    Raises:
        InputError: It is something else, or the id is not one of W&B's.
    """
    if isinstance(member, UserMember):
        member = member.user
    elif isinstance(member, TeamMember):
        member = member.team
    storage_id = member if isinstance(member, str) else getattr(member, "id", None)
    try:
        kind = base64.b64decode(storage_id or "").decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
        kind = ""
    if not isinstance(storage_id, str) or kind not in ("User", "Entity"):
        raise InputError(
            f"A member of a registry is a User, a Team, or the id of one, not {member!r}."
        )
    return kind, storage_id


def ids_by_kind(members: Iterable[MemberOrId]) -> dict[str, list[str]]:
    """Return the ids of members as the server takes them: users and teams, each once.

    Raises:
        InputError: There are none, or one is something else.
    """
    found = [id_of(member) for member in members]
    if not found:
        raise InputError("Name at least one user or team.")
    return {
        name: sorted({storage_id for kind, storage_id in found if kind == wanted})
        for name, wanted in (("userIds", "User"), ("teamIds", "Entity"))
    }
