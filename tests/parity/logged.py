"""Programs for the real SDK: they log the runs that every reader must give back alike.

Each runs in a process of its own, all at once. The keys of `PROGRAMS` are the processes.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["PROGRAMS", "RUNS", "main"]

RUNS = ["rich", "odd", "empty", "even-1", "even-2", "sparse", "resumed", "crashed"]

Rows = Iterable[tuple[int, Mapping[str, Any]]]


def log(run_id: str, rows: Rows, exit_code: int = 0, **fields: Any) -> None:
    """Log a whole run."""
    import wandb

    run = wandb.init(project="parity", id=run_id, **fields)
    for step, row in rows:
        run.log(row, step=step)
    run.finish(exit_code=exit_code)


def log_rich() -> None:
    """Log media, custom axes, files, console lines, machine metrics, and later changes."""
    import numpy as np
    import wandb

    fast_stats = wandb.Settings(
        console="wrap", x_disable_stats=False, x_disable_machine_info=False,
        x_stats_sampling_interval=0.2,
    )  # fmt: skip
    run = wandb.init(
        project="parity",
        id="rich",
        name="A rich run é 😀",
        group="g",
        job_type="train",
        tags=["b", "a b", "é"],
        notes="first\nsecond",
        config={
            "lr": 0.1,
            "nest": {"deep": [1, 2.5, None], "of": {"it": True}},
            "a.b": 1,
            "é": "é",
        },
        settings=fast_stats,
    )
    print("hello from the run")
    print("a second line é")
    print("said to the error stream", file=sys.stderr)
    run.define_metric("epoch")
    run.define_metric("val/*", step_metric="epoch", summary="max")
    for step in range(30):
        row: dict[str, Any] = {"loss": 1 / (step + 1), "count": step, "nest": {"a": step, "b": 0.5}}
        if step % 5 == 0:
            row |= {"val/acc": step / 30, "epoch": step // 5}
        run.log(row)
    run.log({"hist": wandb.Histogram(np.arange(100), num_bins=8)})
    run.log({"table": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, None]])})
    run.log({"html": wandb.Html("<b>hi</b>")})
    if find_spec("PIL"):
        pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        run.log({"image": wandb.Image(pixels, caption="dark")})
    Path("kept/deep").mkdir(parents=True)
    Path("kept/notes é.txt").write_text("saved text\n", encoding="utf-8")
    Path("kept/deep/bytes.bin").write_bytes(bytes(range(256)) * 40)
    Path("kept/nothing").touch()
    run.save("kept/*", policy="now", base_path=".")
    run.save("kept/deep/*", policy="now", base_path=".")
    time.sleep(1.5)  # A few machine metrics.
    run.config.update({"added": 7, "lr": 0.2}, allow_val_change=True)
    run.summary["best"] = {"loss": 0.25, "by": "hand"}
    run.summary["odd"] = math.nan
    run.finish()


def log_odd() -> None:
    """Log values of every type, and keys that change type."""
    rows: list[dict[str, Any]] = [
        {"odd": math.nan, "up": math.inf, "down": -math.inf, "flag": True, "word": "hi"},
        {"odd": 2, "word": "NaN", "flag": False, "list": [1, "two", None, [3.5]]},
        {"none": None, "word": "", "odd": -0.0, "empty": {}, "nothing": []},
        {"big": 2**53, "bigger": 2**53 + 1, "huge": 10**30, "tiny": 5e-324, "large": 1e308},
        {"mixed": 1}, {"mixed": "one"}, {"mixed": True}, {"mixed": None}, {"mixed": {"a": [1]}},
        {"nest": {"deep": {"er": [math.nan, math.inf]}, "x.y": 1}, "a.b": 1, "a/b": 2, "é 😀": 3},
        {"whole": 3.0, "half": 0.5, "te\nxt": "line\nbreak \u2028 \"quoted\" \\"},
    ]  # fmt: skip
    config = {"lr": "text", "nan": math.nan, "none": None, "big": 2**53 + 1, "list": [1, [2]]}
    log("odd", enumerate(rows), exit_code=1, config=config)
    log("empty", [])


def log_even(number: int) -> None:
    """Log a run with the keys and types of its sisters."""
    rows = [
        (step, {"loss": number / (step + 1) + 0.25, "acc": step * number + 0.5})
        for step in range(40)
    ]
    log(f"even-{number}", rows, config={"lr": number / 8}, tags=["even"], group="g")


def log_sparse() -> None:
    """Log steps with gaps, and keys that most rows lack."""
    rows: list[tuple[int, dict[str, Any]]] = [(0, {"loss": 3.5}), (7, {"acc": 1})]
    rows += [(step, {"loss": step / 8, "late": step}) for step in range(2_500, 2_520)]
    rows += [(4_999, {"up": math.inf, "acc": math.nan}), (5_000, {"loss": -1, "word": "end"})]
    log("sparse", rows)


def log_resumed() -> None:
    """Log a run in two sessions."""
    log("resumed", [(step, {"loss": step + 0.5}) for step in range(4)], config={"lr": 1})
    rows = [(step, {"loss": step + 0.5, "again": "yes"}) for step in range(4, 8)]
    log("resumed", rows, resume="must", config={"more": [1]})


def log_crashed() -> None:
    """Log a run that dies without a word."""
    import wandb

    run = wandb.init(project="parity", id="crashed", config={"lr": 5})
    for step in range(5):
        run.log({"loss": step + 0.25})
    deadline = time.monotonic() + 60  # Rows are sent every 15 seconds.
    while wandb.Api().run("parity/crashed").lastHistoryStep < 4 and time.monotonic() < deadline:
        time.sleep(0.2)
    os._exit(0)


PROGRAMS: dict[str, tuple[Callable[[], None], ...]] = {
    "crashed": (log_crashed,),
    "rich": (log_rich,),
    "odd": (log_odd, lambda: log_even(1)),
    "sparse": (log_sparse, lambda: log_even(2)),
    "resumed": (log_resumed,),
}


def main() -> None:
    """Run the program that the first argument names."""
    for part in PROGRAMS[sys.argv[1]]:
        part()
