"""Users, teams and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.api.attributes import Attributes
from wbexport.errors import AuthError, ConflictError, GraphQLError, NotFoundError, RequestError
from wbexport.settings import is_api_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from wbexport.api.client import Api
    from wbexport.api.service import Service

__all__ = ["Member", "Team", "User"]

#: What a server can do that answers a new account with its first key.
_KEY_OF_NEW = "KEY_OF_NEW_ACCOUNT"


class User(Attributes):
    """A user: `id`, `name`, `username`, `email`, `admin` and `entity`, as far as the key may see.

    Args:
        client: Executes queries.
        attrs: The fields as received.

    Example:
        >>> api.viewer.username
        'ada'
    """

    _SECRETS = ("apiKeys",)

    def __init__(self, client: Service, attrs: Mapping[str, Any]) -> None:
        super().__init__(attrs)
        self.client = client

    @classmethod
    def create(cls, api: Api, email: str, admin: bool | None = False) -> Self:
        """Create a user. Only administrators of a server may.

        Args:
            api: An `Api` with an administrator's key.
            email: The user's address.
            admin: Whether the user is an administrator too.

        Returns:
            The user. Where the server gives a new user a key, it is among `api_keys`, this one
            time, and `user_api` uses it.

        Raises:
            AuthError: The key is not that of an administrator.
            ConflictError: The server did not create a user.
            GraphQLError: The server refused to, and says why.
        """
        given = {"email": email, "admin": admin, "withKey": _KEY_OF_NEW in api.client.features}
        answer = api.client.execute("CreateUser", given)
        user = (answer.get("createUser") or {}).get("user")
        if user is None:
            raise ConflictError(f"The server did not create a user {email!r}; is there one?")
        key = _secret(user)
        own = api if key is None else api.with_key(key)
        return cls(own.client, user)

    @property
    def api_keys(self) -> list[str]:
        """Names of the user's keys, not their secrets; empty when this key may not see them."""
        return [key["name"] for key in self._keys()]

    @property
    def teams(self) -> list[str]:
        """Names of the user's teams; empty when they were not asked for."""
        return [team["name"] for team in _nodes(self._attrs, "teams")]

    @property
    def user_api(self) -> Api | None:
        """An `Api` with the user's own key; None unless the user is `Api.viewer` or just made."""
        api = self.client.api
        try:
            return api if api.viewer.id == self._attrs.get("id") else None
        except AuthError:
            return None

    def generate_api_key(self, description: str | None = None) -> str | None:
        """Generate a key for the user, with the user's own `user_api`.

        Args:
            description: What the key is for.

        Returns:
            The secret, which the server shows this one time; None on failure, also where there is
            no `user_api`.
        """
        api = self.user_api
        if api is None:
            return None
        try:
            known = self._keys()
            answer = api.client.execute("GenerateApiKey", {"description": description})
        except RequestError:
            return None
        key = (answer.get("generateApiKey") or {}).get("apiKey")
        if key is None:
            return None
        self._attrs["apiKeys"] = {"edges": [{"node": each} for each in (*known, key)]}
        return str(key["name"])

    def delete_api_key(self, api_key: str) -> bool:
        """Delete a key of the user. Only the user or an administrator may.

        Args:
            api_key: Its name, one of `api_keys`.

        Returns:
            Whether it is gone.

        Raises:
            NotFoundError: The user has no key of this name.
        """
        found = next((key for key in self._keys() if key["name"] == api_key), None)
        if found is None:
            raise NotFoundError("The user has no such key; take a name from api_keys.")
        try:
            answer = self.client.execute("DeleteApiKey", {"id": found["id"]})
        except RequestError:
            return False
        return bool((answer.get("deleteApiKey") or {}).get("success"))

    def _keys(self) -> list[dict[str, Any]]:
        """Return the user's keys; the viewer's are fetched when they are first looked at."""
        if "apiKeys" not in self._attrs:
            own = self.user_api
            viewer = own.client.execute("ViewerKeys", {}).get("viewer") if own else None
            self._attrs["apiKeys"] = (viewer or {}).get("apiKeys")
        return _nodes(self._attrs, "apiKeys")

    def __repr__(self) -> str:
        fields = ("email", "username", "id", "name")
        known = next((self._attrs[name] for name in fields if self._attrs.get(name)), "unknown")
        return f"<User {known}>"


