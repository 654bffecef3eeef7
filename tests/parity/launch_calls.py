"""Calls of jobs and of queues of runs."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ERRORS", "LISTINGS", "OBJECTS", "READS", "UNEVEN", "WRITES"]

OBJECTS = {"queue": "fresh().run_queue('local', 'jobs')"}
ATTRIBUTES = {
    "RunQueue": (
        "queue",
        "access default_resource_config entity id name prioritization_mode template_variables type",
    ),
}
LISTINGS: dict[str, str] = {}
READS: dict[str, tuple[str, ...]] = {
    "Api.job": ("api.job('local/vision/job-fit:latest', folder).name",),
    "Api.list_jobs": ("api.list_jobs('local', 'vision')", "api.list_jobs('local', 'other')"),
    "Api.run_queue": (
        "api.run_queue('local', 'jobs')",
        "api.run_queue(entity='local', name='jobs').type",
    ),
    "RunQueue.items": ("[[each.id, each.state, each.queue_name] for each in queue.items]",),
    "Api.queued_run": (
        "them = queue.items[0].id;"
        " api.queued_run('local', 'vision', 'jobs', them, 'model-registry').state",
        "api.queued_run('local', 'vision', 'jobs', 'an id').id",
        "vars_of(api.queued_run(entity='local', project='vision', queue_name='jobs',"
        " run_queue_item_id='x', project_queue='model-registry', priority=1),"
        " 'entity project queue_name id')",
    ),
}
UNEVEN = {"RunQueue.external_links": ("queue.external_links", "None")}
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.create_run_queue": (
        "api.create_run_queue('', 'kubernetes', entity='local')",
        "api.create_run_queue('x' * 65, 'kubernetes', entity='local')",
        "api.create_run_queue('q', 'nothing', entity='local')",
        "api.create_run_queue('q', 'kubernetes', entity='local', prioritization_mode='V9')",
    ),
    "Api.upsert_run_queue": (
        "api.upsert_run_queue('', {}, 'kubernetes', entity='local')",
        "api.upsert_run_queue('q', {}, 'nothing', entity='local')",
    ),
    "Api.job": ("api.job('local/vision/job-nope:v0')", "api.job(None)"),
}
WRITES: dict[str, tuple[str, ...]] = {
    "Api.create_run_queue": (
        "api.create_run_queue(name='made', type='kubernetes', entity='local',"
        " prioritization_mode='V0', config={'a': 1}).name",
        "vars_of(fresh().run_queue('local', 'made'),"
        " 'type access prioritization_mode default_resource_config items')",
    ),
    "Api.upsert_run_queue": (
        "api.upsert_run_queue(name='made', resource_config={'b': 2}, resource_type='kubernetes',"
        " entity='local', external_links={'docs': 'https://example.com'}).name",
        "vars_of(fresh().run_queue('local', 'made'),"
        " 'prioritization_mode default_resource_config')",
    ),
    "RunQueue.delete": ("fresh().run_queue('local', 'made').delete()",),
}
