"""A run that SDK 0.16.6 logged offline, kept here as it wrote it (host set to `host`)."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.archive import Archive
from wbexport.ingest.engine import ingest

if TYPE_CHECKING:
    from wbexport.store.database import Store

OLD = Path(__file__).parent / "old"


def test_a_run_of_an_old_sdk_is_read(target: Store) -> None:
    assert ingest(OLD, target).status == "ok"
    run = Archive(target).run("local/demo/old")
    assert (run.name, run.state, run.group, run.tags) == ("old run", "failed", "g", ["t"])
    assert run.config == {"lr": 0.1, "deep": {"a": [1]}, "more": 1}
    rows = list(run.scan_history())
    assert [row["_step"] for row in rows] == list(range(7))
    assert [row["loss"] for row in rows[:5]] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert rows[4]["nest"] == {"a": 4}
    assert (math.isnan(rows[5]["nan"]), rows[5]["inf"], rows[5]["flag"]) == (True, math.inf, True)
    assert rows[6]["h"]["values"] == [1, 2]
    assert (run.summary["best"]["max"], run.summary["z"]) == (0, 3)
    own = run.rawconfig["_wandb"]
    assert (own["cli_version"], own["t"]["13"]) == ("0.16.6", "linux-x86_64")
    assert {"2": "val/*", "5": 1, "6": [1], "7": []} in own["m"]
    lines = target.cursor().execute("select level, line from console order by number").fetchall()
    assert lines == [(None, "hello"), (None, "second"), ("error", "oops")]


def test_a_crash_of_an_old_sdk_leaves_no_summary_so_the_last_values_are_taken(
    target: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "offline-run-1-old"
    shutil.copytree(next(OLD.glob("offline-run-*")), folder)
    file = folder / "run-old.wandb"
    data = file.read_bytes()
    file.write_bytes(data[: data.index(b"histogram")])
    report = ingest(folder, target)
    assert list(report.cut) == ["local/demo/old"]
    run = Archive(target).run("local/demo/old")
    assert (run.summary["loss"], run.summary["s"], run.summary["_step"]) == (0.2, "text", 5)
