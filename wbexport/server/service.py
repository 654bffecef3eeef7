"""What the parts of one server share, and what one request carries."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from wbexport.errors import ConflictError, StoreError, WbexportError
from wbexport.server.limits import Limits
from wbexport.server.recall import Recall
from wbexport.store import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb
    from graphql import GraphQLResolveInfo

    from wbexport.server.exports import Exports
    from wbexport.server.posts import Seen
    from wbexport.server.signing import Signer
    from wbexport.store.accounts import User
    from wbexport.store.database import Store

    #: What each resolver gets beside its source and arguments.
    Info = GraphQLResolveInfo["Context"]

#: A row of the store, or an object of an answer.
Node = dict[str, Any]

__all__ = [
    "Context",
    "ForbiddenError",
    "Node",
    "ReadOnlyError",
    "Service",
    "TakenError",
    "utc_now",
    "wire_time",
]

#: A running run that is silent for longer has crashed; clients report at least every 30 s.
_HEARTBEAT = timedelta(minutes=5)

#: Time between looks for runs that have fallen silent.
_CRASH_CHECK = timedelta(seconds=10)


class ReadOnlyError(StoreError):
    """A request that writes, sent to a server that does not."""


class ForbiddenError(WbexportError):
    """A request for what its sender may not do.

    Args:
        what: What was asked for, after "may not".
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"permission denied: this key may not {what}")


class TakenError(ConflictError):
    """A name that something else has: clients are told so by the status of the answer."""


def utc_now() -> datetime:
    """Return the time as the store keeps it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def wire_time(moment: datetime | None) -> str | None:
    """Return a stored time as W&B's JSON spells it."""
    return None if moment is None else moment.isoformat() + "Z"


def _nothing(*, soon: bool) -> None:
    """Stand in where nobody listens for writes."""


@dataclass
class Service:
    """One server: its store and its rules.

    Attributes:
        store: Where everything is read from and written to.
        signer: Signs upload and download URLs.
        exports: Makes parquet files of finished runs.
        writable: Whether requests may write.
        limits: Bounds on requests.
        wrote: Called after each write; `soon` asks for a publish in seconds, not minutes.
        clock: The current time.
        recall: Looks up what most requests name.
        processes: Run and process to the lines it has posted, for runs that several share.
    """

    store: Store
    signer: Signer
    exports: Exports
    writable: bool = False
    limits: Limits = field(default_factory=Limits)
    wrote: Callable[..., None] = _nothing
    clock: Callable[[], datetime] = utc_now
    recall: Recall = field(default_factory=Recall)
    processes: dict[tuple[str, str], Seen] = field(default_factory=dict)
    _crashes_checked: datetime = datetime.min

    def require_writable(self) -> None:
        """Refuse a request that writes, unless this server does.

        Raises:
            ReadOnlyError: When it only reads.
        """
        if not self.writable:
            raise ReadOnlyError("this server only reads; start it as writable to change things")

    @contextmanager
    def writing(self, *, soon: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a transaction, and tell `wrote` when it is committed."""
        with self.store.transaction() as cur:
            yield cur
        self.wrote(soon=soon)

    def mark_crashed(self) -> None:
        """Give up silent runs, unless that was done just now."""
        now = self.clock()
        if not self.writable or abs(now - self._crashes_checked) < _CRASH_CHECK:
            return
        self._crashes_checked = now
        since = now - _HEARTBEAT
        if ledger.has_silent_runs(self.store.cursor(), since):
            with self.writing() as cur:
                ledger.mark_crashed(cur, since)


class Context:
    """One GraphQL request.

    Args:
        service: The server it came to.
        base_url: Scheme and host by which the client reached it.
        caller: Whose key was sent.
        author: To whom new things are attributed; a service account may act for others.

    Attributes:
        visible: Places and ids to whether the caller sees them, as far as that was asked.
    """

    def __init__(self, service: Service, base_url: str, caller: User, author: User) -> None:
        self.service = service
        self.base_url = base_url
        self.caller = caller
        self.author = author
        self.visible: dict[str | tuple[str, str | None], bool] = {}
        self._deadline = time.monotonic() + service.limits.seconds

    @property
    def username(self) -> str:
        """Name of whom new things are attributed to."""
        return self.author.username

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's cursor for reading.

        Raises:
            StoreError: When the request has used up its time.
        """
        if time.monotonic() > self._deadline:
            raise StoreError("the request took too long; ask for less at a time")
        return self.service.store.cursor()

    def page(self, first: int | None, default: int = 50) -> int:
        """Return how many nodes a page may hold."""
        asked = default if first is None else max(first, 0)
        return min(asked, self.service.limits.page)

    def signed(self, method: str, path: str, **query: str) -> str:
        """Return an absolute signed URL of this server."""
        return self.base_url + self.service.signer.sign(method, path, **query)
