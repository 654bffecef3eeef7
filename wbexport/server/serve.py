"""A threaded server on the loopback interface around the application."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import dispatcher

from wbexport.server.app import create_app
from wbexport.server.auth import new_token
from wbexport.server.publisher import Publisher
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.exports import ExportPolicy

__all__ = ["LocalServer", "new_token"]

#: Whoever may reach the port may try tokens, so it is this machine alone.
_HOST = "127.0.0.1"

_THREADS = 8
_MAX_HEADER = 32 << 10
# Every process of the SDK keeps some open.
_MAX_CONNECTIONS = 500

# It warns whenever a request waits for a thread, which clients with many connections make normal.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class _Workers(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """The threads that answer; a shutdown waits for each to end.

    One that still lets go of its database cursor while Python ends would abort the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started: list[threading.Thread] = []

    def start_new_thread(self, target: Callable[[int], None], thread_no: int) -> None:
        """Start a thread, and remember it."""
        thread = threading.Thread(target=target, args=(thread_no,), daemon=True)
        self._started.append(thread)
        thread.start()

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Let no thread take another request; wait for those that are being answered."""
        cancelled = bool(super().shutdown(cancel_pending, timeout))
        for thread in self._started:
            thread.join(timeout)
        return cancelled


class LocalServer:
    """Serves a store to W&B clients until closed.

    Args:
        store: An open store, which the caller closes, or a path.
        writable: Whether clients may write.
        port: Port to listen on; 0 picks a free one.
        token: What clients must send; a fresh one by default.
        exports: Which runs are offered as parquet files.

    Example:
        >>> with LocalServer("wb.duckdb") as server:
        ...     print(server.url, server.token)
    """

    def __init__(
        self,
        store: Store | str | Path,
        *,
        writable: bool = False,
        port: int = 0,
        token: str | None = None,
        exports: ExportPolicy | None = None,
    ) -> None:
        self.token = token or new_token()
        self._owns_store = not isinstance(store, Store)
        self.store = store if isinstance(store, Store) else _open(Path(store), writable=writable)
        self._app = create_app(self.store, token=self.token, writable=writable, exports=exports)
        limits = self._app.service.limits
        workers = _Workers()
        workers.set_thread_count(_THREADS)
        self._server = create_server(
            self._app,
            _dispatcher=workers,
            host=_HOST,
            port=port,
            threads=_THREADS,
            connection_limit=_MAX_CONNECTIONS,
            asyncore_use_poll=True,
            channel_timeout=60,
            cleanup_interval=10,
            max_request_header_size=_MAX_HEADER,
            max_request_body_size=limits.upload_body if writable else limits.graphql_body,
            clear_untrusted_proxy_headers=True,
            ident="",
        )
        self.url = f"http://{_HOST}:{self._server.effective_port}"
        self._publisher = self._start_publisher() if writable else None
        self._thread = threading.Thread(
            target=self._server.run, name="wbexport-server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, publish what was written, and close a store opened here."""
        self._server.trigger.pull_trigger(self._stop_listening)
        self._thread.join()
        self._server.task_dispatcher.shutdown()
        self._server.trigger.close()
        if self._publisher is not None:
            self._publisher.close()
        if self._owns_store:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop_listening(self) -> None:
        """Close every socket, in the thread that waits on them: with none left it ends.

        The pipe that wakes this thread is only left, and closed when nobody can write to it: a
        byte for a closed pipe would go into whichever file has taken its number.
        """
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        dispatcher.close(self._server)
        self._server.trigger.del_channel()

    def _start_publisher(self) -> Publisher:
        service = self._app.service
        publisher = Publisher(self.store.publish, tick=service.mark_crashed)
        service.wrote = publisher.wrote
        return publisher


def _open(path: Path, *, writable: bool) -> Store:
    return Store.open_writer(path) if writable else Store.open_reader(path)
