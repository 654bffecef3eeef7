"""Launch: run queues, and the runs that wait in them for an agent."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.door import Door
from wbexport.api.run import Run
from wbexport.errors import GraphQLError, InputError, NotFoundError, ResponseError
from wbexport.settings import Settings

if TYPE_CHECKING:
    from wbexport.api.service import Service

__all__ = [
    "LAUNCH_PROJECT",
    "QueuedRun",
    "RunQueue",
    "create_run_queue",
    "push_to_queue",
    "upsert_run_queue",
]

#: The project of an entity that holds its run queues.
LAUNCH_PROJECT = "model-registry"

RunQueueResourceType = Literal[
    "local-container", "local-process", "kubernetes", "sagemaker", "gcp-vertex"
]
RunQueuePrioritizationMode = Literal["DISABLED", "V0"]

_RESOURCES = ("local-container", "local-process", "kubernetes", "sagemaker", "gcp-vertex")
_MAX_NAME = 64
_MAX_ITEMS = 100
_POLL_SECONDS = 5.0


class QueuedRun:
    """A run that waits in a queue, or that an agent has taken from it.

    Args:
        client: Executes queries.
        entity: Its entity.
        project: The project that the run is going to be in.
        queue_name: The queue.
        run_queue_item_id: Its id in the queue.
        project_queue: The project that holds the queue.
        priority: How soon it was asked for; None in a queue without priorities.

    Example:
        >>> queued = api.queued_run("team", "vision", "gpus", item_id)
        >>> run = queued.wait_until_finished()
    """

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        queue_name: str,
        run_queue_item_id: str,
        project_queue: str | None = LAUNCH_PROJECT,
        priority: int | None = None,
    ) -> None:
        self.client = client
        self.entity = entity
        self.project = project
        self.queue_name = queue_name
        self.id = run_queue_item_id
        self.project_queue = project_queue or LAUNCH_PROJECT
        self.priority = priority
        self._run: Run | None = None

    @property
    def state(self) -> str:
        """`pending`, `leased` by an agent, `claimed` by a run, `failed` … as of now.

        Raises:
            NotFoundError: The queue, or the run in it, is gone.
        """
        return str(self._item()["state"]).lower()

    def wait_until_running(self) -> Run:
        """Wait until an agent has started the run.

        Returns:
            The run.

        Raises:
            NotFoundError: It is gone from the queue.
            ResponseError: It failed before it began.
        """
        while self._run is None:
            item = self._item()
            if item["associatedRunId"] is not None:
                self._run = Run(self.client, self.entity, self.project, item["associatedRunId"])
            elif item["state"] == "FAILED":
                raise ResponseError(f"The run {self.id} of queue {self.queue_name} did not start.")
            else:
                time.sleep(_POLL_SECONDS)
        return self._run

    def wait_until_finished(self) -> Run:
        """Wait until the run has ended; see `wait_until_running`.

        Returns:
            The run, with what it ended with.
        """
        run = self.wait_until_running()
        run.wait_until_finished()
        run.load(force=True)
        return run

    def delete(self, delete_artifacts: bool = False) -> None:
        """Take the run out of its queue.

        Args:
            delete_artifacts: Accepted as in W&B; a run that has not begun has none.

        Raises:
            NotFoundError: The queue, or the run in it, is gone.
        """
        queue = _fetch_queue(self.client, "RunQueue", self._place())
        try:
            self.client.execute("DeleteQueuedRun", {"queue": queue["id"], "id": self.id})
        except GraphQLError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise self._gone() from error

    def _place(self) -> dict[str, str]:
        return {"entity": self.entity, "project": self.project_queue, "queue": self.queue_name}

    def _item(self) -> Mapping[str, Any]:
        place = self._place()
        try:
            queue = _fetch_queue(self.client, "RunQueueItem", place | {"id": self.id})
            item: Mapping[str, Any] | None = queue["runQueueItem"]
        except GraphQLError as error:
            if "runQueueItem" not in str(error):
                raise
            # An older server lists the runs of a queue, and gives none alone.
            queue = _fetch_queue(self.client, "RunQueueItems", place)
            nodes = (edge["node"] for edge in queue["runQueueItems"]["edges"])
            item = next((node for node in nodes if node["id"] == self.id), None)
        if item is None:
            raise self._gone()
        return item

    def _gone(self) -> NotFoundError:
        return NotFoundError(f"There is no run {self.id} in queue {self.queue_name}.")

    def __repr__(self) -> str:
        return f"<QueuedRun {self.queue_name} ({self.id})>"


class RunQueue:
    """A queue of runs. Its fields are fetched when they are first looked at.

    Args:
        client: Executes queries.
        name: Its name.
        entity: Who owns it.

    Example:
        >>> api.run_queue("team", "gpus").type
        'kubernetes'
    """

    def __init__(self, client: Service, name: str, entity: str) -> None:
        self.client = client
        self.name = name
        self.entity = entity

    @classmethod
    def create(
        cls,
        name: str,
        resource: RunQueueResourceType,
        entity: str | None = None,
        prioritization_mode: RunQueuePrioritizationMode | None = None,
        config: dict[str, Any] | None = None,
        template_variables: dict[str, Any] | None = None,
    ) -> RunQueue:
        """Create a queue on the server of the environment; see `Api.create_run_queue`."""
        door = Door(Settings.load())
        return create_run_queue(
            door.client,
            door._require_entity(entity),
            name,
            resource,
            prioritization_mode=prioritization_mode,
            config=config,
            template_variables=template_variables,
        )

    @property
    def id(self) -> str:
        """The queue's storage id.

        Raises:
            NotFoundError: There is no such queue, or this key may not see it.
        """
        return str(self._metadata["id"])

    @property
    def access(self) -> str:
        """Who may use it: `PROJECT` or `USER`."""
        return str(self._metadata["access"])

    @property
    def prioritization_mode(self) -> str:
        """`V0` when its runs have priorities, otherwise `DISABLED`."""
        return str(self._metadata["prioritizationMode"])

    @property
    def external_links(self) -> Any:
        """Links to pages about it: `{"links": [{"label": …, "url": …}]}`."""
        return self._metadata["externalLinks"]

    @property
    def type(self) -> str:
        """What its runs run on, such as `kubernetes`."""
        return str(self._config["resource"])

    @property
    def default_resource_config(self) -> dict[str, Any]:
        """What its runs are given to run on: `{"resource_args": {type: …}}`."""
        return dict(self._config["config"])

    @property
    def template_variables(self) -> list[dict[str, Any]]:
        """Its template variables: the name of each, and its schema as JSON text."""
        return list(self._config["templateVariables"] or ())

    @cached_property
    def items(self) -> list[QueuedRun]:
        """The first 100 runs in it."""
        queue = _fetch_queue(self.client, "RunQueueItems", self._place() | {"first": _MAX_ITEMS})
        return [
            QueuedRun(self.client, self.entity, LAUNCH_PROJECT, self.name, edge["node"]["id"])
            for edge in queue["runQueueItems"]["edges"]
        ]

    def delete(self) -> None:
        """Delete the queue and all that waits in it.

        Raises:
            NotFoundError: It is gone.
            ResponseError: The server did not delete it.
        """
        result = self.client.execute("DeleteRunQueue", {"id": self.id}).get("result")
        if not (result or {}).get("success"):
            raise ResponseError(f"The server did not delete the queue {self.entity}/{self.name}.")
        for name in ("_metadata", "_config", "items"):
            self.__dict__.pop(name, None)

    def _place(self) -> dict[str, Any]:
        return {"entity": self.entity, "project": LAUNCH_PROJECT, "queue": self.name}

    @cached_property
    def _metadata(self) -> Mapping[str, Any]:
        return _fetch_queue(self.client, "RunQueue", self._place())

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        config_id = self._metadata["defaultResourceConfigID"]
        variables = {"entity": self.entity, "id": config_id}
        entity = config_id and self.client.execute("DefaultResourceConfig", variables)["entity"]
        config: Mapping[str, Any] | None = (entity or {}).get("defaultResourceConfig")
        if config is None:
            raise NotFoundError(f"The queue {self.entity}/{self.name} has no resource config.")
        return config

    def __repr__(self) -> str:
        return f"<RunQueue {self.entity}/{self.name}>"


def create_run_queue(
    client: Service,
    entity: str,
    name: str,
    resource: str,
    *,
    prioritization_mode: str | None,
    config: Mapping[str, Any] | None,
    template_variables: Mapping[str, Any] | None,
) -> RunQueue:
    """Create a queue, and the project that holds the queues of its entity.

    Raises:
        InputError: An argument cannot be right.
        ResponseError: The server did not create it.
        GraphQLError: The server refused it.
    """
    _check(name, resource)
    mode = prioritization_mode.upper() if prioritization_mode else None
    if mode not in (None, "V0"):
        raise InputError(f"prioritization_mode must be 'V0' or None, not {prioritization_mode!r}.")
    _check_objects(config=config, template_variables=template_variables)
    _ensure_project(client, entity)
    sent = _config_input(entity, resource, config or {}, template_variables or {})
    made = _change(client, "CreateDefaultResourceConfig", sent, name)
    queue = {
        "entityName": entity,
        "projectName": LAUNCH_PROJECT,
        "queueName": name,
        "access": "PROJECT",
        "prioritizationMode": mode,
        "defaultResourceConfigID": made["defaultResourceConfigID"],
    }
    _change(client, "CreateRunQueue", queue, name)
    return RunQueue(client, name, entity)


def upsert_run_queue(
    client: Service,
    entity: str,
    name: str,
    resource: str,
    config: Mapping[str, Any],
    *,
    prioritization_mode: str | None,
    template_variables: Mapping[str, Any] | None,
    external_links: Mapping[str, str] | None,
) -> RunQueue:
    """Create a queue or change the one of that name; warns of what the server finds odd in it.

    Raises:
        InputError: An argument cannot be right.
        ResponseError: The server did not save it.
        GraphQLError: The server refused it.
    """
    _check(name, resource)
    mode = (prioritization_mode or "DISABLED").upper()
    if mode not in ("V0", "DISABLED"):
        raise InputError(
            f"prioritization_mode must be 'V0' or 'DISABLED', not {prioritization_mode!r}."
        )
    _check_objects(
        resource_config=config,
        template_variables=template_variables,
        external_links=external_links,
    )
    _ensure_project(client, entity)
    links = [{"label": label, "url": url} for label, url in (external_links or {}).items()]
    sent = {
        "entityName": entity,
        "projectName": LAUNCH_PROJECT,
        "queueName": name,
        "resourceType": resource,
        "resourceConfig": _text({"resource_args": {resource: config}}),
        "templateVariables": _text(template_variables) if template_variables else None,
        "prioritizationMode": mode,
        "externalLinks": _text({"links": links}),
    }
    for problem in _change(client, "UpsertRunQueue", sent, name)["configSchemaValidationErrors"]:
        warnings.warn(f"resource config of queue {name}: {problem}", stacklevel=3)
    return RunQueue(client, name, entity)


def push_to_queue(
    client: Service,
    spec: Mapping[str, Any],
    queue_name: str,
    *,
    project_queue: str,
    template_variables: Mapping[str, Any] | None,
    priority: int | None,
) -> QueuedRun:
    """Queue a run.

    Args:
        client: Executes the mutation.
        spec: What to run: `entity`, `project`, `job`, `overrides` …
        queue_name: The queue.
        project_queue: The project that holds the queue.
        template_variables: Values of the queue's template variables.
        priority: How soon; only for queues with priorities.

    Raises:
        InputError: The spec or the values cannot be written as JSON.
        ResponseError: The server did not take it.
        GraphQLError: The server refused it.
    """
    sent = {
        "entityName": spec["entity"],
        "projectName": project_queue,
        "queueName": queue_name,
        "runSpec": _text(spec),
        "templateVariableValues": _text(template_variables) if template_variables else None,
        "priority": priority,
    }
    result = client.execute("PushToRunQueue", {"input": sent}).get("result")
    if not result:
        raise ResponseError(f"The server did not take a run into the queue {queue_name}.")
    return QueuedRun(
        client,
        spec["entity"],
        spec["project"],
        queue_name,
        result["runQueueItemId"],
        project_queue,
        priority,
    )


def _check(name: str, resource: str) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise InputError(f"A run queue has a name of 1 to {_MAX_NAME} characters, not {name!r}.")
    if resource not in _RESOURCES:
        raise InputError(f"A queue runs on one of {', '.join(_RESOURCES)}, not on {resource!r}.")


def _check_objects(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None and not isinstance(value, Mapping):
            raise InputError(f"{name} must be a dict, not {value!r}.")


def _ensure_project(client: Service, entity: str) -> None:
    client.execute("CreateProject", {"input": {"entityName": entity, "name": LAUNCH_PROJECT}})


def _config_input(
    entity: str, resource: str, config: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "entityName": entity,
        "resource": resource,
        "config": _text({"resource_args": {resource: config}}),
        "templateVariables": _text(variables),
    }


def _change(
    client: Service, operation: str, sent: Mapping[str, Any], name: str
) -> Mapping[str, Any]:
    result: Mapping[str, Any] | None = client.execute(operation, {"input": sent}).get("result")
    if not result or not result["success"]:
        raise ResponseError(f"The server did not save the run queue {name!r}.")
    return {"configSchemaValidationErrors": [], **result}


def _text(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"What is queued cannot be written as JSON: {error}.") from error


def _fetch_queue(client: Service, operation: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    project = client.execute(operation, variables).get("project")
    queue = (project or {}).get("runQueue")
    if queue is None:
        place = f"{variables['entity']}/{variables['queue']}"
        raise NotFoundError(f"There is no run queue {place}, or this key may not see it.")
    return dict(queue)
