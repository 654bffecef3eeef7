"""Planted secrets must not come out anywhere but in the one header they are for."""

from __future__ import annotations

import base64
import copy
import io
import logging
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.conftest import KEY
from tests.transport.fault_server import Reply, json_reply
from wbexport.errors import SettingsError, WbexportError
from wbexport.transport.auth import OriginAuth
from wbexport.transport.failures import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.transport.conftest import Connect, Serve
    from tests.transport.fault_server import FaultServer
    from wbexport.transport.session import Session

BASIC = base64.b64encode(f"api:{KEY}".encode()).decode()
SIGNATURE = "canarysignature0123456789"
PASSWORD = "canarypassword"
SECRETS = (KEY, BASIC, SIGNATURE, PASSWORD)
QUERY = f"?X-Amz-Signature={SIGNATURE}&Expires=9"

FAULTS = {
    "refused": Reply(401, body=f'{{"error": "bad key {KEY}"}}'.encode()),
    "storage refuses": Reply(403, body=f"<title>https://s/x{QUERY}</title>".encode()),
    "reset": Reply(reset="before"),
    "not HTTP": Reply(raw=b"nonsense\r\n\r\n"),
    "page": Reply(body=f"<html><title>Login at https://s/{QUERY}</title>".encode()),
    "redirect": Reply(302, headers={"Location": f"http://u:{PASSWORD}@example.com/x{QUERY}"}),
    "plain": Reply(302, headers={"Location": f"http://example.com/x{QUERY}"}),
    "loop": Reply(302, headers={"Location": f"/again{QUERY}"}),
    "broken": Reply(302, headers={"Location": f"http://[{QUERY}"}),
    "cut": json_reply("x" * 100, cut=3),
}


def calls(session: Session, server: FaultServer) -> Iterator[Callable[[], object]]:
    url = f"{server.url}/file{QUERY}"
    yield lambda: session.post_json("/graphql", {"query": "query Q { x }"})
    yield lambda: session.get_bytes(url)
    yield lambda: session.download(url, io.BytesIO(), md5="0" * 32)
    yield lambda: session.get_bytes(url, byte_range=(1, 2), refresh=lambda: url)


def error_of(call: Callable[[], object]) -> WbexportError | None:
    try:
        call()
    except WbexportError as error:
        return error
    return None


def frames_shown(error: BaseException) -> str:
    """Show what a crash reporter sees of the key: the values of all frames, through all causes."""
    shown = []
    cause: BaseException | None = error
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            if not frame.f_globals["__name__"].startswith("tests."):
                shown.append(repr(frame.f_locals))
        cause = cause.__cause__ or cause.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_secret_is_shown_when_a_request_fails(
    fault: Reply, serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve([fault])
    session = connect(server.url)
    seen: list[str] = []
    for error in filter(None, map(error_of, calls(session, server))):
        seen += ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
        seen.append(pickle.dumps(str(error.args)).decode("latin-1"))
        assert KEY not in frames_shown(error)
        assert BASIC not in frames_shown(error)
    seen += [caplog.text, repr(session), repr(vars(session)), repr(session.stats)]
    assert [secret for secret in SECRETS if any(secret in text for text in seen)] == []
    assert len(seen) > 4
    assert "file" in caplog.text


def test_no_secret_is_logged_when_all_goes_well(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve([json_reply("{}")])
    session = connect(server.url)
    session.post_json("/graphql", {})
    session.get_bytes(f"{server.url}/file{QUERY}")
    assert [secret for secret in SECRETS if secret in caplog.text] == []
    assert "POST" in caplog.text


def test_a_copy_of_a_session_has_no_key(serve: Serve, connect: Connect) -> None:
    server = serve([json_reply("{}")])
    session = connect(server.url)
    pickled = pickle.dumps(session)
    assert not any(secret.encode() in pickled for secret in SECRETS)
    for again in (copy.deepcopy(session), pickle.loads(pickled)):
        with pytest.raises(SettingsError, match="No API key"), again:
            again.post_json("/graphql", {})
    assert server.requests == []


def test_the_authentication_object_shows_no_key(connect: Connect) -> None:
    auth = OriginAuth(connect("http://127.0.0.1:9").settings.credential)
    for seen in (repr(auth), repr(vars(auth)), repr(pickle.dumps(auth))):
        assert KEY not in seen


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://h.example/x", True),
        ("https://H.example:443/x", True),
        ("http://h.example/x", False),
        ("https://h.example:444/x", False),
        ("https://evil-h.example/x", False),
        ("https://h.example.evil/x", False),
        ("https://evil/h.example", False),
        ("https://h.example@evil/x", False),
        ("https://h.example./x", False),
        ("https://h.example/x?Signature=1", False),
        ("https://h.example/x?x-goog-signature=1", False),
        ("https://h.example/x?sig=", False),
        ("https://h.example/x?page=1", True),
    ],
)
def test_a_key_goes_to_its_own_origin_only(url: str, signed: bool, connect: Connect) -> None:
    auth = OriginAuth(connect("https://h.example").settings.credential)
    request = next(auth.auth_flow(httpx.Request("GET", url)))
    assert ("authorization" in request.headers) is signed


def test_an_existing_log_level_is_left_alone(connect: Connect) -> None:
    logger = logging.getLogger("httpcore")
    before = logger.level
    try:
        logger.setLevel(logging.DEBUG)
        connect("http://127.0.0.1:9")
        assert logger.level == logging.DEBUG
        logger.setLevel(logging.NOTSET)
        connect("http://127.0.0.1:9")
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(before)


@pytest.mark.parametrize(
    "text",
    [
        f"https://api:{PASSWORD}@host/x",
        f"GET https://host/file{QUERY} failed",
        f"Authorization: Basic {BASIC}",
        f"authorization: bearer {SIGNATURE}",
        f"key={KEY}",
        f"'/file{QUERY}'",
    ],
)
def test_masking_finds_secrets_in_their_usual_places(text: str) -> None:
    assert [secret for secret in SECRETS if secret in redacted(text)] == []


@given(st.text(max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_masking_leaves_plain_messages_alone() -> None:
    text = "POST https://api.wandb.ai/graphql: HTTP 500; again in 1.5 s. Really? Yes."
    assert redacted(text) == text


def test_nothing_was_printed(
    capsys: pytest.CaptureFixture[Any], serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(401)])
    with pytest.raises(WbexportError):
        connect(server.url).post_json("/graphql", {})
    assert capsys.readouterr() == ("", "")
    assert KEY not in repr(sys.argv)
