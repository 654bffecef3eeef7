"""Uploads arrive whole, are repeated whole, and carry no key where none belongs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from tests.transport.fault_server import Reply
from wbexport.errors import AuthError

if TYPE_CHECKING:
    from tests.transport.conftest import Connect, Serve

CONTENT = bytes(range(256)) * 3000


def test_an_upload_sends_the_bytes_from_where_the_file_stands(
    serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(headers={"ETag": '"e1"'})])
    source = io.BytesIO(b"before" + CONTENT + b"after")
    source.seek(6)
    session = connect(server.url)
    url = f"{server.url}/put?signature=s"
    etag = session.upload(url, source, size=len(CONTENT), headers={"X-Kind": "test"})
    (request,) = server.requests
    assert (request.method, request.body, etag) == ("PUT", CONTENT, '"e1"')
    assert request.headers["x-kind"] == "test"
    assert "authorization" not in request.headers


def test_an_upload_that_fails_is_repeated_from_its_start(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(status=503), Reply(status=500), Reply(status=201)])
    connect(server.url).upload(f"{server.url}/put", io.BytesIO(CONTENT), size=len(CONTENT))
    assert [request.body for request in server.requests] == [CONTENT] * 3
    assert "authorization" in server.requests[0].headers


def test_an_empty_file_is_uploaded(serve: Serve, connect: Connect) -> None:
    server = serve([Reply()])
    connect(server.url).upload(f"{server.url}/put", io.BytesIO(), size=0)
    assert server.requests[0].headers["content-length"] == "0"


def test_a_refused_upload_is_told(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(status=403)])
    with pytest.raises(AuthError, match="403"):
        connect(server.url).upload(f"{server.url}/put", io.BytesIO(b"x"), size=1)
    assert len(server.requests) == 1
