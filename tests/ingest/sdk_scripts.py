"""Programs that log with the real SDK, and one that uploads what it wrote offline."""

from __future__ import annotations

__all__ = ["CRASH", "LOG", "SYNC", "TWICE"]

#: Logs two runs: one of everything, one of metric definitions and console tricks.
LOG = """
import math, sys, time
import numpy as np, wandb

settings = dict(console="wrap", x_disable_stats=False, x_stats_sampling_interval=0.3)
run = wandb.init(
    project="demo", id="rich", name="a rich run", group="g", job_type="train", tags=["a", "b"],
    notes="some notes", config={"lr": 0.1, "nest": {"deep": [1, 2]}, "name": "é", "nan": math.nan},
    settings=wandb.Settings(**settings),
)
print("hello from the run")
print("an error", file=sys.stderr)
run.define_metric("epoch")
run.define_metric("val/*", step_metric="epoch")
run.define_metric("best", summary="max")
for step in range(20):
    row = {"loss": 1 / (step + 1), "nest": {"a": step, "b": {"c": step / 2}}, "dotted.key": step}
    if step % 5 == 0:
        row |= {"val/acc": step / 20, "epoch": step // 5, "best": -step}
    run.log(row)
run.log({"odd": math.nan, "up": math.inf, "down": -math.inf, "flag": True, "word": "hi",
         "big": 2**60, "huge": 2**70, "none": None, "whole": 2.0, "NaNs": "NaN", "é☃": "ü\\n"})
run.log({"hist": wandb.Histogram(np.arange(100), num_bins=8)})
run.log({"html": wandb.Html("<b>hi</b>")})
run.log({"image": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8), caption="black")})
run.log({"part": 1}, step=30, commit=False)
run.log({"part2": 1}, step=30)
run.log({"long": "w" * 100_000}, step=40)
with open("notes.txt", "w") as file:
    file.write("saved text")
run.save("notes.txt", policy="now")
run.config.update({"added": 7})
run.config.update({"nest": {"deep": 3}}, allow_val_change=True)
run.summary["best2"] = 0.25
run.summary["nested.x"] = 3
run.summary.update({"n": {"m": 4}, "gone": 1})
del run.summary["gone"]
run.alert(title="look", text="here")
for text in ("first", "second"):
    with open("data.txt", "w") as file:
        file.write(text)
    artifact = wandb.Artifact("data", type="dataset", metadata={"rows": 3}, description="some data")
    artifact.add_file("data.txt", name="deep/data.txt")
    artifact.add_reference("https://example.invalid/far.bin", checksum=False)
    run.log_artifact(artifact, aliases=[text, "both"], tags=["t"])
run.log({"table": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, "b"]])}, step=50)
time.sleep(1)
run.finish()

run = wandb.init(project="demo", id="second", settings=wandb.Settings(console="wrap"))
run.define_metric("a", step_metric="custom")
run.define_metric("custom", hidden=True)
run.define_metric("b", summary="min,mean")
run.define_metric("c", summary="none", step_metric="late")
run.define_metric("d/*", step_metric="custom", step_sync=False, summary="last,max")
run.define_metric("a", overwrite=False, hidden=True)
run.define_metric("f", step_metric="custom")
run.define_metric("f", overwrite=True)
for step in range(3):
    run.log({"a": step, "custom": step * 2, "b": step, "c": 1, "d/x": step})
print("\\x1b[31mred\\x1b[0m text")
for number in range(3):
    sys.stdout.write(f"\\rbar {number}")
sys.stdout.write("\\nup1\\nup2\\n\\x1b[A\\x1b[Areplaced\\n\\nlong line\\rshort\\n")
sys.stderr.write("err part ")
sys.stdout.write("out part\\n")
sys.stderr.write("rest\\n")
sys.stdout.write("\\n\\nafter blank\\nno newline at the end")
run.finish(exit_code=3)
"""

#: Logs one run in two processes' worth of folders.
TWICE = """
import time, wandb
for number in range(2):
    run = wandb.init(project="demo", id="twice", resume="allow", config={f"c{number}": number})
    for step in range(3 + number):
        run.log({"v": 100 * number + step, f"w{number}": step})
    run.finish()
    time.sleep(1.1)
"""

#: Ends without a word after some rows have reached the file, or is killed.
CRASH = """
import os, sys, time, wandb
run = wandb.init(project="demo", id=sys.argv[1])
for step in range(200):
    run.log({"loss": step, "text": "x" * 500})
time.sleep(1)
print("{}", flush=True)
if sys.argv[1] == "exited":
    os._exit(0)
from pathlib import Path
for listing in Path("/proc/self/task").glob("*/children"):
    for child in map(int, listing.read_text().split()):
        os.kill(child, 9)
os.kill(os.getpid(), 9)
"""

#: `wandb sync`, of every folder that it is given.
SYNC = """
import sys
from wandb.cli.cli import cli
cli.main(["sync", *sys.argv[1:]], standalone_mode=False)
"""
