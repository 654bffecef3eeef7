"""Host, Origin and token of a request."""

from __future__ import annotations

import base64

import pytest

from wbexport.server.auth import given_key, host_allowed, same_key

TOKEN = "local-" + "ab" * 20


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]", "[::1]:65535"]
)
def test_names_of_this_machine_are_answered_on_any_port(host: str) -> None:
    assert host_allowed({"HTTP_HOST": host})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "evil.example/127.0.0.1",
        "evil/?127.0.0.1",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "127.0.0.1:80@evil",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:٣",
        "127.0.0.1, evil",
        " 127.0.0.1",
        "127.0.0.1 ",
        "0.0.0.0",
        "[::]",
        "[::1",
        "::1",
        "LOCALHOST.",
        "2130706433",
    ],
)
def test_no_other_host_is_answered(host: str) -> None:
    assert not host_allowed({"HTTP_HOST": host})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:80", True),
        ("https://localhost:80", False),
        ("http://localhost", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str | None, allowed: bool) -> None:
    environ = {"HTTP_HOST": "localhost:80", "wsgi.url_scheme": "http"}
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    assert host_allowed(environ) is allowed


@pytest.mark.parametrize(
    "header", [basic(f"api:{TOKEN}"), basic(f":{TOKEN}"), f"Bearer {TOKEN}", f"bearer {TOKEN}"]
)
def test_the_token_opens_as_password_or_bearer(header: str) -> None:
    assert same_key(given_key(header), TOKEN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Basic",
        "Basic ====",
        "Basic é",
        "Bearer",
        "Bearer \udcff",
        f"Token {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        basic(TOKEN),
        basic(f"{TOKEN}:"),
        basic("api:"),
        basic("api:local-" + "00" * 20),
    ],
)
def test_nothing_else_opens(header: str | None) -> None:
    assert not same_key(given_key(header), TOKEN)
