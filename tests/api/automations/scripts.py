"""Scripts for the real SDK and for this client; each prints one JSON object."""

from __future__ import annotations

__all__ = ["CHANGE", "LAUNCH", "LOG"]

#: Fills a server: a project, a collection, a portfolio and a job.
LOG = """
import json, pathlib, wandb
from wandb.sdk.artifacts._internal_artifact import InternalArtifact

def artifact(name, type, file, text):
    path = pathlib.Path(file)
    path.write_text(text)
    made = (InternalArtifact if type == "job" else wandb.Artifact)(name, type)
    made.add_file(str(path))
    return made

JOB = {"_version": "v0", "source_type": "repo", "runtime": "3.11",
    "source": {"entrypoint": ["python", "train.py"], "git": {"remote": "r", "commit": "c"}},
    "input_types": {"wb_type": "typedDict", "params": {"type_map": {
        "lr": {"wb_type": "number"}, "name": {"wb_type": "union", "params": {"allowed_types": [
            {"wb_type": "none"}, {"wb_type": "string"}]}}}}},
    "output_types": {"wb_type": "unknown"}}

run = wandb.init(project="vision", id="train")
run.log({"loss": 1})
logged = run.log_artifact(artifact("model", "model", "weights.txt", "w"))
logged.wait()
run.link_artifact(logged, "local/vision/best")
run.log_artifact(artifact("job-train", "job", "wandb-job.json", json.dumps(JOB))).wait()
run.finish()
print("{}")
"""

