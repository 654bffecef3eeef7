"""Long runs are written piece by piece, and read on after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.ingest.conftest import content
from tests.ingest.test_engine import folder_of
from tests.ingest.test_reconciliation import api_of
from wbexport.ingest import engine, reading
from wbexport.ingest.engine import ingest
from wbexport.store.check import check
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK_VALUES", 20)
    monkeypatch.setattr(reading, "PIECE_VALUES", 40)
    monkeypatch.setattr(engine, "PIECE_VALUES", 40)


@pytest.fixture
def whole(logged: Path) -> dict[str, Any]:
    with Store.in_memory() as store:
        ingest(folder_of(logged, "rich"), store)
        return content(store, "rich")


@pytest.mark.usefixtures("small_pieces")
def test_a_run_in_many_pieces_is_the_same_as_in_one(
    logged: Path, target: Store, whole: dict[str, Any]
) -> None:
    ingest(folder_of(logged, "rich"), target)
    assert content(target, "rich") == whole


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("commits", [1, 2])
def test_an_interrupted_ingest_goes_on_where_it_was(
    logged: Path,
    target: Store,
    whole: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    commits: int,
) -> None:
    left = [commits]

    def interrupted(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        original(*arguments)

    original = engine._write_extras
    monkeypatch.setattr(engine, "_write_extras", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest(folder_of(logged, "rich"), target)
    monkeypatch.setattr(engine, "_write_extras", original)
    assert 0 < content(target, "rich")["stored_rows"] < 27
    assert ingest(folder_of(logged, "rich"), target).actions == {"grew": 1}
    assert content(target, "rich") == whole
    assert list(check(target)) == []


def test_an_ingested_run_is_served_as_any_other(logged: Path, target: Store) -> None:
    ingest(logged, target)
    run = api_of(target).run("local/demo/rich")
    assert (run.name, run.state, run.config["lr"]) == ("a rich run", "finished", 0.1)
    assert run.summary["best"]["max"] == 0
    assert [row["loss"] for row in run.scan_history(keys=["loss"])] == [
        1 / (step + 1) for step in range(20)
    ]
    assert len(run.history(stream="system", pandas=False)) > 1
    assert "notes.txt" in {file.name for file in run.files()}
    assert run.metadata["host"]
    assert [each.name for each in run.logged_artifacts()][-1].startswith("data:")
