"""A program for the real SDK: fills a server with some of everything that its API reads.

It imports nothing of wbexport. Entity `local`, project `vision`; every proof of the API starts
from a copy of the store that this makes.
"""

from __future__ import annotations

import base64
import json
import math
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

__all__ = ["main"]

PROJECT = "vision"


def main() -> None:
    """Make everything, in the order in which a team would."""
    log_runs()
    log_artifacts()
    make_people()
    make_registries()
    run_sweeps()
    write_reports()
    make_queue()
    automate()


def log_runs() -> None:
    """Log runs that differ in config, tags, state, keys and files."""
    import wandb

    for number in (1, 2, 3):
        run = wandb.init(
            project=PROJECT,
            id=f"train-{number}",
            name=f"Train {number}",
            group="baseline" if number < 3 else "later",
            job_type="train",
            tags=["mlp", f"try-{number}"],
            notes=f"notes of {number}",
            config={"lr": number / 10, "model": {"name": "mlp", "layers": number}},
        )
        for step in range(30):
            row: dict[str, Any] = {"loss": number / (step + 1), "acc": step * number / 100}
            if number == 2 and step % 10 == 0:
                row |= {"odd": math.nan, "word": f"at {step}"}
            run.log(row)
        save_files(run)
        run.finish(exit_code=int(number == 3))
    for project in ("other", "third"):
        wandb.init(project=project, id="alone", config={"lr": 1}).finish()


def save_files(run: Any) -> None:
    """Save a text and some bytes with a run."""
    folder = Path(run.id)
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text(f"text of {run.id}\n", encoding="utf-8")
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    run.save(f"{folder}/*", policy="now", base_path=".")


def make_people() -> None:
    """Make a user, and a team of hers with a guest and an account for machines."""
    import wandb

    api = wandb.Api()
    api.create_user("ada@example.org")
    team = api.create_team("lab", "ada")
    team.invite("local")
    team.invite("guest@example.org", admin=True)
    team.create_service_account("nightly")


def run_sweeps() -> None:
    """Leave a sweep to wait and one without a metric, and run a grid to its end."""
    import wandb
    from wandb.agents import pyagent

    pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.05

    def train() -> None:
        with wandb.init() as run:
            run.log({"loss": abs(run.config.lr - 0.2), "acc": run.config.optimizer["momentum"]})

    one = {"lr": {"min": 0.0, "max": 1.0}}
    bayes = {"method": "bayes", "metric": {"name": "acc", "goal": "maximize"}, "run_cap": 5}
    wandb.sweep(bayes | {"parameters": one}, project="tuned")
    wandb.sweep({"method": "random", "parameters": one}, project="tuned")
    momentum = {"parameters": {"momentum": {"value": 0.9}}}
    grid = {
        "method": "grid",
        "name": "learning rates",
        "description": "a grid of three",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"lr": {"values": [0.1, 0.2, 0.3]}, "optimizer": momentum},
    }
    wandb.agent(wandb.sweep(grid, project="tuned"), train, project="tuned", count=3)


def write_reports() -> None:
    """Save reports in the older layout, the newer one, and a draft, as the reports package does."""
    import wandb

    runs = wandb.Api().runs("tuned", order="+summary_metrics.loss")
    key = {"section": "summary", "name": "loss"}
    below = {"key": key, "op": "<", "value": 0.15}
    finished = {"key": {"section": "run", "name": "state"}, "op": "=", "value": "finished"}
    rate = {"key": {"section": "config", "name": "lr.value"}, "op": "IN", "value": [0.1, 0.2]}
    run_set = {
        "sort": {"key": key, "ascending": True},
        "filters": {"op": "OR", "filters": [{"op": "AND", "filters": [below, finished, rate]}]},
        "selections": {"root": 0, "bounds": [], "tree": [run.id for run in runs][:1]},
    }
    group = {"name": "Panels", "openRunSet": 0, "runSets": [run_set]}
    grid = {"type": "panel-grid", "metadata": group, "children": [{"text": ""}]}
    older = {"panelGroups": [group]}
    newer = {
        "version": 5,
        "blocks": [{"type": "paragraph", "children": []}, grid],
        "width": "fluid",
    }
    _save_report("older", "What helped?  -- a summary", older, "runs")
    _save_report("newer", "What helped, again", newer, "runs")
    _save_report("empty", "", {"blocks": []}, "runs")
    _save_report("draft", "Not yet", {}, "runs/draft")


def _save_report(name: str, title: str, spec: dict[str, Any], kind: str) -> None:
    text = """mutation upsertView($name: String $displayName: String $type: String $spec: String!) {
        upsertView(input: {
            entityName: "local" projectName: "tuned" name: $name displayName: $displayName
            description: "a report" type: $type createdUsing: WANDB_SDK spec: $spec
        }) { view { id } inserted }
    }"""
    _send(text, {"name": name, "displayName": title, "type": kind, "spec": json.dumps(spec)})


