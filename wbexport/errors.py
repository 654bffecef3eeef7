"""Every error that wbexport raises on purpose.

WbexportError
├─ InputError (ValueError)     an argument that cannot be right
│  ├─ SettingsError            missing or malformed key, URL, settings file
│  ├─ PathError                an entity/project/run path that cannot be parsed
│  ├─ QueryError               a filter, order, key or SQL text we do not understand
│  └─ UnsafeNameError          a name from a server that would leave its folder
├─ RequestError                no usable answer from W&B
│  ├─ TransportError           connection, timeout, cut body (after retries)
│  ├─ AuthError                401, 403
│  ├─ RateLimitError           429 beyond the retry budget
│  ├─ ServerError              5xx beyond the retry budget
│  ├─ ResponseError            an answer of the wrong shape (a login page, broken JSON)
│  └─ GraphQLError             200 with errors[]; keeps them
├─ NotFoundError (ValueError)  project, run, file, artifact, registry, user …
│  └─ MissingEntryError (KeyError)  a path that an artifact does not have
├─ ConflictError (ValueError)  the server has another thing of that name, or in another state
├─ UnsupportedError            this server is too old, or was built without it
├─ IncompleteRunHistoryError   a run that logged more than its exported files hold
├─ IntegrityError (ValueError) bytes or rows that do not match what the server promised
├─ StoreError                  a local file that cannot be used
│  ├─ StoreMissingError        there is no store at this path
│  ├─ StoreBusyError           another process writes it; carries pid and command
│  ├─ StoreVersionError        written by a newer wbexport
│  ├─ StoreDamagedError        not a store, or bytes that fail their checksum
│  └─ StoreSpaceError          disk full, read-only or over quota
└─ SyncError                   some runs failed; carries which and why

Messages name the thing concerned and the next step. They never hold a key or a signed URL.
`wandb.Api` scripts catch `ValueError` for bad arguments and missing things; they still can. They
find `Error`, `CommError`, `AuthenticationError` and `UsageError` here as well. W&B's client turns
whatever its API raises into a `CommError`, so that name catches all of this tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "AuthError",
    "AuthenticationError",
    "CommError",
    "ConflictError",
    "Error",
    "GraphQLError",
    "IncompleteRunHistoryError",
    "InputError",
    "IntegrityError",
    "MissingEntryError",
    "NotFoundError",
    "PathError",
    "QueryError",
    "RateLimitError",
    "RequestError",
    "ResponseError",
    "ServerError",
    "SettingsError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreMissingError",
    "StoreSpaceError",
    "StoreVersionError",
    "SyncError",
    "TransportError",
    "UnsafeNameError",
    "UnsupportedError",
    "UsageError",
    "WbexportError",
]


class WbexportError(Exception):
    """Base of every error that wbexport raises on purpose."""


class InputError(WbexportError, ValueError):
    """An argument that cannot be right, found before anything was sent or written."""


class SettingsError(InputError):
    """A missing or malformed API key, host or settings file."""


class PathError(InputError):
    """An entity, project, run or file path that cannot be parsed."""


class QueryError(InputError):
    """A filter, order, key or SQL text that is not understood."""


class UnsafeNameError(InputError):
    """A name that would leave the folder it is meant for."""


class RequestError(WbexportError):
    """No usable answer from the server.

    Args:
        message: What happened and what to do; holds no secret.
        status: HTTP status, when there was one.
        url: Scheme, host and path of the request; never its query.
    """

    def __init__(self, message: str, *, status: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class TransportError(RequestError):
    """A connection that failed, timed out or was cut, after all retries."""


class AuthError(RequestError):
    """The server refused the key, or the key may not see this object."""


class RateLimitError(RequestError):
    """The server kept answering 429 beyond the retry budget."""


class ServerError(RequestError):
    """The server kept answering 5xx beyond the retry budget."""


class ResponseError(RequestError):
    """An answer of the wrong shape, such as a login page in place of JSON."""


class GraphQLError(RequestError):
    """A GraphQL answer with `errors`; partial data is never used.

    Args:
        message: The joined messages of the server.
        errors: The `errors` list as received.
        operation: Name of the document that was sent.
        status: HTTP status of the answer: 200, or that of a refusal such as 404 and 409.
    """

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        operation: str | None = None,
        status: int = 200,
    ) -> None:
        super().__init__(message, status=status)
        self.errors = list(errors)
        self.operation = operation


class NotFoundError(WbexportError, ValueError):
    """A project, run or file that is not there, or not visible to this key."""


class MissingEntryError(NotFoundError, KeyError):
    """A path that an artifact does not have."""

    def __str__(self) -> str:
        # A KeyError would put its message in quotes.
        return Exception.__str__(self)


class ConflictError(WbexportError, ValueError):
    """Something of that name is there already, or is in a state that forbids the change."""


class UnsupportedError(WbexportError):
    """The server lacks a feature that this needs."""


class IncompleteRunHistoryError(WbexportError):
    """A run that logged more than is in its exported files, where all of it was asked for."""


class IntegrityError(WbexportError, ValueError):
    """Bytes or rows that do not match what the server promised."""


class StoreError(WbexportError):
    """A local store that cannot be used."""


class StoreMissingError(StoreError):
    """There is no store at this path."""


class StoreBusyError(StoreError):
    """Another process holds the store for writing.

    Args:
        message: What is held, by whom, and what to do.
        pid: Process id of the holder, when known.
        command: Command line of the holder, when known.
    """

    def __init__(self, message: str, *, pid: int | None = None, command: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.command = command


class StoreVersionError(StoreError):
    """The store was written by a newer wbexport."""


class StoreDamagedError(StoreError):
    """The file is not a store, or its bytes fail their checksum."""


class StoreSpaceError(StoreError):
    """The disk is full, read-only or over its quota."""


class SyncError(WbexportError):
    """A sync could not bring some runs over.

    Args:
        message: How many runs failed and what to do.
        failures: Run path to reason.
    """

    def __init__(self, message: str, *, failures: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.failures = dict(failures or {})


#: The names of `wandb.errors`.
Error = WbexportError
CommError = WbexportError
AuthenticationError = AuthError
UsageError = InputError
