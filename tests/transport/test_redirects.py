"""Where a redirect may lead, and what is sent there."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.transport.conftest import KEY
from tests.transport.fault_server import Reply
from wbexport.errors import ResponseError, WbexportError

if TYPE_CHECKING:
    from tests.transport.conftest import Connect, Serve
    from tests.transport.fault_server import FaultServer, Request

CODES = [301, 302, 303, 307, 308]
SECRETS = (KEY, base64.b64encode(f"api:{KEY}".encode()).decode())
TARGETS = {
    "other port": "{other}/file",
    "other host": "http://localhost:{port}/file",
    "scheme down": "http://example.com/file",
    "protocol relative": "//127.0.0.1:{port}/file",
    "user name": "http://api:{home_port}@127.0.0.1:{port}/file",
    "home as user name": "http://127.0.0.1:{home_port}@127.0.0.1:{port}/file",
    "backslash": "http://127.0.0.1:{port}\\@127.0.0.1:{home_port}/file",
    "sub-domain": "http://127.0.0.1.nip.invalid:{port}/file",
    "back and forth": "{other}/back",
}


def secrets_in(request: Request) -> list[str]:
    seen = f"{request.path} {request.headers} {request.body!r}"
    return [secret for secret in SECRETS if secret in seen]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_other_origin_ever_sees_the_key(
    code: int, target: str, method: str, serve: Serve, connect: Connect
) -> None:
    home: FaultServer
    other = serve(
        lambda request: (
            Reply(302, headers={"Location": f"{home.url}/end"})
            if request.path == "/back"
            else Reply(body=b"{}")
        )
    )
    location = target.format(
        other=other.url, port=other.port, home_port="{home_port}"
    )  # The home port is known only once the home server runs.

    def script(request: Request) -> Reply:
        if request.path == "/end":
            return Reply(body=b"{}")
        return Reply(code, headers={"Location": location.format(home_port=home.port)})

    home = serve(script)
    session = connect(home.url)
    with contextlib.suppress(WbexportError):
        if method == "get":
            session.get_bytes(f"{home.url}/start")
        else:
            session.post_json("/start", {})
    assert SECRETS[1] in str(home.requests[0].headers)
    assert [secrets_in(request) for request in other.requests if secrets_in(request)] == []


def test_the_way_back_home_is_signed_again(serve: Serve, connect: Connect) -> None:
    home: FaultServer
    other = serve(lambda _: Reply(302, headers={"Location": f"{home.url}/end"}))
    home = serve(
        lambda request: (
            Reply(body=b"done")
            if request.path == "/end"
            else Reply(302, headers={"Location": f"{other.url}/file"})
        )
    )
    assert connect(home.url).get_bytes(f"{home.url}/start") == b"done"
    assert [SECRETS[1] in str(request.headers) for request in home.requests] == [True, True]
    assert "authorization" not in other.requests[0].headers


def test_five_redirects_are_followed_and_no_more(serve: Serve, connect: Connect) -> None:
    def script(request: Request) -> Reply:
        left = int(request.path[1:])
        return Reply(302, headers={"Location": f"/{left - 1}"}) if left else Reply(body=b"end")

    server = serve(script)
    session = connect(server.url)
    assert session.get_bytes(f"{server.url}/5") == b"end"
    with pytest.raises(ResponseError, match="more than 5 times"):
        session.get_bytes(f"{server.url}/6")


@pytest.mark.parametrize(
    "location", ["http://example.com/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"]
)
def test_a_redirect_to_something_else_than_a_safe_web_address_is_refused(
    location: str, serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(302, headers={"Location": location})])
    with pytest.raises(ResponseError, match=r"not followed|not a web address|broken URL"):
        connect(server.url).get_bytes(f"{server.url}/file")
    assert len(server.requests) == 1


def test_a_signed_url_gets_no_key_even_at_home(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(body=b"x")])
    session = connect(server.url)
    session.get_bytes(f"{server.url}/bucket/file?X-Amz-Signature=abc")
    session.get_bytes(f"{server.url}/files/e/p/r/file")
    assert ["authorization" in request.headers for request in server.requests] == [False, True]
