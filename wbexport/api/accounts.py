"""Users."""

from __future__ import annotations

from wbexport.api.attributes import Attributes

__all__ = ["User"]


class User(Attributes):
    """A user: `id`, `name`, `username`, `email`, `admin` and `entity`, as far as the key may see.

    Args:
        attrs: The fields as received.

    Example:
        >>> api.viewer.username
        'ada'
    """

    @property
    def teams(self) -> list[str]:
        """Names of the user's teams; empty when they were not asked for."""
        edges = (self._attrs.get("teams") or {}).get("edges") or []
        return [edge["node"]["name"] for edge in edges]

    def __repr__(self) -> str:
        fields = ("email", "username", "id", "name")
        known = next((self._attrs[name] for name in fields if self._attrs.get(name)), "unknown")
        return f"<User {known}>"
