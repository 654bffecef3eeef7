from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from wbexport.data.make_demo import Recipe, recipes, train
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

CALM = Recipe("sgd", 0.5, 16, 200, dropout=0.0, weight_decay=0.0, seed=1)
WILD = Recipe("momentum", 5.0, 32, 100, dropout=0.0, weight_decay=0.0, seed=1)


def test_the_search_draws_the_same_recipes_every_time() -> None:
    assert recipes(12) == recipes(60)[:12]
    assert {recipe.optimizer for recipe in recipes(60)} == {"sgd", "momentum", "adam"}


def test_training_is_repeatable_and_learns() -> None:
    rows = list(train(CALM))
    assert rows == list(train(CALM))
    assert float(rows[-1]["val/accuracy"]) > 0.9
    assert [row["epoch"] for row in rows if "epoch" in row] == list(range(len(rows) // 2))


def test_a_rate_that_is_too_fast_ends_in_nan_and_stops_early() -> None:
    with np.errstate(all="ignore"):
        rows = list(train(WILD))
    assert math.isnan(float(rows[-1]["train/loss"]))
    assert len(rows) < 60 * 4


@pytest.mark.slow
def test_a_small_sample_can_be_made(tmp_path: Path) -> None:
    out = tmp_path / "demo.duckdb"
    command = [sys.executable, "-m", "wbexport.data.make_demo", "--runs", "2", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    with Store.open_reader(out) as store:
        found = store.cursor().execute("select count(*), min(status) from runs").fetchall()
    assert found == [(2, "complete")]