def _send(text: str, fields: dict[str, Any]) -> None:
    """Send a mutation that the SDK has no call for."""
    key = base64.b64encode(f"api:{os.environ['WANDB_API_KEY']}".encode()).decode()
    request = urllib.request.Request(
        f"{os.environ['WANDB_BASE_URL']}/graphql",
        json.dumps({"query": text, "variables": fields}).encode(),
        {"Authorization": f"Basic {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert "errors" not in json.load(answer)


def log_artifacts() -> None:
    """Log two versions of a dataset, two of a model made from it, and a job."""
    import wandb
    from wandb.sdk.artifacts._internal_artifact import InternalArtifact

    metrics = wandb.Settings(x_disable_stats=False, x_stats_sampling_interval=0.2)
    with wandb.init(project=PROJECT, id="prepare", job_type="data", settings=metrics) as run:
        for number, alias in enumerate(("raw", "clean")):
            digits = wandb.Artifact(
                "digits", "dataset", description="digits", metadata={"rows": 10 + number}
            )
            add_text(digits, "train/images.csv", "a,b\n" * 10)
            add_text(digits, "labels.csv", f"version {number}\n")
            run.log_artifact(digits, aliases=[alias], tags=[["small", "text"][number]]).wait()
            scrap = wandb.Artifact("scrap", "dataset")
            add_text(scrap, "scrap.txt", f"scrap {number}\n")
            run.log_artifact(scrap).wait()
        links = wandb.Artifact("links", "dataset")
        links.add_reference("https://example.com/raw.zip", "raw.zip", checksum=False)
        run.log_artifact(links).wait()
        tables = wandb.Artifact("tables", "dataset")
        tables.add(wandb.Table(columns=["x", "y"], data=[[1, "a"], [2.5, None]]), "rows")
        run.log_artifact(tables).wait()
        time.sleep(0.7)
    with wandb.init(project=PROJECT, id="fit", job_type="fit") as run:
        run.use_artifact("digits:clean", use_as="training data")
        for number in (0, 1):
            net = wandb.Artifact("net", "model", metadata={"accuracy": 0.5 + number / 4})
            add_text(net, "weights.txt", f"weights {number}\n")
            run.log_artifact(net, aliases=["production"] if number == 0 else []).wait()
        job = InternalArtifact("job-fit", "job")
        source = {"entrypoint": ["python", "fit.py"], "notebook": False}
        types = {"wb_type": "typedDict", "params": {"type_map": {}}}
        about = {"source_type": "image", "source": source}
        about |= {"input_types": types, "output_types": types}
        add_text(job, "wandb-job.json", json.dumps(about))
        run.log_artifact(job).wait()


def add_text(artifact: Any, name: str, text: str) -> None:
    """Add a file with a text."""
    with artifact.new_file(name, encoding="utf-8") as file:
        file.write(text)


def make_registries() -> None:
    """Make two registries, and link a version into each."""
    import wandb

    api = wandb.Api()
    api.create_registry("models", "organization", organization="local", description="ours")
    api.create_registry("data", "organization", organization="local", artifact_types=["dataset"])
    net = api.artifact(f"local/{PROJECT}/net:v1")
    net.link("wandb-registry-models/nets", aliases=["best"])
    api.artifact(f"local/{PROJECT}/net:v0").link("wandb-registry-models/nets")
    api.artifact(f"local/{PROJECT}/digits:v0").link("wandb-registry-data/numbers")
    for collection in api.registry("models", "local").collections():
        collection.tags = ["reviewed"]
        collection.description = "nets that were looked at"
        collection.save()


def make_queue() -> None:
    """Make a queue of runs, with a run in it."""
    import wandb

    api = wandb.Api()
    api.create_run_queue("jobs", "local-process", entity="local", config={"cpus": 2})
    text = """mutation push($spec: JSONString!) {
        pushToRunQueueByName(input: {
            entityName: "local" projectName: "model-registry" queueName: "jobs" runSpec: $spec
        }) { runQueueItemId }
    }"""
    _send(text, {"spec": json.dumps({"job": f"local/{PROJECT}/job-fit:latest"})})


def automate() -> None:
    """Make automations of several kinds."""
    import wandb
    from wandb.automations import DoNothing, OnAddArtifactAlias, OnRunMetric, RunEvent, SendWebhook

    api = wandb.Api()
    text = """mutation hook($name: String!) {
        createGenericWebhookIntegration(input: {
            entityName: "local" name: $name urlEndpoint: "https://example.com/hook"
        }) { integration { id } }
    }"""
    _send(text, {"name": "hook"})
    net = api.artifact_collection("model", f"local/{PROJECT}/net")
    on_alias = OnAddArtifactAlias(scope=net)
    api.create_automation(on_alias >> DoNothing(), name="new alias", description="tell us")
    project = api.project(PROJECT, "local")
    on_metric = OnRunMetric(scope=project, filter=RunEvent.metric("loss").avg(5) < 0.1)
    hook = next(api.webhook_integrations("local"))
    call = SendWebhook.from_integration(hook, payload={"text": "low"})
    api.create_automation(on_metric >> call, name="low loss")
