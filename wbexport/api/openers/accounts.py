"""Opens users."""

from __future__ import annotations

from wbexport.api.accounts import User
from wbexport.api.door import Door

__all__ = ["OpensAccounts"]


class OpensAccounts(Door):
    """Users."""

    def user(self, username_or_email: str) -> User | None:
        """Return a user. Only administrators of a server may ask.

        Args:
            username_or_email: Their name or address.

        Returns:
            The first user found; None when there is none.
        """
        return next(iter(self.users(username_or_email)), None)

    def users(self, username_or_email: str) -> list[User]:
        """Return the users whose name or address fits. Only administrators of a server may ask.

        Args:
            username_or_email: The start or the end of their name or address.

        Returns:
            The users.
        """
        found = self.client.execute("Users", {"query": username_or_email}).get("users") or {}
        return [User(edge["node"]) for edge in found.get("edges") or ()]
