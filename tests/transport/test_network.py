"""Which way requests take, and which addresses they may reach."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from tests.transport.fault_server import Reply, json_reply
from wbexport.errors import RequestError, ResponseError, SettingsError, TransportError
from wbexport.settings import Origin
from wbexport.transport.network import Pace, proxy_for, shown_proxy
from wbexport.transport.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transport.conftest import Connect, Serve

PROXY = "http://user:secretword@proxy.example:3128"
NAMES = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://w.example", False),
        ("w.example", "https://w.example", True),
        (".example", "https://w.example", True),
        ("example", "https://a.w.example", True),
        ("w.example:443", "https://w.example", True),
        ("w.example:444", "https://w.example", False),
        ("other.example", "https://w.example", False),
        ("*", "https://w.example", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8, x", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("", "http://127.0.0.1:80", True),
        ("", "http://localhost", True),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_chosen_by_the_environment(
    name: str, no_proxy: str, url: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for(Origin.of(url)) is None) is direct


def test_requests_go_through_the_proxy_and_errors_name_it_without_its_password(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve([json_reply('{"data": 1}'), Reply(500)])
    at = proxy.url.removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secretword@{at}")
    monkeypatch.setenv("WBEXPORT_ALLOW_HTTP", "1")
    session = connect("http://127.0.0.1:9")
    away = replace(session.settings, base_url="http://w.example", allow_http=True)
    with Session(away, clock=session._clock) as routed:
        assert routed.post_json("/graphql", {}) == {"data": 1}
        with pytest.raises(RequestError) as caught:
            routed.post_json("/graphql", {})
    assert proxy.requests[0].path == "http://w.example/graphql"
    assert f"by way of http://{at}" in str(caught.value)
    assert "secretword" not in str(caught.value)
    assert "authorization" not in proxy.requests[0].headers


def test_a_tunnel_that_the_proxy_refuses_is_an_error_that_names_it(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", serve([Reply(407)]).url)
    with pytest.raises(TransportError, match=r"w\.example.*by way of http://127\.0\.0\.1"):
        connect("https://w.example").post_json("/graphql", {})


@pytest.mark.parametrize("proxy", ["nonsense://x", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_an_error(
    proxy: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsError, match="proxy"):
        connect("https://w.example").post_json("/graphql", {})


def test_a_proxy_is_shown_without_its_password() -> None:
    assert shown_proxy(PROXY) == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1", "100.64.0.1"],
)
def test_a_public_server_cannot_lead_into_a_private_network(
    address: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"w.example": "93.184.216.34", "storage.example": address}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (places[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ResponseError, match="private network"):
        connect("https://w.example").get_bytes("https://storage.example/file")


def test_a_private_server_may_lead_to_private_storage(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([Reply(body=b"x")])
    assert connect("http://localhost:9").get_bytes(f"{server.url}/file") == b"x"


def test_certificates_that_cannot_be_read_are_an_error(connect: Connect, tmp_path: Path) -> None:
    session = connect("https://127.0.0.1:9")
    broken = tmp_path / "ca.pem"
    broken.write_text("nothing")
    for path in (broken, tmp_path / "none"):
        with (
            Session(replace(session.settings, ca_file=path)) as other,
            pytest.raises(SettingsError, match="SSL_CERT_FILE"),
        ):
            other.post_json("/graphql", {})


def test_a_pace_grants_time_by_bytes() -> None:
    pace = Pace(2.0)
    pace.in_headers = False
    assert pace.seconds_left() == 2.0
    pace.count(1.5, 10 * 1024)
    assert pace.seconds_left() == 10.5
    pace.count(10.5, 0)
    with pytest.raises(httpcore.ReadTimeout):
        pace.seconds_left()


def test_headers_have_an_end() -> None:
    pace = Pace(2.0)
    pace.count(0.0, 2 << 20)
    with pytest.raises(httpcore.RemoteProtocolError):
        pace.seconds_left()
