"""Scripts that use the real SDK in processes of their own; each prints one JSON object."""

from __future__ import annotations

__all__ = [
    "EDIT",
    "HANG",
    "LOG_EVERYTHING",
    "LOG_ONE",
    "LOG_SHARED",
    "LOG_SYSTEM",
    "READ_EVERYTHING",
    "READ_MANY",
    "READ_ROWS",
    "RESUME",
]

LOG_EVERYTHING = """
import json, math, sys, time
import numpy as np, wandb

run = wandb.init(
    project="demo", id="rich", name="a rich run", group="g", job_type="train", tags=["a", "b"],
    notes="some notes", config={"lr": 0.1, "nest": {"deep": [1, 2]}, "name": "é", "nan": math.nan},
    settings=wandb.Settings(console="wrap"),
)
print("hello from the run")
print("a second line")
wandb.define_metric("epoch")
wandb.define_metric("val/*", step_metric="epoch")
for step in range(20):
    row = {"loss": 1 / (step + 1), "step2": step * 2, "nest": {"a": step, "b": step / 2}}
    if step % 5 == 0:
        row |= {"val/acc": step / 20, "epoch": step // 5}
    wandb.log(row)
wandb.log({"odd": math.nan, "up": math.inf, "down": -math.inf, "flag": True, "word": "hi"})
wandb.log({"hist": wandb.Histogram(np.arange(100), num_bins=8)})
wandb.log({"table": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, "b"]])})
wandb.log({"html": wandb.Html("<b>hi</b>")})
wandb.log({"image": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8), caption="black")})
with open("notes.txt", "w") as file:
    file.write("saved text")
wandb.save("notes.txt", policy="now")
run.config.update({"added": 7})
run.summary["best"] = 0.25
run.alert(title="look", text="here")
started = time.time()
run.finish()
print(json.dumps({"seconds": time.time() - started, "entity": run.entity}), flush=True)
"""

LOG_ONE = """
import sys, wandb
run = wandb.init(project="many", id=sys.argv[1], config={"n": int(sys.argv[2])},
    settings=wandb.Settings(x_file_stream_no_gzip=False))
for step in range(50):
    wandb.log({"value": step * int(sys.argv[2]), "odd": float("nan") if step % 2 else step})
run.finish(exit_code=int(sys.argv[3]))
print("{}")
"""

LOG_SYSTEM = """
import json, time, wandb
settings = wandb.Settings(x_disable_stats=False, x_stats_sampling_interval=0.2)
run = wandb.init(project="demo", id="measured", settings=settings)
wandb.log({"loss": 1})
time.sleep(3)
run.finish()
rows = wandb.Api().run("demo/measured").history(stream="system", pandas=False)
print(json.dumps({"rows": rows}))
"""

LOG_SHARED = """
import sys, wandb
label, primary = sys.argv[1], sys.argv[2] == "primary"
settings = wandb.Settings(
    mode="shared", x_label=label, x_primary=primary, x_update_finish_state=primary
)
run = wandb.init(project="demo", id="together", settings=settings)
for number in range(40):
    wandb.log({"writer": label, "number": number})
run.finish()
"""

HANG = """
import time, wandb
settings = wandb.Settings(x_file_stream_transmit_interval=0.5)
run = wandb.init(project="demo", id="killed", config={"lr": 1}, settings=settings)
for step in range(5):
    wandb.log({"loss": step})
time.sleep(600)
"""

RESUME = """
import json, sys, wandb
run = wandb.init(project="demo", id=sys.argv[1], resume=sys.argv[2])
answer = {"resumed": run.resumed, "step": run.starting_step, "config": dict(run.config)}
for step in range(3):
    wandb.log({"loss": 100 + step})
run.finish()
print(json.dumps(answer))
"""

READ_EVERYTHING = """
import json, math, os, tempfile, wandb

def plain(value):
    return json.loads(json.dumps(value, default=dict))

api = wandb.Api()
runs = api.runs("demo")
run = api.run("demo/rich")
files = {file.name: file.size for file in run.files()}
downloads = {}
with tempfile.TemporaryDirectory() as folder:
    for file in run.files():
        with file.download(root=folder) as handle:
            downloads[file.name] = os.path.getsize(handle.name)
with tempfile.TemporaryDirectory() as folder:
    saved = run.file("notes.txt").download(root=folder).read()
history = run.history(pandas=False)
scan = list(run.scan_history())
print(json.dumps({
    "ids": sorted(r.id for r in runs),
    "total": len(runs),
    "filtered": [r.id for r in api.runs("demo", filters={"config.lr": {"$lt": 0.5}, "tags": "a"})],
    "ordered": [r.id for r in api.runs("demo", order="-summary_metrics.loss")],
    "state": run.state, "name": run.name, "group": run.group, "job_type": run.job_type,
    "tags": run.tags, "notes": run.notes, "user": run.user.username, "path": run.path,
    "config": plain(run.config),
    "summary": plain({k: v for k, v in run.summary.items()}),
    "history": history,
    "sampled": run.history(samples=5, keys=["loss"], pandas=False),
    "axis": run.history(samples=9, keys=["val/acc"], x_axis="epoch", pandas=False),
    "metrics": run.rawconfig["_wandb"]["m"],
    "pandas": list(run.history(keys=["val/acc", "epoch"]).columns),
    "scan": scan,
    "scan_keys": list(run.scan_history(keys=["loss", "_step"])),
    "last": run.lastHistoryStep,
    "files": files, "downloads": downloads, "saved": saved,
    "jsons": sorted(file.name for file in run.files(pattern="%.json")),
    "metadata": run.metadata["program"] if "program" in run.metadata else "none",
    "console": [line.content for line in run.console_logs()],
    "projects": [project.name for project in api.projects()],
    "viewer": api.viewer.username,
}))
"""

READ_MANY = """
import json, wandb
api = wandb.Api()
runs = [run for run in api.runs("many") if run.id.startswith("p")]
exports = api.run("many/p1").download_history_exports("exports")
print(json.dumps({
    "states": {run.id: run.state for run in runs},
    "values": {run.id: [row["value"] for row in run.scan_history(keys=["value"])] for run in runs},
    "files": len(exports.paths),
    "odd": [repr(row["odd"]) for row in runs[0].scan_history(keys=["odd"], max_step=4)],
    "whole": [repr(row["odd"]) for row in runs[0].scan_history(max_step=4)],
}))
"""

READ_ROWS = """
import json, sys, wandb
print(json.dumps({"rows": list(wandb.Api().run(sys.argv[1]).scan_history(use_cache=False))}))
"""

EDIT = """
import json, pathlib, sys, wandb
api = wandb.Api()
run = api.run(sys.argv[1])
run.tags = ["new"]
run.config["more"] = [1]
run.update()
run.summary.update({"score": 0.5})
pathlib.Path("mine.txt").write_text("mine")
uploaded = run.upload_file("mine.txt")
run = wandb.Api().run(sys.argv[1])
run.stop()
answer = {
    "tags": run.tags, "config": dict(run.config), "summary": run.summary["score"],
    "state": run.state, "uploaded": uploaded.name,
}
for file in run.files():
    file.delete()
answer["after"] = [file.name for file in wandb.Api().run(sys.argv[1]).files()]
run.delete()
try:
    wandb.Api().run(sys.argv[1])
    answer["gone"] = False
except ValueError as error:
    answer["gone"] = "not find" in str(error)
except wandb.errors.CommError as error:
    answer["gone"] = "not find" in str(error)
print(json.dumps(answer))
"""