class Member(Attributes):
    """A member of a team: `id`, `name`, `username`, `email`, `admin`, `pending`, `account_type`.

    Args:
        client: Executes queries.
        team: The team's name.
        attrs: The fields as received.

    Example:
        >>> [member.username for member in api.team("lab").members]
        ['ada', 'grace']
    """

    _SECRETS = ("apiKey",)

    def __init__(self, client: Service, team: str, attrs: Mapping[str, Any]) -> None:
        super().__init__(attrs)
        self.client = client
        self.team = team

    def delete(self) -> bool:
        """Take the member out of the team, or take back an invitation to it.

        Returns:
            Whether the server did.
        """
        try:
            answer = self.client.execute("DeleteInvite", {"id": self.id, "entity": self.team})
        except RequestError:
            return False
        return bool((answer.get("deleteInvite") or {}).get("success"))

    def __repr__(self) -> str:
        return f"<Member {self._attrs.get('name')} ({self._attrs.get('accountType')})>"


class Team(Attributes):
    """A team: `members`, and the fields that the server gives an entity.

    Args:
        client: Executes queries.
        name: The team's name.
        attrs: The fields as received; None to fetch them.

    Raises:
        NotFoundError: There is no such team, or this key may not see it.

    Example:
        >>> team = api.team("lab")
        >>> team.invite("grace@example.org")
        True
    """

    def __init__(self, client: Service, name: str, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(attrs or {})
        self.client = client
        self.name = name
        self.load()

    @classmethod
    def create(cls, api: Api, team: str, admin_username: str | None = None) -> Self:
        """Create a team, or return the team of this name.

        Args:
            api: An `Api`.
            team: Its name.
            admin_username: Who administers it; by default the user of the key.

        Returns:
            The team.

        Raises:
            AuthError: The key may not create it.
            GraphQLError: The server refused to, and says why.
        """
        try:
            api.client.execute("CreateTeam", {"team": team, "admin": admin_username})
        except (AuthError, GraphQLError) as refusal:
            try:
                return cls(api.client, team)
            except NotFoundError:
                raise refusal from None
        return cls(api.client, team)

    def load(self, force: bool = False) -> dict[str, Any]:
        """Fetch the team, unless that was done.

        Args:
            force: Fetch it again.

        Returns:
            Its fields, with `members` as a list of `Member`.

        Raises:
            NotFoundError: There is no such team, or this key may not see it.
        """
        if force or not self._attrs:
            team = self.client.execute("Team", {"name": self.name}).get("entity")
            if team is None:
                raise NotFoundError(
                    f"There is no team {self.name!r}: check its name, or this key may not see it."
                )
            members = [Member(self.client, self.name, each) for each in team["members"]]
            self._attrs = {**team, "members": members}
        return self._attrs

    def invite(self, username_or_email: str, admin: bool = False) -> bool:
        """Invite a user.

        Args:
            username_or_email: Their name or address.
            admin: Whether they will administer the team.

        Returns:
            Whether the server did; not when they are invited already or do not exist.
        """
        kind = "email" if "@" in username_or_email else "username"
        variables = {"entity": self.name, "admin": admin, kind: username_or_email}
        try:
            self.client.execute("CreateInvite", variables)
        except RequestError:
            return False
        return True

    def create_service_account(self, description: str) -> Member | None:
        """Create an account that no person uses, for machines that log to the team.

        Args:
            description: What it is for; also its name.

        Returns:
            The account, with its key as `api_key` where the server shows that, this one time;
            None on failure.
        """
        with_key = _KEY_OF_NEW in self.client.features
        variables = {"entity": self.name, "description": description, "withKey": with_key}
        try:
            answer = self.client.execute("CreateServiceAccount", variables)
            self.load(force=True)
        except RequestError:
            return None
        account: Member = self.members[-1]
        key = _secret((answer.get("createServiceAccount") or {}).get("user") or {})
        if key is not None:
            account._attrs["apiKey"] = key
        return account

    def __repr__(self) -> str:
        return f"<Team {self.name}>"


def _nodes(attrs: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    edges: Iterable[Any] = (attrs.get(name) or {}).get("edges") or []
    return [edge["node"] for edge in edges if edge and edge.get("node")]


def _secret(user: Mapping[str, Any]) -> str | None:
    """Return the key of a new account, where the server names it by its secret."""
    names = (key["name"] for key in _nodes(user, "apiKeys"))
    return next((name for name in names if is_api_key(name)), None)
