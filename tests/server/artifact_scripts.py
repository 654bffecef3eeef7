"""Programs for the real SDK: artifacts logged, used, linked, edited, deleted, and read back."""

from __future__ import annotations

__all__ = ["COMMANDS", "EDIT", "LOG", "READ"]

_START = """
import datetime, http.server, json, os, pathlib, subprocess, sys, threading
import wandb

def folder(name, **texts):
    root = pathlib.Path(name)
    root.mkdir(exist_ok=True)
    for file, text in texts.items():
        (root / file).write_text(text)
    return root

def listed(root):
    found = [p for p in pathlib.Path(root).rglob("*") if p.is_file()]
    return {str(p.relative_to(root)): p.read_text() for p in sorted(found)}

def refusal(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""

LOG = (
    _START
    + """
data = folder("files", a="hello", b="world")

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def end_headers(self):
        self.send_header("ETag", '"tagged"')
        super().end_headers()

web = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), lambda *a: Quiet(*a, directory="files"))
threading.Thread(target=web.serve_forever, daemon=True).start()

said = {}
with wandb.init(project="art", id="writer") as run:
    first = wandb.Artifact("set", "dataset", description="about", metadata={"rows": 2, "odd": None})
    first.ttl = datetime.timedelta(days=2)
    first.add_dir("files")
    run.log_artifact(first, aliases=["best"], tags=["fresh"]).wait()
    said["first"] = [first.version, first.aliases, first.tags, first.size, first.file_count]

    same = wandb.Artifact("set", "dataset")
    same.add_dir("files")
    run.log_artifact(same, aliases=["twin"]).wait()
    said["same"] = [same.version, sorted(same.aliases), same.id == first.id]

    folder("files", c="more")
    second = wandb.Artifact("set", "dataset")
    second.add_dir("files")
    run.log_artifact(second, aliases=["best"]).wait()
    said["second"] = [second.version, sorted(second.aliases)]
    births = {path: entry.birth_artifact_id for path, entry in second.manifest.entries.items()}
    said["births"] = [births["a"] == first.id, births["c"] == second.id]

    draft = wandb.Api().artifact("art/set:v0").new_draft()
    draft.remove("b")
    draft.add_file("files/c", "deep/c")
    run.log_artifact(draft).wait()
    said["draft"] = sorted(draft.manifest.entries)

    part = wandb.Artifact("set", "dataset", incremental=True)
    part.add_file(folder("more", d="added") / "d")
    run.log_artifact(part).wait()
    whole = wandb.Api().artifact(f"art/set:{part.version}")
    entries = sorted(whole.manifest.entries)
    said["incremental"] = [part.version, entries, whole.digest == part.digest]

    refs = wandb.Artifact("refs", "dataset")
    refs.add_reference(f"http://127.0.0.1:{web.server_port}/a")
    refs.add_reference((data / "b").absolute().as_uri())
    refs.add(first.get("none") or wandb.Table(columns=["x"], data=[[1]]), "own")
    refs.add_reference(first.get_entry("a").ref_url(), name="other")
    run.log_artifact(refs).wait()
    root = refs.download(root="got-refs")
    refs.verify(root=root)
    said["refs"] = {
        path: [entry.digest, entry.size, entry.extra]
        for path, entry in refs.manifest.entries.items() if entry.ref}
    said["got refs"] = {name: text for name, text in listed(root).items() if "json" not in name}

    fast = wandb.Artifact("fast", "dataset", digest_algorithm="XXH128")
    fast.add_dir("files")
    run.log_artifact(fast).wait()
    fast.verify(root=fast.download(root="got-fast"))
    algorithms = {entry.extra["alg"] for entry in fast.manifest.entries.values()}
    said["fast"] = [fast.digest, sorted(algorithms), listed("got-fast")]

    pieces = [wandb.Artifact("spread", "dataset") for _ in range(3)]
    pieces[0].add_file("files/a")
    pieces[1].add_file("files/b")
    run.upsert_artifact(pieces[0], distributed_id="together")
    run.upsert_artifact(pieces[1], distributed_id="together")
    run.finish_artifact(pieces[2], distributed_id="together").wait()
    said["spread"] = sorted(wandb.Api().artifact("art/spread:latest").manifest.entries)

with wandb.init(project="art", id="user", config={"lr": 1}) as run:
    run.use_artifact("set:v0")
    run.use_artifact("set:best", use_as="train")
    model = wandb.Artifact("model", "model")
    model.add_file("files/b", "weights")
    run.log_artifact(model)
    run.log_code("files", include_fn=lambda path: True)
    run.log({"tab": wandb.Table(columns=["x", "y"], data=[[1, "one"], [2, "two"]])})
    linked = run.link_artifact(model, "shelf/models", aliases=["candidate"])
    said["linked"] = [linked.qualified_name, sorted(linked.aliases), linked.is_link]
    other = wandb.Artifact("set", "model")
    other.add_file("files/a")
    said["other type"] = refusal(lambda: run.log_artifact(other).wait())
    said["no such"] = refusal(lambda: run.use_artifact("nothing:v0"))
print(json.dumps(said))
"""
)

READ = (
    _START
    + """
api = wandb.Api()
said = {}
best = api.artifact("art/set:best")
said["best"] = [best.name, best.version, best.digest, best.type, best.state, best.qualified_name]
first = api.artifact("art/set:v0")
said["first"] = [
    first.description, first.metadata, first.tags, sorted(first.aliases),
    first.ttl.total_seconds(), first.history_step, first.is_link]
