"""Histories asked for by key: few requests when the answer is whole, the files when it is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.stub import HistoryStub, Stub, StubError, connection, run_answer, run_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.api.client import Api

    Connect = Callable[[Stub], Api]

STEPS = 40
RUNS = 60


class KeysStub(Stub):
    """Runs of one length with four keys, `extra` of which only even runs have."""

    def __init__(self) -> None:
        super().__init__()
        self.most_samples = 1_000_000
        self.added: dict[str, list[dict[str, Any]]] = {}
        self.operations = {
            "RunsKeys": lambda v: self._list(v),
            "RunSampledHistory": self._sample,
            "RunHistorySource": lambda v: self._history(v, "RunHistorySource"),
            "RunHistoryPage": lambda v: self._history(v, "RunHistoryPage"),
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        number = int(name.removeprefix("run-"))
        rows = [
            {"_step": 3 * n, "loss": n / 2 + number, "acc": n, "lr": 0.1, "b": 1.5}
            for n in range(STEPS)
        ]
        if number % 2 == 0:
            rows[7]["extra"] = "x"
        return rows + self.added.get(name, [])

    def keys(self, name: str) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for row in self.rows(name):
            for key in row.keys() - {"_step"}:
                counts[key] = counts.get(key, 0) + 1
        return {
            "keys": {
                key: {
                    "typeCounts": [
                        {"type": "string" if key == "extra" else "number", "count": count}
                    ]
                }
                for key, count in counts.items()
            },
            "lastStep": self.rows(name)[-1]["_step"],
        }

    def _list(self, v: dict[str, Any]) -> dict[str, Any]:
        nodes = [
            run_node(n, historyKeys=self.keys(f"run-{n}"), historyLineCount=STEPS)
            for n in range(RUNS)
        ]
        return {"project": {"id": "p", "runCount": RUNS, "runs": connection(nodes, v)}}

    def _sample(self, v: dict[str, Any]) -> dict[str, Any]:
        answers = []
        for spec in map(json.loads, v["specs"]):
            rows = [row for row in self.rows(v["name"]) if set(spec["keys"]) <= set(row)]
            rows = [{key: row[key] for key in spec["keys"]} for row in rows]
            answers.append(rows[: min(spec["samples"], self.most_samples)])
        return run_answer(historyKeys=self.keys(v["name"]), sampledHistory=answers)

    def _history(self, v: dict[str, Any], operation: str) -> dict[str, Any]:
        rows = self.rows(v["name"])
        stub = HistoryStub([], rows, line_count=len(rows), last_step=rows[-1]["_step"]).stub()
        answer: dict[str, Any] = stub.operations[operation](v)
        return answer


@pytest.fixture
def stub() -> KeysStub:
    return KeysStub()


def scan(stub: KeysStub, connect: Connect, **options: Any) -> list[tuple[Any, ...]]:
    frame = connect(stub).runs("team/vision").scan_histories(**options).collect()
    rows: list[tuple[Any, ...]] = frame.rows()
    return rows


def wanted(stub: KeysStub, key: str) -> list[tuple[Any, ...]]:
    names = [f"run-{n}" for n in range(RUNS)]
    return [(n, row["_step"], row[key]) for n in names for row in stub.rows(n) if key in row]


def test_one_key_of_many_runs_takes_few_requests(stub: KeysStub, connect: Connect) -> None:
    assert scan(stub, connect, keys=["loss"]) == wanted(stub, "loss")
    assert [name for name, _ in stub.asked] == ["RunsKeys"] + 2 * ["RunSampledHistory"]


def test_runs_are_split_among_requests_by_their_size(
    stub: KeysStub, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wbexport.api.scan_histories._VALUES_PER_REQUEST", 10 * STEPS)
    assert scan(stub, connect, keys=["loss"]) == wanted(stub, "loss")
    assert stub.count("RunSampledHistory") == RUNS / 10


def test_a_thinned_answer_is_never_taken_for_the_whole(stub: KeysStub, connect: Connect) -> None:
    stub.most_samples = STEPS - 1
    assert scan(stub, connect, keys=["loss"]) == wanted(stub, "loss")
    assert stub.count("RunHistoryPage") == RUNS
    # The sources of all of them come in as few requests as the samples did.
    assert stub.count("RunHistorySource") == 2


def test_a_key_that_some_runs_lack_has_no_rows_of_them(stub: KeysStub, connect: Connect) -> None:
    rows = scan(stub, connect, keys=["extra"])
    assert rows == wanted(stub, "extra")
    assert len(rows) == RUNS / 2
    assert stub.count("RunHistorySource") == 0


def test_rows_logged_since_the_frame_was_made_are_read(stub: KeysStub, connect: Connect) -> None:
    lazy = connect(stub).runs("team/vision").scan_histories(keys=["loss"])
    stub.added["run-3"] = [{"_step": 999, "loss": 7.0}]
    assert ("run-3", 999, 7.0) in lazy.collect().rows()
    assert stub.count("RunHistorySource") == 0


def test_steps_outside_the_range_are_left_out(stub: KeysStub, connect: Connect) -> None:
    rows = scan(stub, connect, keys=["loss"], min_step=10, max_step=31)
    assert rows == [row for row in wanted(stub, "loss") if 10 <= row[1] < 31]
    assert scan(stub, connect, keys=["loss"], min_step=50, max_step=9) == []


def test_most_of_the_keys_are_read_from_the_files(stub: KeysStub, connect: Connect) -> None:
    rows = scan(stub, connect, keys=["loss", "acc", "lr"])
    assert len(rows) == RUNS * STEPS
    assert stub.count("RunSampledHistory") == 0


@pytest.mark.parametrize("spoil", ["unsorted", "refused", "not rows", "other key"])
def test_an_answer_that_cannot_be_trusted_sends_to_the_files(
    stub: KeysStub, connect: Connect, spoil: str
) -> None:
    honest = stub.operations["RunSampledHistory"]

    def spoiled(v: dict[str, Any]) -> Any:
        if spoil == "refused":
            raise StubError("too complex")
        answer = honest(v)
        rows = answer["project"]["run"]["sampledHistory"][0]
        if spoil == "unsorted":
            rows.reverse()
        elif spoil == "not rows":
            rows[0] = None
        else:
            rows[0] = {"_step": 0, "l": 1}
        return answer

    stub.operations["RunSampledHistory"] = spoiled
    assert scan(stub, connect, keys=["loss"]) == wanted(stub, "loss")


@pytest.mark.parametrize("keys", [["nest.a"], ["nest.a", "loss"]])
def test_members_of_objects_are_read_when_the_server_does_not_name_them(
    stub: KeysStub, connect: Connect, keys: list[str]
) -> None:
    stub.added["run-3"] = [{"_step": 999, "nest": {"a": 5, "b": 6}}, {"_step": 1000, "nest": {}}]
    listed = stub.keys

    def dotted(name: str) -> dict[str, Any]:
        known = listed(name)
        if known["keys"].pop("nest", None):
            number = {"typeCounts": [{"type": "number", "count": 1}]}
            known["keys"] |= {"nest.a": number, "nest.b": number}
        return known

    stub.keys = dotted  # type: ignore[method-assign]
    rows = scan(stub, connect, keys=keys)
    assert [row for row in rows if row[2] is not None] == [
        ("run-3", 999, 5.0, *([None] * (len(keys) - 1)))
    ]
    assert len(rows) == 1 + (RUNS * STEPS if len(keys) == 2 else 0)
