"""The real SDK and this client log the same artifacts, and each reads what the other logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]

#: Builds two versions, logs them to project `{project}`, and tells what the drafts were.
LOG = """
import json, pathlib, warnings
import {package} as wandb
warnings.simplefilter("ignore")

folder, here = pathlib.Path("files"), str(pathlib.Path.cwd())
made = {{"a.txt": b"hello", "sub/b.bin": bytes(range(256)) * 9, "sub/c": b""}}
for name, content in made.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
other = pathlib.Path("other.txt").absolute()
other.write_text("other")

def told(draft):
    return {{
        "name": draft.name, "type": draft.type, "digest": draft.digest, "size": draft.size,
        "metadata": draft.metadata, "description": draft.description, "draft": draft.is_draft(),
        "state": draft.state, "id": draft.id,
        "entries": sorted(
            [e.path, e.digest, e.size, e.ref and e.ref.replace(here, ""), e.extra]
            for e in draft.manifest.entries.values()
        ),
    }}

draft = wandb.Artifact("photos", "dataset", "cats", {{"n": 1, "pair": (1, 2), "nan": float("nan")}})
draft.add_dir(str(folder))
draft.add_dir(str(folder / "sub"), name="again")
draft.add_file(str(other), name="in/other.txt")
draft.add_file(str(other), name="in/other.tar.gz", is_tmp=True)
with draft.new_file("notes/n.md", encoding="utf-8") as file:
    file.write("é")
draft.add_reference(folder.absolute().as_uri(), name="refs")
draft.add_reference(other.as_uri(), name="ref.txt", checksum=False)
draft.add_reference("https://example.com/a/key.png", checksum=False)
draft.add_reference("odd://somewhere/thing.bin", name="thing")
draft.remove("again/c")
answer = {{"first": told(draft), "added": draft.get_added_local_path_name(str(other))}}

{log}
log(draft, ["best"], ["seen", "good one"])
answer["logged"] = [draft.name, draft.version, sorted(draft.aliases), sorted(draft.tags)]
second = draft.new_draft()
second.remove("again")
with second.new_file("new.txt") as file:
    file.write("new")
answer["second"] = told(second)
log(second, [], [])
same = wandb.Artifact("photos", "dataset")
for entry in ("a.txt",):
    same.add_file(str(folder / entry))
log(same, ["lone"], [])
again = wandb.Artifact("photos", "dataset")
again.add_file(str(folder / "a.txt"))
log(again, ["twice"], [])
answer["again"] = [same.version, again.version, sorted(again.aliases)]
end()
print(json.dumps(answer))
"""
THEIR_LOG = """
run = wandb.init(project="theirs", id="maker")
def log(draft, aliases, tags):
    run.log_artifact(draft, aliases=aliases, tags=tags).wait()
def end():
    run.finish()
    table = wandb.Table(
        columns=["id", "label", "score"], data=[[1, "cat", 0.5], [2, "dog", None], [3, "é", -1.0]]
    )
    tables = wandb.Artifact("tables", "table")
    tables.add(table, "eval/predictions")
    with wandb.init(project="theirs", id="other") as other:
        other.log_artifact(tables).wait()
"""
OUR_LOG = """
run = wandb.Api().create_run(run_id="maker", project="ours")
def log(draft, aliases, tags):
    assert run.log_artifact(draft, aliases=aliases, tags=tags) is draft
end = str
"""

#: Reads all of it back from project `{project}`.
READ = """
import json, pathlib, tempfile, warnings
import {package} as wandb
warnings.simplefilter("ignore")
api = wandb.Api()

FIELDS = '''name type version aliases tags description metadata digest size file_count state
    source_name is_link ttl history_step'''.split()

def told(version):
    return {{name: getattr(version, name) for name in FIELDS}} | {{
        "entries": sorted(
            [e.path, e.digest, e.size, e.extra, bool(e.birth_artifact_id), bool(e.ref)]
            for e in version.manifest.entries.values()
        ),
        "files": [[f.name, f.size, f.digest] for f in version.files()],
        "by": version.logged_by().id,
    }}

answer = {{
    "versions": [told(v) for v in api.artifacts("dataset", "{project}/photos")],
    "best": told(api.artifact("{project}/photos:best")),
    "collection": api.artifact_collection("dataset", "{project}/photos").aliases,
    "logged": sorted(v.name for v in api.run("{project}/maker").logged_artifacts()),
}}
lone = api.artifact("{project}/photos:lone")
with tempfile.TemporaryDirectory() as folder:
    lone.verify(lone.download(folder))
    answer["lone"] = pathlib.Path(folder, "a.txt").read_text()
best = api.artifact("{project}/photos:best")
with tempfile.TemporaryDirectory() as folder:
    for name in ("sub/b.bin", "notes/n.md", "in/other.txt"):
        best.get_entry(name).download(folder)
    answer["best files"] = sorted(
        [p.relative_to(folder).as_posix(), p.read_bytes().hex()]
        for p in pathlib.Path(folder).rglob("*") if p.is_file()
    )
print(json.dumps(answer, default=str))
"""

READ_TABLE = """
import json, warnings
import {package} as wandb
warnings.simplefilter("ignore")
version = wandb.Api().artifact("theirs/tables:latest")
table = version.get("eval/predictions")
print(json.dumps({{
    "columns": table.columns, "data": table.data, "none": version.get("nothing"),
    "column": table.get_column("label"), "same": version["eval/predictions"].data,
    "rows": [[number, list(row)] for number, row in table.iterrows()],
    "frame": table.get_dataframe().fillna(-9).to_dict("records"),
}}))
"""


@pytest.fixture(scope="module")
def drafts(log_run: LogRun) -> tuple[Answer, Answer]:
    theirs = log_run(LOG.format(package="wandb", log=THEIR_LOG, project="theirs"))
    ours = log_run(LOG.format(package="wbexport", log=OUR_LOG, project="ours"))
    return theirs, ours


def written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, indent=1)


def test_drafts_are_the_same(drafts: tuple[Answer, Answer]) -> None:
    theirs, ours = drafts
    assert len(ours["first"]["entries"]) == 13
    for part in theirs:
        assert (part, ours[part]) == (part, theirs[part])


def test_what_was_logged_is_the_same_whoever_reads_it(
    drafts: tuple[Answer, Answer], log_run: LogRun
) -> None:
    read = {
        (package, project): written(log_run(READ.format(package=package, project=project)))
        for package in ("wandb", "wbexport")
        for project in ("theirs", "ours")
    }
    first = read["wandb", "theirs"]
    assert json.loads(first)["lone"] == "hello"
    for answer in read.values():
        assert answer == first


def test_a_table_is_the_same_whoever_reads_it(
    drafts: tuple[Answer, Answer], log_run: LogRun
) -> None:
    theirs, ours = (log_run(READ_TABLE.format(package=p)) for p in ("wandb", "wbexport"))
    assert ours["data"][1] == [2, "dog", None]
    assert ours == theirs
