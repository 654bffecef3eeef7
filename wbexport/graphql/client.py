"""Sends GraphQL operations and gives back their data, or an error; never part of an answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wbexport.errors import AuthError, GraphQLError, InputError, ResponseError
from wbexport.graphql import documents
from wbexport.transport.failures import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.transport import Session

__all__ = ["GraphQL"]

_OPERATION = re.compile(r"\s*(query|mutation)\s+(\w+)")
_UNKNOWN_FIELD = re.compile(r'(?:Cannot query|[Uu]nknown) field "?(\w+)')
#: Fields that old servers may lack; an answer without them is as good.
_OPTIONAL = frozenset(
    {"digestAlgorithm", "eventsLineCount", "exitcode", "logLineCount", "shouldStop", "totalCount"}
)
_REFUSED = re.compile(
    r"unauthori[sz]ed|unauthenticated|not authenticated|not logged in|invalid api key"
    r"|permission denied|access denied|forbidden",
    re.IGNORECASE,
)


class GraphQL:
    """Executes the operations in `graphql/documents/`.

    Args:
        session: Carries the bytes.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._absent: frozenset[str] = frozenset()

    def execute(self, operation: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send one operation.

        Returns:
            The `data` object. Fields in it may be null; what that means is the caller's to say.
        """
        return self.execute_document(documents.load(operation).text, variables)

    def execute_document(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send the text of one of our own documents, without what an older server lacks.

        Returns:
            The `data` object, as `execute` does.
        """
        text = document
        for field in self._absent:
            text = re.sub(rf"^ *{field}\n", "", text, flags=re.MULTILINE)
        try:
            return self.execute_text(text, variables)
        except GraphQLError as error:
            absent = _OPTIONAL.intersection(_UNKNOWN_FIELD.findall(str(error))) - self._absent
            if not absent:
                raise
            # An older server: ask without these fields from now on.
            self._absent |= absent
            return self.execute_document(document, variables)

    def execute_text(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a document given as text.

        Args:
            text: One named operation and its fragments.
            variables: Its variables.

        Returns:
            The `data` object.

        Raises:
            InputError: The text is not one named operation, or a mutation under `read_only`.
            GraphQLError: The server reported errors; partial data is dropped.
            AuthError: The errors say that the key is refused.
            ResponseError: The answer has neither data nor errors.
            RequestError: There was no usable answer.
        """
        match = _OPERATION.match(text)
        if match is None:
            raise InputError("A GraphQL document must begin with a named query or mutation.")
        kind, name = match.groups()
        body = {"query": text, "variables": dict(variables), "operationName": name}
        is_query = kind == "query"
        answer = self._session.post_json(
            "/graphql", body, idempotent=is_query, changes=None if is_query else name
        )
        return _data(answer, name)


def _data(answer: Any, operation: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ResponseError(f"{operation}: the answer is not a GraphQL answer; check the base URL.")
    errors = answer.get("errors")
    if errors:
        status = answer.get("status", 200)
        raise _error(errors if isinstance(errors, list) else [errors], operation, status)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise ResponseError(f"{operation}: the answer holds no data; check the base URL.")
    return data


def _error(errors: list[Any], operation: str, status: int) -> GraphQLError | AuthError:
    entries = [error if isinstance(error, dict) else {"message": str(error)} for error in errors]
    # A server may repeat what it was sent, key and URL included.
    entries = [
        entry | {"message": redacted(str(entry.get("message", "no message")))} for entry in entries
    ]
    text = "; ".join(entry["message"][:500] for entry in entries[:5])
    if _REFUSED.search(text):
        return AuthError(f"{operation}: the server refused the API key: {text}", status=status)
    return GraphQLError(f"{operation}: {text}", errors=entries, operation=operation, status=status)
