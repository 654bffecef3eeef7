"""Opens users and teams."""

from __future__ import annotations

import warnings

from wbexport.api.accounts import Team, User
from wbexport.api.door import Door
from wbexport.paths import check_name

__all__ = ["OpensAccounts"]


class OpensAccounts(Door):
    """Users and teams."""

    def user(self, username_or_email: str) -> User | None:
        """Return a user. Only administrators of a server may ask.

        Args:
            username_or_email: Their name or address.

        Returns:
            The first user found, with a warning when there are more; None when there is none.
        """
        found = self.users(username_or_email)
        if len(found) > 1:
            warnings.warn(
                f"{len(found)} users fit {username_or_email!r}; this is the first of them.",
                stacklevel=2,
            )
        return found[0] if found else None

    def users(self, username_or_email: str) -> list[User]:
        """Return the users whose name or address fits. Only administrators of a server may ask.

        Args:
            username_or_email: The start or the end of their name or address.

        Returns:
            The users.
        """
        found = self.client.execute("Users", {"query": username_or_email}).get("users") or {}
        return [User(self.client, edge["node"]) for edge in found.get("edges") or ()]

    def create_user(self, email: str, admin: bool | None = False) -> User:
        """Create a user. Only administrators of a server may.

        Args:
            email: The user's address.
            admin: Whether the user is an administrator too.

        Returns:
            The user.

        Raises:
            AuthError: The key is not that of an administrator.
            ConflictError: The server did not create a user.
            GraphQLError: The server refused to, and says why.
        """
        return User.create(self.client.api, email, admin)

    def team(self, team: str) -> Team:
        """Return a team.

        Args:
            team: Its name.

        Returns:
            The team and its members.

        Raises:
            PathError: The name cannot be that of a team.
            NotFoundError: There is no such team, or this key may not see it.
        """
        return Team(self.client, check_name(team))

    def create_team(self, team: str, admin_username: str | None = None) -> Team:
        """Create a team, or return the team of this name.

        Args:
            team: Its name.
            admin_username: Who administers it; by default the user of the key.

        Returns:
            The team.

        Raises:
            AuthError: The key may not create it.
            GraphQLError: The server refused to, and says why.
        """
        return Team.create(self.client.api, team, admin_username)
