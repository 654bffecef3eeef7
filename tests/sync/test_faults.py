"""Whatever the server answers, the archive never shrinks and never lies."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from wbexport.errors import IntegrityError, WbexportError
from wbexport.sync import commit, fetch

from .truth import digest_of
from .wire import operation_of, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import World


def reply(content: bytes, status: int = 200, **headers: str) -> httpx.Response:
    length = {"content-length": str(len(content))}
    headers = {"content-type": "application/json"} | length | headers
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def answer(body: Any, status: int = 200, **headers: str) -> Callable[..., httpx.Response]:
    return lambda request, wire: reply(json.dumps(body).encode(), status, **headers)


def cut(request: httpx.Request, wire: Any) -> httpx.Response:
    """The server's answer without its last bytes, and a length that hides it."""
    whole = wire.inner.handle_request(request)
    kept = {
        name: whole.headers[name]
        for name in ("Content-Type", "Content-Encoding")
        if name in whole.headers
    }
    return reply(b"".join(whole.stream)[:-7], whole.status_code, **kept)


def reset(request: httpx.Request, wire: Any) -> httpx.Response:
    raise httpx.ReadError("connection reset", request=request)


def with_errors(request: httpx.Request, wire: Any) -> httpx.Response:
    """A partial answer: errors beside data that lacks something."""
    if request.url.path != "/graphql":
        return reset(request, wire)
    body = {"data": {"project": None}, "errors": [{"message": "internal error"}]}
    return reply(json.dumps(body).encode())


FAULTS = {
    "429": answer({}, 429, **{"Retry-After": "0"}),
    "500": answer({}, 500),
    "503": answer({}, 503),
    "cut": cut,
    "reset": reset,
    "errors": with_errors,
    "null project": answer({"data": {"project": None}}),
    "null data": answer({"data": None}),
    "html": lambda request, wire: reply(b"<title>login</title>", **{"content-type": "text/html"}),
}


def sometimes(fault: Any, share: float, seed: int) -> Any:
    dice = random.Random(seed)
    return lambda request, wire: fault(request, wire) if dice.random() < share else None


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_never_makes_the_archive_smaller_and_the_next_sync_completes_it(
    world: World, name: str
):
    runs = world.truth.new_many([world.truth.rows(20)] * 6)
    world.sync()
    before = digest_of(world.archive)
    world.truth.new_many([world.truth.rows(20)] * 3)
    world.truth.edit(runs[0], notes="edited")
    for seed in range(3):
        world.wire.fault = sometimes(FAULTS[name], 0.4, seed)
        with contextlib.suppress(WbexportError):
            world.sync(jobs=2)
        assert before.items() <= digest_of(world.archive).items()
    world.wire.fault = None
    assert world.sync().status == "ok"
    world.assert_equal()


@pytest.mark.parametrize("listed", [[], None])
def test_an_empty_listing_is_not_taken_for_deleted_runs(world: World, listed: Any):
    world.truth.new_many([world.truth.rows(3)] * 4)
    world.sync()
    before = digest_of(world.archive)
    page = {"edges": listed, "pageInfo": {"hasNextPage": False, "endCursor": None}}
    project = {"id": "id-p", "internalId": "i-p", "runCount": 0, "runs": page}
    world.wire.fault = answer({"data": {"project": project}})
    with pytest.raises(WbexportError):
        world.sync()
    assert digest_of(world.archive) == before


def with_one_run_more(request: httpx.Request, wire: Any) -> httpx.Response:
    """The server's answer, whose count promises a run that no page holds."""
    whole = wire.inner.handle_request(request)
    body = json.loads(b"".join(whole.stream))
    if project := body["data"].get("project"):
        project["runCount"] = project.get("runCount", 0) + 1
    return reply(json.dumps(body).encode())


def test_a_listing_that_never_settles_is_told(world: World):
    world.truth.new_many([world.truth.rows(3)] * 4)
    world.wire.fault = with_one_run_more
    for _ in range(2):
        report = world.sync()
        assert (report.status, report.runs) == ("partial", 4)
        assert "did not settle" in report.incomplete["e/p"]
    world.wire.fault = None
    assert world.sync().status == "ok"
    world.assert_equal()


def poison(run_id: str, fault: Any) -> Any:
    """Faults that hit one run only, also in a request for many."""

    def hit(request: Any, wire: Any) -> Any:
        named = run_id in variables_of(request).values()
        return fault(request, wire) if named else None

    return hit


@pytest.mark.parametrize("name", ["errors", "null project", "null data"])
def test_one_bad_run_does_not_stop_the_others(world: World, name: str):
    runs = world.truth.new_many([world.truth.rows(5)] * 9)
    world.wire.fault = poison("r0004", FAULTS[name])
    report = world.sync()
    assert report.status == "partial"
    assert list(report.failures) == ["e/p/r0004"]
    assert world.statuses() == dict.fromkeys(runs, "complete") | {runs[3]: "loading"}
    world.wire.fault = None
    assert world.sync().actions == {"unchanged": 8, "resume": 1}
    world.assert_equal()
    query = "select count(*) from stored.quarantine"
    assert world.archive.cursor().execute(query).fetchall() == [(0,)]


def test_a_server_that_is_down_is_not_asked_for_every_run(world: World):
    world.truth.new_many([world.truth.rows(2)] * 40)
    world.sync(include=())

    def down(request: Any, wire: Any) -> Any:
        if operation_of(request) != "RunHeaders":
            raise httpx.ConnectError("refused", request=request)

    world.wire.fault = down
    with pytest.raises(WbexportError):
        world.sync(jobs=8)
    world.wire.fault = None
    assert world.sync().status == "ok"
    world.assert_equal()


def test_a_long_run_goes_on_after_its_last_committed_piece(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetch, "PIECE_VALUES", 50)
    monkeypatch.setattr(commit, "BATCH_RUNS", 1)
    run = world.truth.new(world.truth.rows(4000), state="running")
    seen = []

    def break_off(request: Any, wire: Any) -> Any:
        if operation_of(request) == "RunHistoryPage":
            seen.append(request)
            if len(seen) > 1:
                raise IntegrityError("broken off")

    world.wire.fault = break_off
    assert world.sync().status == "partial"
    assert world.statuses() == {run: "loading"}
    world.wire.fault = None
    report = world.sync()
    assert report.actions == {"resume": 1}
    assert 0 < report.rows < 4000
    world.assert_equal()
