"""Fetching files over a line that breaks, from a server that may have changed them."""

from __future__ import annotations

import base64
import gzip
import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from tests.transport.fault_server import Reply, content_of, file_reply
from wbexport.errors import (
    AuthError,
    InputError,
    IntegrityError,
    NotFoundError,
    RequestError,
    ResponseError,
    TransportError,
)
from wbexport.transport.download import Expect

if TYPE_CHECKING:
    from tests.transport.conftest import Connect, Serve
    from tests.transport.fault_server import Request
    from wbexport.transport.session import Session

FILE = content_of(100_000)
MD5 = hashlib.md5(FILE).hexdigest()
CUTS = [0, 1, 31, 50_000, 99_999]


def fetch(session: Session, url: str, **options: object) -> bytes:
    sink = BytesIO()
    done = session.download(url, sink, **options)  # type: ignore[arg-type]
    content = sink.getvalue()
    assert done.size == len(content)
    return content


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_broken_download_is_taken_up_where_it_stopped(
    cut: int, framing: str, serve: Serve, connect: Connect
) -> None:
    def script(request: Request) -> Reply:
        first = request.number == 0
        return file_reply(request, FILE, cut=cut if first else None, framing=framing)

    server = serve(script)
    assert fetch(connect(server.url), server.url, size=len(FILE), md5=MD5) == FILE
    resumed = [request.headers.get("range") for request in server.requests[1:]]
    assert resumed == ([f"bytes={cut}-"] if cut else [None])


@pytest.mark.parametrize("cut", CUTS)
def test_a_reset_download_is_taken_up(cut: int, serve: Serve, connect: Connect) -> None:
    server = serve(
        lambda request: file_reply(
            request, FILE, **({"cut": cut, "reset": "after"} if request.number < 3 else {})
        )
    )
    assert fetch(connect(server.url), server.url, size=len(FILE)) == FILE


@pytest.mark.parametrize("cut", CUTS[1:])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    cut: int, serve: Serve, connect: Connect
) -> None:
    newer = FILE[::-1]

    def script(request: Request) -> Reply:
        if request.number == 0:
            return file_reply(request, FILE, cut=cut)
        return file_reply(request, newer, etag='"2"')

    server = serve(script)
    assert fetch(connect(server.url), server.url) == newer


@pytest.mark.parametrize("cut", CUTS[1:])
def test_an_ignored_if_range_is_seen_by_the_etag(cut: int, serve: Serve, connect: Connect) -> None:
    newer = FILE[::-1]

    def script(request: Request) -> Reply:
        if request.number == 0:
            return file_reply(request, FILE, cut=cut)
        request.headers.pop("if-range", None)
        return file_reply(request, newer, etag='"2"')

    server = serve(script)
    assert fetch(connect(server.url), server.url) == newer


@pytest.mark.parametrize("cut", CUTS[1:])
def test_an_ignored_range_starts_the_file_again(cut: int, serve: Serve, connect: Connect) -> None:
    server = serve(
        lambda request: Reply(
            body=FILE, headers={"ETag": '"1"'}, cut=cut if request.number == 0 else None
        )
    )
    assert fetch(connect(server.url), server.url, md5=MD5) == FILE


@pytest.mark.parametrize("shift", [-1, 1, 1000])
def test_a_part_at_the_wrong_place_is_never_appended(
    shift: int, serve: Serve, connect: Connect
) -> None:
    def script(request: Request) -> Reply:
        if request.number == 1:
            first = 50_000 + shift
            span = f"bytes {first}-{len(FILE) - 1}/{len(FILE)}"
            return Reply(206, FILE[first:], {"Content-Range": span, "ETag": '"1"'})
        return file_reply(request, FILE, cut=50_000 if request.number == 0 else None)

    server = serve(script)
    assert fetch(connect(server.url), server.url) == FILE


def test_without_a_validator_or_a_checksum_a_download_starts_again(
    serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(body=FILE, cut=9), Reply(body=FILE)])
    assert fetch(connect(server.url), server.url, size=len(FILE)) == FILE
    assert "range" not in server.requests[1].headers


def test_a_weak_etag_does_not_prove_that_the_file_is_the_same(
    serve: Serve, connect: Connect
) -> None:
    weak = {"ETag": 'W/"1"'}
    server = serve([Reply(body=FILE, headers=weak, cut=9), Reply(body=FILE, headers=weak)])
    assert fetch(connect(server.url), server.url) == FILE
    assert "range" not in server.requests[1].headers


@pytest.mark.parametrize("known", [{"size": 99_999}, {"size": 100_001}, {"md5": "0" * 32}], ids=str)
def test_a_file_that_is_not_what_was_announced_is_asked_for_twice(
    known: dict[str, object], serve: Serve, connect: Connect
) -> None:
    server = serve(lambda request: file_reply(request, FILE))
    sink = BytesIO()
    with pytest.raises(IntegrityError, match="twice"):
        connect(server.url).download(server.url, sink, **known)
    assert sink.getvalue() == b""
    assert len(server.requests) == 2


def test_no_more_is_read_of_a_file_than_shows_that_it_is_too_long(
    serve: Serve, connect: Connect
) -> None:
    server = serve(lambda request: file_reply(request, FILE, framing="chunked"))
    session = connect(server.url)
    with pytest.raises(IntegrityError, match="more than 10 bytes, twice"):
        session.download(server.url, BytesIO(), size=10)
    assert session.stats.bytes_received <= len(FILE)


def test_a_file_damaged_once_is_repaired(serve: Serve, connect: Connect) -> None:
    damaged = FILE[:500] + b"\0" + FILE[501:]
    server = serve(lambda request: file_reply(request, FILE if request.number else damaged))
    expected = base64.b64encode(hashlib.md5(FILE).digest()).decode()
    assert fetch(connect(server.url), server.url, md5=expected) == FILE