#: What both clients do. `PACKAGE` is the one with W&B's interface.
CHANGE = """
import json
import {package} as package
from {package}.automations import *

api = package.Api()
seen = {{}}

def described(automation):
    event = automation.event.model_dump(mode="json")
    action = automation.action
    said = {{
        name: getattr(action, name, None)
        for name in ("title", "message", "severity", "request_payload", "no_op", "prompt")
    }}
    scope = automation.scope
    return {{
        "name": automation.name, "description": automation.description,
        "enabled": automation.enabled, "is new": automation.updated_at == automation.created_at,
        "scope": [str(scope.scope_type.value), scope.name, scope.id,
            getattr(scope, "is_registry", None), getattr(scope, "entity_type", None)],
        "event": [str(automation.event.event_type.value), json.loads(event["filter"])],
        "action": [str(action.action_type.value), said,
            getattr(action, "integration", None) and action.integration.id],
    }}

def attempt(name, call):
    try:
        seen[name] = call()
    except Exception as error:
        seen[name] = "error"

project = api.project("vision", "local")
model = api.artifact_collection("model", "local/vision/model")
best = api.artifact_collection("model", "local/vision/best")
team = api.team("local")
registry = api.create_registry("models", "organization", organization="local")
organization = api.organization("local")
slack = next(api.slack_integrations(entity="local"))
webhook = next(api.webhook_integrations(entity="local"))
seen["integrations"] = [each.id for each in api.integrations("local", per_page=1)]
seen["slack"] = [slack.id, slack.team_name, slack.channel_name]
seen["webhook"] = [webhook.id, webhook.name, webhook.url_endpoint]

notify = SendNotification.from_integration(slack, title="t", text="m", level="WARN")
call = SendWebhook.from_integration(webhook, payload={{"a": "${{run_id}}"}})
aria = SendPromptToAria(prompt="what happened?")
loss = RunEvent.metric("loss")
EVENTS = {{
    "threshold": OnRunMetric(scope=project, filter=loss.mean(5) > 10) >> notify,
    "change": OnRunMetric(scope=team, filter=loss.decreases_by(frac=0.5)) >> call,
    "zscore": OnRunMetric(scope=project, filter=abs(loss.zscore(9)) > 2.5) >> aria,
    "state": OnRunState(scope=project,
        filter=(RunEvent.state == "failed") & RunEvent.name.contains("x")) >> DoNothing(),
    "create": OnCreateArtifact(scope=model) >> DoNothing(),
    "link": OnLinkArtifact(scope=best, filter=ArtifactEvent.alias.eq("prod")) >> notify,
    "unlink": OnUnlinkArtifact(scope=team) >> call,
    "alias": OnAddArtifactAlias(scope=project,
        filter=ArtifactEvent.alias.matches_regex("^v") | ~(ArtifactEvent.tag == "a")) >> aria,
    "tag": OnAddArtifactTag(scope=model, filter=ArtifactEvent.tag.in_(["a", "b"])) >> DoNothing(),
    "untag": OnRemoveArtifactTag(scope=model) >> DoNothing(),
    "collection tag": OnAddCollectionTag(scope=project) >> DoNothing(),
    "collection untag": OnRemoveCollectionTag(scope=best) >> DoNothing(),
    "registry": OnLinkArtifact(scope=registry) >> DoNothing(),
    "organization": OnRunState(
        scope=organization, filter=RunEvent.state == "failed") >> DoNothing(),
}}
for name, new in EVENTS.items():
    seen["created " + name] = described(
        api.create_automation(new, name=name, description="about " + name)
    )
seen["named"] = described(api.create_automation(
    NewAutomation(name="named", event=EVENTS["state"].event, action=call, enabled=False)))

attempt("taken", lambda: api.create_automation(EVENTS["state"], name="state"))
attempt("taken but fetched", lambda: described(
    api.create_automation(EVENTS["zscore"], name="state", fetch_existing=True)))
attempt("no name", lambda: api.create_automation(EVENTS["state"]))
attempt("unknown part", lambda: api.create_automation(EVENTS["state"], name="n", colour="red"))
attempt("wrong scope of runs", lambda: OnRunState(scope=model, filter=RunEvent.state == "failed"))
attempt("wrong scope of artifacts", lambda: OnCreateArtifact(scope=project))
attempt("wrong integration", lambda: api.create_automation(
    OnCreateArtifact(scope=model) >> SendWebhook(integration_id=slack.id), name="n"))
attempt("no integration", lambda: api.create_automation(
    OnCreateArtifact(scope=model) >> SendWebhook(integration_id="bm8="), name="n"))
attempt("long prompt", lambda: SendPromptToAria(prompt="x" * 4001))
attempt("empty prompt", lambda: SendPromptToAria(prompt="  "))

seen["all"] = sorted(each.name for each in api.automations())
seen["of the entity"] = sorted(each.name for each in api.automations("local", per_page=3))
seen["of the organization"] = [described(each) for each in api.automations("local_org")]
seen["of a name"] = [described(each) for each in api.automations("local", name="link")]
seen["of no name"] = list(api.automations("local", name="nothing"))
attempt("of no entity", lambda: list(api.automations("nobody")))
seen["one"] = described(api.automation("threshold"))
seen["one of an entity"] = described(api.automation("change", entity="local"))
attempt("none", lambda: api.automation("nothing"))

changed = api.automation("threshold")
changed.enabled = False
changed.description = "changed"
seen["updated"] = described(api.update_automation(changed))
seen["updated by words"] = described(api.update_automation(
    api.automation("state"), name="renamed", enabled=False, action=notify))
seen["updated event"] = described(api.update_automation(
    api.automation("alias"), event=EVENTS["collection tag"].event, action=DoNothing()))
seen["updated scope"] = described(api.update_automation(api.automation("tag"), scope=best))
attempt("renamed to a taken name", lambda: api.update_automation(
    api.automation("tag"), name="collection untag"))
again = api.automation("named")
seen["deleted"] = api.delete_automation(again)
seen["deleted by id"] = api.delete_automation(api.automation("create").id)
attempt("deleted twice", lambda: api.delete_automation(again))
attempt("updated when gone", lambda: api.update_automation(again))
seen["left"] = sorted(each.name for each in api.automations("local"))

chart = ("local", "bars", "Bars", "vega2")
seen["chart"] = api.create_custom_chart(*chart, "private", {{"mark": "bar"}})
seen["chart from text"] = api.create_custom_chart(
    "local", "lines", "Lines", "vega2", "public", '{{"mark": "line"}}')
attempt("taken chart", lambda: api.create_custom_chart(*chart, "private", {{}}))
attempt("chart of nobody", lambda: api.create_custom_chart(
    "nobody", "b", "B", "vega2", "private", {{}}))
attempt("chart for some", lambda: api.create_custom_chart(*chart, "secret", {{}}))
print(json.dumps(seen))
"""