root = first.download(root="got")
first.verify(root=root)
said["got"] = listed(root)
(pathlib.Path(root) / "extra").write_text("not of it")
said["extra"] = refusal(lambda: first.verify(root=root))
said["files"] = [[f.name, f.size, f.digest] for f in best.files()]
said["count"] = len(best.files())
said["named"] = [f.name for f in best.files(names=["a"])]
said["lineage"] = [first.logged_by().id, [run.id for run in first.used_by()]]
user = api.run("art/user")
said["used"] = sorted(each.name for each in user.used_artifacts())
said["logged"] = sorted((each.name, each.type) for each in user.logged_artifacts())
table = next(each for each in user.logged_artifacts() if each.type == "run_table")
said["table"] = [table.name, table.get("tab").data, user.summary["tab"]["_type"]]
code = next(each for each in user.logged_artifacts() if each.type == "code")
said["code"] = sorted(code.manifest.entries)
candidate = api.artifact("shelf/models:candidate")
said["link"] = [candidate.is_link, candidate.source_qualified_name, sorted(candidate.aliases)]
said["links"] = [each.qualified_name for each in api.artifact("art/model:v0").linked_artifacts]
said["versions"] = [each.version for each in api.artifacts("dataset", "art/set")]
said["in order"] = [
    each.version for each in api.artifacts("dataset", "art/set", order="+created_at")]
said["of page"] = [each.name for each in api.artifacts("dataset", "art/set", per_page=2)]
said["tagged"] = [each.version for each in api.artifacts("dataset", "art/set", tags="fresh")]
said["types"] = sorted(each.name for each in api.artifact_types("art"))
sets = api.artifact_type("dataset", "art")
said["collections"] = sorted(each.name for each in sets.collections())
said["chosen"] = [
    each.name for each in sets.collections(filters={"name": {"$regex": "^s"}}, order="-name")]
said["exists"] = [
    api.artifact_exists("art/set:v0"), api.artifact_exists("art/set:v99"),
    api.artifact_collection_exists("art/set", "dataset"),
    api.artifact_collection_exists("art/none", "dataset")]
said["wrong type"] = refusal(lambda: api.artifact("art/set:v0", type="model"))
said["unknown"] = refusal(lambda: api.artifact("art/set:nobody"))
print(json.dumps(said))
"""
)

EDIT = (
    _START
    + """
api = lambda: wandb.Api()
said = {}
version = api().artifact("art/set:v0")
version.description = "edited"
version.metadata["rows"] = 3
version.aliases.append("best")
version.aliases.remove("twin")
version.tags = ["two words", "b"]
version.ttl = None
version.save()
version = api().artifact("art/set:v0")
said["edited"] = [
    version.description, version.metadata, sorted(version.aliases), sorted(version.tags),
    version.ttl]
said["moved"] = api().artifact("art/set:v1").aliases
version.ttl = wandb.ArtifactTTL.INHERIT
version.save()
version.aliases.append("v7")
said["bad alias"] = refusal(version.save)

again = api().run("art/writer").log_artifact(api().artifact("art/spread:v0"), aliases=["kept"])
again = api().artifact("art/spread:kept")
said["logged again"] = [again.version, sorted(again.aliases)]
api().run("art/writer").use_artifact(api().artifact("art/model:v0"))
said["used"] = [run.id for run in api().artifact("art/model:v0").used_by()]

link = api().artifact("art/model:v0").link("shelf/prod", aliases=["staging"])
said["link"] = [link.name, link.version, sorted(link.aliases)]
shelf = api().artifact_collection("model", "shelf/prod")
said["shelf"] = [shelf.is_sequence(), sorted(shelf.aliases)]
link.unlink()
said["unlinked"] = [each.qualified_name for each in api().artifact("art/model:v0").linked_artifacts]
shelf.delete()
said["no shelf"] = api().artifact_collection_exists("shelf/prod", "model")

sets = api().artifact_collection("dataset", "art/set")
sets.description = "all of it"
sets.tags = ["x", "y"]
sets.name = "renamed"
sets.save()
sets = api().artifact_collection("dataset", "art/renamed")
said["collection"] = [sets.description, sorted(sets.tags), sorted(sets.aliases), sets.is_sequence()]
sets.tags = ["y"]
sets.save()
said["tags"] = api().artifact_collection("dataset", "art/renamed").tags
sets.change_type("corpus")
said["moved type"] = [
    [each.type for each in api().artifacts("corpus", "art/renamed")],
    api().artifact_collection_exists("art/renamed", "dataset")]
taken = api().artifact_collection("corpus", "art/renamed")
taken.name = "refs"
said["taken"] = refusal(taken.save)

last = api().artifact("art/renamed:latest")
said["in use"] = refusal(last.delete)
last.delete(delete_aliases=True)
said["after"] = [api().artifact("art/renamed:latest").version, last.version]
said["gone"] = refusal(lambda: api().artifact(f"art/renamed:{last.version}"))
api().artifact_collection("dataset", "art/refs").delete()
said["left"] = sorted(each.name for each in api().artifact_type("dataset", "art").collections())

api().run("art/user").delete(delete_artifacts=True)
said["with run"] = [api().artifact_exists("art/model:v0"), api().artifact_exists("art/renamed:v0")]
said["used by"] = [run.id for run in api().artifact("art/renamed:v0").used_by()]
print(json.dumps(said))
"""
)

COMMANDS = (
    _START
    + """
folder("by-hand", a="hello", b="world")
said = {}
for name, words in {
    "put": ["put", "-n", "cli/files", "-t", "dataset", "-d", "by hand", "-a", "one", "by-hand"],
    "get": ["get", "cli/files:one", "--root", "fetched"],
    "ls": ["ls", "cli"],
}.items():
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "artifact", *words], capture_output=True, text=True,
        env=os.environ | {"WANDB_SILENT": "false"})
    said[name] = [done.returncode, done.stdout + done.stderr]
said["fetched"] = listed("fetched")
print(json.dumps(said))
"""
)
