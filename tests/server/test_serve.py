"""A server on a port: its life, what it publishes, what it lets through."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import authorization
from wbexport.errors import StoreBusyError
from wbexport.server.publisher import Publisher
from wbexport.server.serve import LocalServer
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path


def post(server: LocalServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        server.url + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"} | authorization(server.token),
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        parsed: dict[str, Any] = json.load(answer)
        return parsed


def upsert(server: LocalServer, run: str) -> None:
    text = 'mutation ($r: String) { upsertBucket(input: {name: $r, host: "h"}) { inserted } }'
    assert "errors" not in post(server, "/graphql", {"query": text, "variables": {"r": run}})


def stored_runs(path: Path) -> list[str]:
    with Store.open_reader(path) as store:
        found = store.cursor().execute("select run_id from stored.runs order by 1").fetchall()
    return [run for (run,) in found]


def test_what_was_logged_is_published_at_the_latest_on_close(tmp_path: Path) -> None:
    path = tmp_path / "wb.duckdb"
    with LocalServer(path, writable=True) as server:
        upsert(server, "r")
    assert stored_runs(path) == ["r"]


def test_a_run_that_ends_is_published_soon(tmp_path: Path) -> None:
    path = tmp_path / "wb.duckdb"
    with LocalServer(path, writable=True) as server:
        upsert(server, "r")
        assert stored_runs(path) == []
        post(server, "/files/local/uncategorized/r/file_stream", {"complete": True, "exitcode": 0})
        deadline = time.monotonic() + 20
        while stored_runs(path) != ["r"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_reading_server_shows_what_a_writer_publishes(tmp_path: Path) -> None:
    path = tmp_path / "wb.duckdb"
    query = {"query": '{ project(name: "uncategorized") { runCount } }'}
    with LocalServer(path, writable=True) as writer:
        upsert(writer, "first")
    with LocalServer(path) as reader:
        assert post(reader, "/graphql", query)["data"]["project"]["runCount"] == 1
        with LocalServer(path, writable=True) as writer:
            upsert(writer, "second")
        assert post(reader, "/graphql", query)["data"]["project"]["runCount"] == 2


def test_a_store_is_written_by_one_server_only(tmp_path: Path) -> None:
    path = tmp_path / "wb.duckdb"
    with LocalServer(path, writable=True), pytest.raises(StoreBusyError):
        LocalServer(path, writable=True)


def test_a_server_listens_on_loopback_only_and_stops_when_closed(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "wb.duckdb", writable=True)
    port = int(server.url.rpartition(":")[2])
    assert server.url.startswith("http://127.0.0.1:")
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_server_is_closed_when_its_threads_have_let_go_of_everything(tmp_path: Path) -> None:
    let_go = threading.Event()
    kept = threading.local()

    class Slow:
        def __del__(self) -> None:
            time.sleep(0.3)
            let_go.set()

    class Task:
        def service(self) -> None:
            kept.it = Slow()
            done.set()

    done = threading.Event()
    with LocalServer(tmp_path / "wb.duckdb", writable=True) as server:
        server._server.task_dispatcher.add_task(Task())
        assert done.wait(5)
        server._server.task_dispatcher.shutdown()
        assert let_go.is_set()


def test_a_thread_that_wakes_a_server_that_stops_writes_into_no_other_file(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "wb.duckdb", writable=True) as server:
        trigger, loop = server._server.trigger, server._thread
        wake = trigger._physical_pull

        def wake_twice() -> None:
            wake()
            loop.join(5)
            wake()

        trigger._physical_pull = wake_twice
    assert not loop.is_alive()
    with pytest.raises(OSError, match="Bad file descriptor"):
        wake()


def test_many_requests_at_once_are_all_answered(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "wb.duckdb", writable=True) as server:
        threads = [threading.Thread(target=upsert, args=(server, f"r{n}")) for n in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        query = {"query": '{ project(name: "uncategorized") { runCount } }'}
        assert post(server, "/graphql", query)["data"]["project"]["runCount"] == 24


def test_idle_sockets_and_huge_headers_do_not_stop_the_server(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "wb.duckdb", writable=True) as server:
        port = int(server.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(450)]
        try:
            idle[0].sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
            idle[1].sendall(b"POST /graphql HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            assert "data" in post(server, "/graphql", {"query": "{ viewer { id } }"})
        finally:
            for connection in idle:
                connection.close()


def test_a_publish_that_fails_is_tried_again() -> None:
    outcomes = iter([OSError("disk full"), None])
    done = threading.Event()

    def publish() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        done.set()

    publisher = Publisher(publish, tick=lambda: None, settle=0.01, interval=0.05)
    publisher.wrote(soon=True)
    assert done.wait(10)
    publisher.close()


def test_runs_that_end_together_share_a_publish() -> None:
    published: list[float] = []
    publisher = Publisher(lambda: published.append(time.monotonic()), tick=lambda: None, settle=0.3)
    for _ in range(20):
        publisher.wrote(soon=True)
    time.sleep(0.8)
    publisher.close()
    assert len(published) == 1


def test_an_error_answer_never_shows_the_token(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "wb.duckdb", writable=True) as server:
        request = urllib.request.Request(server.url + "/graphql", b"{", authorization(server.token))
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        assert server.token.encode() not in caught.value.read()
        caught.value.close()
