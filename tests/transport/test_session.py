"""Posting JSON to a server that has trouble."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.transport.conftest import KEY
from tests.transport.fault_server import Reply, json_reply
from wbexport.errors import (
    AuthError,
    RateLimitError,
    RequestError,
    ResponseError,
    ServerError,
    SettingsError,
    TransportError,
)
from wbexport.settings import Settings
from wbexport.transport.session import Session

if TYPE_CHECKING:
    from tests.transport.conftest import Connect, Serve
    from tests.transport.fault_server import FakeClock, FaultServer, Request

ANSWER = {"data": {"rows": list(range(300)), "text": "é"}}
TEXT = json.dumps(ANSWER)
ZIPPED = gzip.compress(TEXT.encode(), mtime=0)
GOOD = json_reply(TEXT)
GZIP = {"Content-Encoding": "gzip"}
LOGIN = b"<!doctype html><html><title>Sign  in &amp; go</title></html>"

TRANSIENT = {
    "reset before headers": Reply(reset="before"),
    "reset in the body": json_reply(TEXT, cut=100, reset="after"),
    "closed early, with length": json_reply(TEXT, cut=100),
    "closed early, chunked": json_reply(TEXT, cut=100, framing="chunked"),
    "closed early, without length": json_reply(TEXT, cut=100, framing="close"),
    "cut gzip, chunked": json_reply(ZIPPED[:80], headers=GZIP, framing="chunked"),
    "corrupt gzip": json_reply(ZIPPED[:50] + b"\xff\xff" + ZIPPED[52:], headers=GZIP),
    "empty body": json_reply(b""),
    "not HTTP": Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "huge header": Reply(headers={"X-Fill": "x" * 200_000}),
    "429 with seconds": Reply(429, headers={"Retry-After": "2"}),
    "429 without": Reply(429),
    "408": Reply(408),
    "500": Reply(500),
    "502 with a page": Reply(502, body=LOGIN + b"x" * 2_000_000),
    "503": Reply(503),
    "504": Reply(504),
}


def post(session: Session, *, idempotent: bool = True) -> object:
    return session.post_json("/graphql", {"query": "query Q { x }"}, idempotent=idempotent)


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
@pytest.mark.parametrize("times", [1, 4])
def test_a_passing_fault_leaves_the_answer_as_it_is_without_it(
    fault: Reply, times: int, serve: Serve, connect: Connect
) -> None:
    server = serve([fault] * times + [GOOD])
    session = connect(server.url)
    assert post(session) == ANSWER
    assert len(server.requests) == session.stats.requests == times + 1
    assert session.stats.retries == times


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_a_lasting_fault_is_an_error_after_eight_tries(
    fault: Reply, serve: Serve, connect: Connect
) -> None:
    server = serve([fault])
    with pytest.raises(RequestError, match=r"attempt 8, \d+ s") as caught:
        post(connect(server.url))
    assert len(server.requests) == 8
    assert server.url in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_what_may_have_been_done_is_not_done_twice(
    fault: Reply, serve: Serve, connect: Connect
) -> None:
    server = serve([fault, GOOD])
    with pytest.raises(RequestError):
        post(connect(server.url), idempotent=False)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(401), AuthError),
        (Reply(403), AuthError),
        (Reply(429), RateLimitError),
        (Reply(500), ServerError),
        (Reply(501), ServerError),
        (Reply(404), ResponseError),
        (Reply(reset="before"), TransportError),
        (json_reply(TEXT, cut=9, framing="close"), ResponseError),
    ],
)
def test_each_failure_has_its_place_in_the_error_tree(
    reply: Reply, error: type[RequestError], serve: Serve, connect: Connect
) -> None:
    with pytest.raises(RequestError) as caught:
        post(connect(serve([reply]).url))
    assert type(caught.value) is error
    assert caught.value.status == (reply.status if reply.status != 200 else None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 501])
def test_a_permanent_status_is_asked_once(status: int, serve: Serve, connect: Connect) -> None:
    server = serve([Reply(status)])
    with pytest.raises(RequestError):
        post(connect(server.url))
    assert len(server.requests) == 1


def test_a_login_page_is_named_by_host_and_title(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(body=LOGIN)])
    with pytest.raises(ResponseError, match='"Sign in & go"') as caught:
        post(connect(server.url))
    assert "127.0.0.1" in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_json_that_is_no_object_is_an_error(body: bytes, serve: Serve, connect: Connect) -> None:
    with pytest.raises(ResponseError, match="not an object"):
        post(connect(serve([json_reply(body)]).url))


def test_a_coding_that_was_not_asked_for_is_an_error(serve: Serve, connect: Connect) -> None:
    reply = json_reply(TEXT, headers={"Content-Encoding": "br"})
    with pytest.raises(ResponseError, match="br"):
        post(connect(serve([reply]).url))


def test_a_refusal_in_graphqls_own_shape_is_an_answer(serve: Serve, connect: Connect) -> None:
    reply = json_reply('{"errors": [{"message": "no such field"}]}', status=400)
    errors = [{"message": "no such field"}]
    assert post(connect(serve([reply]).url)) == {"errors": errors, "status": 400}


@pytest.mark.parametrize(
    "body", ['{"error": "T"}', '{"error": {"message": "T"}}', '{"errors": ["T"]}']
)
def test_the_servers_words_are_quoted(body: str, serve: Serve, connect: Connect) -> None:
    with pytest.raises(AuthError, match="HTTP 403: T"):
        post(connect(serve([json_reply(body, status=403)]).url))


def test_every_cut_of_a_gzip_body_is_noticed(serve: Serve, connect: Connect) -> None:
    cuts = [len(ZIPPED) * i // 64 for i in range(64)]

    def script(request: Request) -> Reply:
        cut = cuts[request.number // 2]
        return json_reply(ZIPPED if request.number % 2 else ZIPPED[:cut], headers=GZIP)

    session = connect(serve(script).url)
    assert [post(session) for _ in cuts] == [ANSWER] * 64
    assert session.stats.retries == 64


def test_a_server_that_drips_is_given_up(serve: Serve, connect: Connect) -> None:
    server = serve([json_reply(TEXT, drip=0.05), GOOD])
    began = time.monotonic()
    assert post(connect(server.url, timeout=0.3)) == ANSWER
    assert time.monotonic() - began < 3


def test_a_server_that_never_answers_is_given_up(serve: Serve, connect: Connect) -> None:
    server = serve([json_reply(TEXT, delay=5), GOOD])
    assert post(connect(server.url, timeout=0.3)) == ANSWER


def test_a_flood_of_informational_answers_ends(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(flood=b"HTTP/1.1 102 X\r\n\r\n" * 500), GOOD])
    assert post(connect(server.url, timeout=5)) == ANSWER


def test_an_unreachable_host_fails_fast(connect: Connect, unused_url: str) -> None:
    began = time.monotonic()
    with pytest.raises(TransportError, match=r"127\.0\.0\.1.*refused"):
        post(connect(unused_url, clock=time))
    assert time.monotonic() - began < 10


def test_a_host_that_was_there_before_is_given_more_time(serve: Serve, connect: Connect) -> None:
    session = connect(serve([GOOD, Reply(reset="before")]).url)
    post(session)
    with pytest.raises(TransportError, match="attempt 8"):
        post(session)


def test_a_name_that_does_not_resolve_fails_with_the_name(connect: Connect) -> None:
    with pytest.raises(TransportError, match=r"no-such-host\.invalid.*failed"):
        post(connect("https://no-such-host.invalid"))


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2), ("0.5", 0.5), ("1e9", 300), ("inf", 300), ("250", 250)]
)
def test_the_wait_the_server_asks_for_is_kept(
    header: str, seconds: float, serve: Serve, connect: Connect, clock: FakeClock
) -> None:
    post(connect(serve([Reply(429, headers={"Retry-After": header}), GOOD]).url))
    assert seconds <= sum(clock.slept) <= seconds * 1.1


def test_a_used_up_allowance_holds_the_next_request(
    serve: Serve, connect: Connect, clock: FakeClock
) -> None:
    spent = json_reply(TEXT, headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "7"})
    session = connect(serve([spent, GOOD]).url)
    post(session)
    post(session)
    assert 7 <= sum(clock.slept) <= 7.7


def test_an_outage_is_not_made_much_worse(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(500)])
    session = connect(server.url)
    for _ in range(700):
        with pytest.raises(ServerError):
            post(session)
    assert len(server.requests) <= 700 * 1.1


def test_half_of_all_requests_may_fail_without_running_out_of_retries(
    serve: Serve, connect: Connect
) -> None:
    server = serve(lambda request: GOOD if request.number % 2 else Reply(500))
    session = connect(server.url)
    assert [post(session) for _ in range(200)] == [ANSWER] * 200


def test_threads_share_a_session(serve: Serve, connect: Connect) -> None:
    server = serve(lambda request: Reply(503) if request.number % 5 == 0 else GOOD)
    session = connect(server.url)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.extend(post(session) for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ANSWER] * 80
    assert session.stats.requests == len(server.requests)


def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    server = serve([json_reply(TEXT, headers={"Set-Cookie": "spy=1; Path=/"})])
    session = connect(server.url)
    post(session)
    post(session)
    assert "cookie" not in server.requests[1].headers


def test_the_client_names_itself_and_asks_for_no_privileges(serve: Serve, connect: Connect) -> None:
    server = serve([GOOD])
    post(connect(server.url))
    headers = server.requests[0].headers
    assert headers["user-agent"].startswith("wbexport/")
    assert headers["accept-encoding"] == "gzip"
    assert "use-admin-privileges" not in headers


def test_without_a_key_nothing_is_sent(serve: Serve) -> None:
    server = serve([GOOD])
    with Session(Settings(base_url=server.url)) as session, pytest.raises(SettingsError) as caught:
        post(session)
    assert "WANDB_API_KEY" in str(caught.value)
    assert server.requests == []


def test_a_redirected_post_is_refused_and_the_target_named(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(308, headers={"Location": "https://new.example/graphql?x=1"})])
    with pytest.raises(ResponseError, match=r"https://new\.example/graphql;"):
        post(connect(server.url))


@pytest.fixture
def unused_url() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


def test_the_key_is_sent_as_basic_authentication(serve: Serve, connect: Connect) -> None:
    server: FaultServer = serve([GOOD])
    post(connect(server.url))
    pair = base64.b64encode(f"api:{KEY}".encode()).decode()
    assert server.requests[0].headers["authorization"] == f"Basic {pair}"