def test_an_expired_link_is_renewed_and_the_download_goes_on(
    serve: Serve, connect: Connect
) -> None:
    valid = {"/0?sig=0": 1, "/1?sig=1": 1, "/2?sig=2": 9}

    def script(request: Request) -> Reply:
        if valid[request.path] == 0:
            return Reply(403, b"<Error>Request has expired</Error>")
        valid[request.path] -= 1
        return file_reply(request, FILE, cut=None if valid[request.path] else 20_000)

    server = serve(script)
    links = iter([f"{server.url}/1?sig=1", f"{server.url}/2?sig=2"])
    first = f"{server.url}/0?sig=0"
    assert fetch(connect(server.url), first, refresh=lambda: next(links)) == FILE
    ranges = [request.headers.get("range") for request in server.requests]
    assert ranges == [None, *["bytes=20000-"] * 2, *["bytes=40000-"] * 2]


@pytest.mark.parametrize("status", [400, 403])
def test_a_link_is_renewed_three_times_at_most(status: int, serve: Serve, connect: Connect) -> None:
    server = serve([Reply(status)])
    asked: list[str] = []
    with pytest.raises(RequestError):
        fetch(connect(server.url), server.url, refresh=lambda: asked.append("") or server.url)
    assert len(asked) == 3
    assert len(server.requests) == 4


def test_progress_grants_new_tries(serve: Serve, connect: Connect) -> None:
    big = content_of(20 << 20)
    server = serve(lambda request: file_reply(request, big, cut=(1 << 20) + 7))
    session = connect(server.url)
    assert session.get_bytes(server.url, expect=Expect(len(big))) == big
    assert len(server.requests) > 16


def test_a_missing_file_is_not_found(serve: Serve, connect: Connect) -> None:
    with pytest.raises(NotFoundError):
        connect(serve([Reply(404)]).url).get_bytes(serve([Reply(404)]).url)


def test_a_refused_file_without_refresh_is_an_authentication_error(
    serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(403)])
    with pytest.raises(AuthError):
        connect(server.url).get_bytes(server.url)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 77), (99_990, 100_000), (99_990, 200_000)])
@pytest.mark.parametrize("obeys", [True, False])
def test_a_part_is_the_same_slice_whether_the_server_knows_ranges_or_not(
    obeys: bool, start: int, stop: int, serve: Serve, connect: Connect
) -> None:
    server = serve(lambda request: file_reply(request, FILE) if obeys else Reply(body=FILE))
    got = connect(server.url).get_bytes(server.url, byte_range=(start, stop))
    assert got == FILE[start:stop]


@pytest.mark.parametrize("cut", [0, 1, 500])
def test_a_part_is_resumed_inside_its_window(cut: int, serve: Serve, connect: Connect) -> None:
    server = serve(
        lambda request: file_reply(request, FILE, cut=cut if request.number == 0 else None)
    )
    assert connect(server.url).get_bytes(server.url, byte_range=(1000, 2000)) == FILE[1000:2000]
    assert server.requests[-1].headers["range"] == f"bytes={1000 + cut}-1999"


@pytest.mark.parametrize("window", [(0, 0), (5, 4), (-1, 4)])
def test_an_empty_part_is_refused_before_anything_is_sent(
    window: tuple[int, int], serve: Serve, connect: Connect
) -> None:
    server = serve([Reply()])
    with pytest.raises(InputError):
        connect(server.url).get_bytes(server.url, byte_range=window)
    assert server.requests == []


def test_a_part_beyond_the_end_is_an_error(serve: Serve, connect: Connect) -> None:
    server = serve(lambda request: file_reply(request, FILE))
    with pytest.raises(ResponseError, match="416"):
        connect(server.url).get_bytes(server.url, byte_range=(100_000, 100_001))


def test_a_coded_file_is_decoded_and_its_end_is_checked(serve: Serve, connect: Connect) -> None:
    coded = gzip.compress(FILE)
    headers = {"Content-Encoding": "gzip"}
    server = serve([Reply(body=coded[:700], headers=headers), Reply(body=coded, headers=headers)])
    assert fetch(connect(server.url), server.url, size=len(FILE), md5=MD5) == FILE


def test_bytes_are_asked_for_as_they_are(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(body=b"x")])
    connect(server.url).get_bytes(server.url)
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_full_disk_is_not_a_network_failure(serve: Serve, connect: Connect) -> None:
    class Full(BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    server = serve([Reply(body=FILE)])
    with pytest.raises(OSError, match="No space"):
        connect(server.url).download(server.url, Full())
    assert len(server.requests) == 1


def test_the_sink_keeps_what_was_before_the_file(serve: Serve, connect: Connect) -> None:
    server = serve([Reply(body=FILE, cut=9), Reply(body=FILE)])
    sink = BytesIO()
    sink.write(b"head")
    connect(server.url).download(server.url, sink, size=len(FILE))
    assert sink.getvalue() == b"head" + FILE


def test_a_broken_link_is_an_error_before_anything_is_sent(connect: Connect) -> None:
    with pytest.raises((InputError, ResponseError)):
        connect("http://127.0.0.1:9").get_bytes("http://[broken")
    with pytest.raises(ResponseError, match="web address"):
        connect("http://127.0.0.1:9").get_bytes("gs://bucket/file")


def test_a_download_cut_without_any_known_size_needs_an_announced_length(
    serve: Serve, connect: Connect
) -> None:
    server = serve([Reply(body=FILE, cut=9)])
    with pytest.raises(TransportError, match="cut"):
        connect(server.url).get_bytes(server.url)