LAUNCH = """
import json, warnings
import {package} as package

warnings.simplefilter("ignore")
api = package.Api()
seen = {{}}

def attempt(name, call):
    try:
        seen[name] = call()
    except Exception:
        seen[name] = "error"

def described(queue):
    return [queue.name, queue.entity, queue.access, queue.prioritization_mode, queue.type,
        queue.default_resource_config, queue.template_variables, queue.external_links,
        len(queue.items), repr(queue)]

SIZE = {{"size": {{"schema": {{"type": "integer", "default": 2, "minimum": 1, "maximum": 8}}}}}}
api.create_run_queue("plain", "local-process", "local")
seen["plain"] = described(api.run_queue("local", "plain"))
api.create_run_queue("gpus", "kubernetes", prioritization_mode="v0",
    config={{"gpus": "{{{{size}}}}"}}, template_variables=SIZE)
seen["gpus"] = described(api.run_queue("local", "gpus"))
api.upsert_run_queue("cloud", {{"region": "eu"}}, "sagemaker", "local",
    external_links={{"docs": "https://example.com"}}, prioritization_mode="V0")
seen["upserted"] = described(api.run_queue("local", "cloud"))
seen["upserted again"] = described(api.upsert_run_queue("cloud", {{"region": "{{{{where}}}}"}},
    "kubernetes", template_variables={{"where": {{"schema": {{"type": "string"}}}}}}))
for name, call in {{
    "taken": lambda: api.create_run_queue("plain", "kubernetes"),
    "no name": lambda: api.create_run_queue("", "kubernetes"),
    "long name": lambda: api.create_run_queue("x" * 65, "kubernetes"),
    "unknown resource": lambda: api.create_run_queue("q", "abacus"),
    "unknown mode": lambda: api.create_run_queue("q", "kubernetes", prioritization_mode="V9"),
    "upsert without name": lambda: api.upsert_run_queue("", {{}}, "kubernetes"),
    "upsert of unknown mode": lambda: api.upsert_run_queue("q", {{}}, "kubernetes",
        prioritization_mode="V9"),
    "wrong template": lambda: api.create_run_queue("q", "kubernetes",
        template_variables={{"a": {{"schema": {{"type": "colour"}}}}}}),
    "no queue": lambda: api.run_queue("local", "nothing").id,
    "job without a name": lambda: api.job(None),
    "job of a wrong name": lambda: api.job("job-train"),
    "no job": lambda: api.job("local/vision/job-nothing:latest"),
    "jobs of nobody": lambda: api.list_jobs(None, "vision"),
    "jobs of no project": lambda: api.list_jobs("local", None),
}}.items():
    attempt(name, call)

job = api.job("local/vision/job-train:latest", path="job")
seen["job"] = job.name
jobs = api.list_jobs("local", "vision")
seen["jobs"] = [[edge["node"]["state"], edge["node"]["artifactSequence"]["name"],
    sorted(alias["alias"] for alias in edge["node"]["aliases"])] for edge in jobs[0]["edges"]]
seen["jobs of another project"] = api.list_jobs("local", "nothing")
def call(config, queue, **more):
    return job.call(config, project="vision", entity="local", queue=queue, **more)
queued = call({{"lr": 0.1, "name": "a"}}, "plain", resource="local-process")
seen["queued"] = [queued.state, queued.queue_name, queued.entity, queued.project,
    queued.priority, queued.project_queue]
call({{"lr": 1, "name": None}}, "gpus", template_variables={{"size": 4}}, priority=1)
call({{"lr": 2, "name": "b"}}, "gpus")
for name, call_it in {{
    "wrong config": lambda: call({{"lr": "high", "name": "a"}}, "plain"),
    "unknown config": lambda: call({{"lr": 1, "name": "a", "more": 1}}, "plain"),
    "no such queue": lambda: call({{"lr": 1, "name": "a"}}, "nothing"),
    "value out of bounds": lambda: call({{"lr": 1, "name": "a"}}, "gpus",
        template_variables={{"size": 9}}),
    "no such variable": lambda: call({{"lr": 1, "name": "a"}}, "gpus",
        template_variables={{"colour": 1}}),
    "priority without a mode": lambda: call({{"lr": 1, "name": "a"}}, "plain", priority=1),
}}.items():
    attempt(name, call_it)
again = api.queued_run("local", "vision", "plain", queued.id, "model-registry")
seen["opened"] = [again.id == queued.id, again.state]
items = api.run_queue("local", "gpus").items
seen["items"] = [[item.state, item.project] for item in items]
items[0].delete()
seen["item deleted"] = len(api.run_queue("local", "gpus").items)
attempt("state of a deleted item", lambda: items[0].state)
gone = api.run_queue("local", "cloud")
gone.delete()
attempt("deleted queue", lambda: api.run_queue("local", "cloud").id)
print(json.dumps(seen))
"""
