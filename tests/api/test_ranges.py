"""Columns of exported files: what is asked for comes, and little else crosses the network."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.conftest import connect_to
from tests.api.stub import HistoryStub, Stub
from wbexport.api.history import scan_long
from wbexport.arrow.convert import long_to_rows
from wbexport.errors import IntegrityError, ResponseError
from wbexport.paths import RunPath

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RUN = RunPath("team", "vision", "r1")


class RangeStub(Stub):
    """Serves parts of files, as storage does."""

    sent = 0
    etag = '"one"'

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        wanted = environ.get("HTTP_RANGE", "")
        body = self.files.get(environ["PATH_INFO"])
        if body is None or not wanted:
            self.sent += len(body or b"")
            return super().__call__(environ, start_response)
        first, last = wanted.removeprefix("bytes=").split("-")
        part = body[int(first) : int(last) + 1]
        self.sent += len(part)
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
        headers = [("Content-Range", span), ("ETag", self.etag), ("Content-Length", str(len(part)))]
        start_response("206 Partial Content", headers)
        return [part]


def row(step: int) -> dict[str, Any]:
    noise = {f"key_{n:02}": step * 1.1 + n for n in range(40)}
    sparse = {"rare": "x"} if step % 9 == 0 else {}
    return {"_step": step, "loss": step / 3, "nest": {"a": step, "b": "y"}, **noise, **sparse}


ROWS = [row(step) for step in range(3000)]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist([{"rare": None, **each} for each in rows])
    pq.write_table(table, sink, row_group_size=1000)
    return sink.getvalue()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> RangeStub:
    monkeypatch.setattr("wbexport.api.ranges._FIRST", 500)
    monkeypatch.setattr("wbexport.api.ranges._LEAST_SAVED", 1000)
    monkeypatch.setattr("wbexport.api.ranges._GAP", 50)
    plain = HistoryStub([[], []], [], line_count=3000, last_step=2999).stub()
    files = {"/files/0.parquet": parquet(ROWS[:1800]), "/files/1.parquet": parquet(ROWS[1700:])}
    return RangeStub(plain.operations, files)


def scan(stub: Stub, keys: list[str]) -> list[dict[str, Any]]:
    client = connect_to(stub).client
    chunks = scan_long(client, client.session, RUN, keys=keys)
    return [found for chunk in chunks for found in long_to_rows(chunk)]


def wanted(*keys: str) -> list[dict[str, Any]]:
    rows = [{key: each[key] for key in ("_step", *keys) if key in each} for each in ROWS]
    return [each for each in rows if len(each) > 1]


@pytest.mark.parametrize("keys", [["loss"], ["rare"], ["nest"], ["key_07", "loss"]])
def test_columns_of_a_few_keys_are_the_only_ones_fetched(stub: RangeStub, keys: list[str]) -> None:
    assert scan(stub, keys) == [
        {key: each[key] for key in sorted(each, key=lambda k: (k != "_step", k))}
        for each in wanted(*keys)
    ]
    # Of each file's end 64 KiB are read to find out what it holds.
    assert stub.sent < sum(map(len, stub.files.values())) / 6 + 2 * 65_536


def test_a_server_that_sends_no_parts_is_read_all_the_same(stub: RangeStub) -> None:
    assert scan(Stub(stub.operations, stub.files), ["loss"]) == wanted("loss")


def test_most_of_the_columns_are_fetched_with_the_whole_file(stub: RangeStub) -> None:
    keys = [f"key_{n:02}" for n in range(40)]
    assert scan(stub, keys) == wanted(*keys)


def test_a_file_replaced_while_it_is_read_is_an_error(stub: RangeStub) -> None:
    class Changing(RangeStub):
        def __call__(self, *args: Any) -> Any:
            self.etag = f'"{self.sent}"'
            return super().__call__(*args)

    with pytest.raises((ResponseError, IntegrityError, OSError), match="replaced"):
        scan(Changing(stub.operations, stub.files), ["loss"])


def test_a_file_that_is_no_parquet_is_an_integrity_error(stub: RangeStub) -> None:
    stub.files["/files/0.parquet"] = b"PAR1 but not really" * 1000
    with pytest.raises(IntegrityError, match="file 1 of team/vision/r1"):
        scan(stub, ["loss"])
