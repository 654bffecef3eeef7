"""Scripts for the real SDK, in processes of its own; each prints one JSON object."""

from __future__ import annotations

__all__ = ["LOG", "READ"]

LOG = """
import math, pathlib, wandb

def log(id, rows, exit_code=0, **fields):
    run = wandb.init(project="diff", id=id, **fields)
    for step, row in rows:
        run.log(row, step=step)
    if id == "dense":
        pathlib.Path("notes.txt").write_text("saved text")
        run.save("notes.txt", policy="now")
        run.summary["best"] = {"loss": 0.25, "by": "hand"}
    run.finish(exit_code=exit_code)

log("dense", [(s, {"loss": 1 / (s + 1), "acc": s}) for s in range(120)], name="Dense one",
    group="g", job_type="train", tags=["a", "b"], notes="some notes",
    config={"lr": 0.1, "nest": {"deep": [1, 2]}, "name": "é"})
log("plain", [(s, {"loss": 2 / (s + 1), "acc": s * 2}) for s in range(40)], tags=["b"],
    config={"lr": 0.01})
odd = [(0, {"loss": math.nan, "word": "hi"}), (7, {"up": math.inf, "flag": True}),
       (9, {"nest": {"a": 1, "b": 0.5}}), (1000, {"loss": 3, "a/b.c": -0.5})]
log("odd", odd, config={"lr": "text", "nan": math.nan}, exit_code=1)
log("empty", [])
print("{}")
"""

#: Runs against any client with W&B's interface: `API` is the line that makes `api`.
READ = """
import json, math, pathlib, tempfile, warnings
{api}
warnings.simplefilter("ignore")

def plain(value):
    return json.loads(json.dumps(value, default=dict))

def frame(found):
    rows = found.to_dict("records")
    return {{
        "columns": list(found.columns),
        "types": {{name: str(kind) for name, kind in found.dtypes.items()}},
        "rows": rows,
    }}

FIELDS = '''id storage_id name state entity project path url tags notes group job_type commit
    read_only created_at heartbeat_at display_name description sweep_name history_line_count
    lastHistoryStep config rawconfig summary_metrics system_metrics'''.split()

def describe(run):
    answer = {{name: getattr(run, name) for name in FIELDS}}
    answer["user"] = [run.user.name, run.user.username]
    answer["summary"] = {{key: plain(value) for key, value in run.summary.items()}}
    answer["best"] = plain(run.summary.get("best"))
    answer["full"] = run.history(pandas=False)
    answer["sampled"] = run.history(samples=10, pandas=False)
    answer["scan"] = list(run.scan_history())
    answer["part"] = list(run.scan_history(min_step=5, max_step=60, page_size=7))
    answer["keys"] = list(run.scan_history(keys=["loss"])) if run.id in ("dense", "plain") else []
    return plain(answer)

runs = api.runs("diff", per_page=3)
answer = {{
    "length": [len(runs), runs.more, len(runs[:2]), runs[3].id, repr(runs)],
    "runs": {{run.id: describe(run) for run in runs}},
    "alone": describe(api.run("local/diff/dense")),
    "path": describe(api.from_path("local/diff/runs/plain")),
}}
for name, filters in {{
    "state": {{"state": "finished"}}, "tags": {{"tags": "b"}},
    "lr": {{"config.lr": {{"$lt": 0.05}}}},
    "or": {{"$or": [{{"displayName": "Dense one"}}, {{"config.lr.value": 0.01}}]}},
    "regex": {{"display_name": {{"$regex": "^Dense.*"}}}}, "none": {{"config.lr": 99}},
}}.items():
    answer["where " + name] = [run.id for run in api.runs("diff", filters=filters)]
for order in ("+created_at", "-created_at", "-summary_metrics.loss", "+config.lr.value"):
    answer["order " + order] = [run.id for run in api.runs("diff", order=order)]

both = api.runs("diff", filters={{"state": "finished", "tags": "b"}})
dense = both[0]
answer["frame"] = frame(dense.history(samples=15))
answer["frame of keys"] = frame(dense.history(samples=15, keys=["loss", "acc"]))
answer["histories"] = both.histories(samples=15, keys=["loss"])
answer["all histories"] = frame(api.runs("diff").histories(samples=20, format="pandas"))
polars = both.histories(samples=15, keys=["loss", "acc"], format="polars")
answer["polars"] = [polars.columns, [str(t) for t in polars.dtypes], polars.rows()]

FILE_FIELDS = "id name size sizeBytes mimetype md5 updated_at".split()
files = dense.files()
answer["files"] = [
    {{name: getattr(file, name) for name in FILE_FIELDS}}
    for file in files
]
answer["file count"] = len(files)
answer["some files"] = [file.name for file in dense.files(pattern="%.json")]
answer["named files"] = [file.name for file in dense.files(names=["notes.txt"])]
with tempfile.TemporaryDirectory() as folder:
    with dense.file("notes.txt").download(root=folder) as handle:
        answer["saved"] = [handle.read(), str(pathlib.Path(handle.name).relative_to(folder))]
answer["metadata"] = dense.metadata
projects = api.projects()
answer["projects"] = [[p.name, p.entity, p.path, p.url, p.id, p.created_at] for p in projects]
answer["project"] = [api.project("diff").id, projects.length, repr(api.project("diff"))]
viewer = api.viewer
answer["viewer"] = [viewer.username, viewer.email, viewer.entity, viewer.teams, api.default_entity]
print(json.dumps(answer, default=str))
"""
