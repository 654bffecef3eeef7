"""A store with runs that were logged row by row."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.schema import RUNS
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs, write_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.store.database import Store

#: run id → its rows. Runs differ in keys, lengths and types on purpose.
ROWS: dict[str, list[dict[str, Any]]] = {
    "a": [{"_step": step, "loss": step / 2, "acc": step} for step in range(40)],
    "b": [{"_step": 3 * step, "loss": step, "note": f"n{step}"} for step in range(7)],
    "c": [
        {"_step": 0, "img": {"w": 1, "k": "x"}},
        {"_step": 5},
        {"_step": 9, "loss": float("nan")},
    ],
    "d": [],
    "e": [
        {"_step": 2, "loss": "broken", "run_id": "mine"},
        {"_step": 4, "acc": None, "acc2": True},
    ],
}


def fill(
    store: Store, rows: dict[str, list[dict[str, Any]]], project: str = "vision"
) -> dict[str, int]:
    """Write runs into a store, one minute apart; give their numbers."""
    start = datetime(2026, 1, 1)
    headers = [
        {
            "storage_id": f"{project}-{name}",
            "run_id": name,
            "display_name": f"run {name}",
            "state": "finished",
            "tags": ["even"] if place % 2 == 0 else [],
            "created_at": start + timedelta(minutes=place),
            "config": json.dumps({"lr": place / 10, "opt": {"name": name}}),
            "wandb_config": json.dumps({"cli_version": "0.31.0"}),
            "summary": json.dumps({"loss": 10 - place}),
        }
        for place, name in enumerate(rows)
    ]
    with store.transaction() as cursor:
        number = upsert_project(cursor, ProjectRow("http://x", project, "team", project))
        table = pa.Table.from_pylist(headers, schema=RUNS)
        numbers = upsert_runs(cursor, number, table)
        pieces = [
            (numbers[f"{project}-{name}"], rows_to_long(logged), "replace")
            for name, logged in rows.items()
        ]
        write_history(cursor, pieces)
    return {name: numbers[f"{project}-{name}"] for name in rows}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with the runs of `ROWS`."""
    fill(store, ROWS)
    return store


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Shrink what a scan reads at once."""
    return lambda cells: monkeypatch.setattr("wbexport.views.history._CELLS_AT_ONCE", cells)
