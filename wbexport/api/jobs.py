"""Jobs: artifacts that say how a run is started again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wbexport.api.artifacts import Artifact
from wbexport.api.launch import LAUNCH_PROJECT, push_to_queue
from wbexport.errors import GraphQLError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wbexport.api.launch import QueuedRun
    from wbexport.api.service import Service

__all__ = ["Job", "list_jobs"]

_FILE = "wandb-job.json"
_DEFAULT_QUEUE = "default"

#: Kind of value in a job's input to Python's types; other kinds are not checked.
_KINDS: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "none": (type(None),),
    "list": (list, tuple),
    "typedDict": (dict,),
}


class Job:
    """A job: the code, image or repository of a run, and what configuration it takes.

    Args:
        client: Executes queries.
        name: `entity/project/name:alias`.
        path: The folder that its files are brought to; by default that of the artifact.

    Raises:
        InputError: The name has another form.
        NotFoundError: There is no such job, or it does not say what it is.

    Example:
        >>> job = api.job("team/vision/job-train:latest")
        >>> queued = job.call({"lr": 0.1}, queue="gpus")
    """

    def __init__(self, client: Service, name: str, path: str | None = None) -> None:
        if not isinstance(name, str) or name.count("/") != 2 or ":" not in name:
            raise InputError(f"{name!r} is not a job; write entity/project/name:alias.")
        self.client = client
        self.name = name
        artifact = client.api.artifact(name, type="job")
        self._folder = Path(artifact.download(root=path))
        self._info = _read_info(self._folder, name)
        self._entrypoint: list[str] | None = None

    @property
    def source_type(self) -> str | None:
        """Where its code comes from: `repo`, `artifact` or `image`."""
        return cast("str | None", self._info.get("source_type"))

    @property
    def entrypoint(self) -> list[str] | None:
        """The command that starts it."""
        recorded = (self._info.get("source") or {}).get("entrypoint")
        return cast("list[str] | None", self._entrypoint or recorded)

    def set_entrypoint(self, entrypoint: list[str]) -> None:
        """Change the command that starts it, for the runs that are queued from here.

        Args:
            entrypoint: The command and its arguments.
        """
        self._entrypoint = list(entrypoint)

    def call(
        self,
        config: Mapping[str, Any],
        project: str | None = None,
        entity: str | None = None,
        queue: str | None = None,
        resource: str = "local-container",
        resource_args: dict[str, Any] | None = None,
        template_variables: dict[str, Any] | None = None,
        project_queue: str | None = None,
        priority: int | None = None,
    ) -> QueuedRun:
        """Queue a run of the job.

        Args:
            config: Its configuration; artifacts in it stand for themselves.
            project: The project of the run; by default that of the job.
            entity: Its entity; by default that of the job.
            queue: The queue; by default the one called `default`.
            resource: What it runs on.
            resource_args: What it is given to run on, in place of what the queue has.
            template_variables: Values of the queue's template variables.
            project_queue: The project that holds the queue.
            priority: How soon; only for queues with priorities.

        Returns:
            The queued run.

        Raises:
            InputError: The configuration is not what the job takes, or cannot be written as JSON.
            GraphQLError: The server refused it, for instance because there is no such queue.
        """
        sent = {key: _as_reference(value) for key, value in config.items()}
        if not self._info.get("_partial"):
            self._check(sent)
        owner, home, _ = self.name.split("/")
        overrides: dict[str, Any] = {"run_config": sent}
        if self._entrypoint:
            overrides["entry_point"] = self._entrypoint
        spec: dict[str, Any] = {
            "job": self.name,
            "entity": entity or owner,
            "project": project or home,
            "resource": resource,
            "docker": {},
            "git": {},
            "overrides": overrides,
        }
        if resource_args and not template_variables:
            spec["resource_args"] = resource_args
        return push_to_queue(
            self.client,
            spec,
            queue or _DEFAULT_QUEUE,
            project_queue=project_queue or LAUNCH_PROJECT,
            template_variables=template_variables,
            priority=priority,
        )

    def _check(self, config: Mapping[str, Any]) -> None:
        wanted = self._info.get("input_types") or {}
        if problem := next(_problems(wanted, dict(config), "config"), None):
            raise InputError(f"The job {self.name} takes another configuration: {problem}.")

    def __repr__(self) -> str:
        return f"<Job {self.name}>"


def list_jobs(client: Service, entity: str, project: str) -> list[dict[str, Any]]:
    """List the versions of each job of a project, as the server sends them.

    Raises:
        InputError: No entity or project is given.
    """
    if not entity or not project:
        raise InputError("Give an entity and a project whose jobs are listed.")
    try:
        data = client.execute("Jobs", {"entity": entity, "project": project})
    except GraphQLError:
        # As in W&B, what cannot be listed has no jobs.
        return []
    kind = (data.get("project") or {}).get("artifactType") or {}
    edges = (kind.get("artifactCollections") or {}).get("edges") or ()
    return [dict(edge["node"]["artifacts"]) for edge in edges]


def _read_info(folder: Path, name: str) -> dict[str, Any]:
    try:
        info = json.loads((folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NotFoundError(f"The job {name} has no readable {_FILE}.") from error
    if not isinstance(info, dict):
        raise NotFoundError(f"The {_FILE} of job {name} is not an object.")
    return info


def _as_reference(value: Any) -> Any:
    """Name an artifact in a configuration by its version, as runs do."""
    if not isinstance(value, Artifact):
        return value
    if not value.id:
        raise InputError("An artifact must be logged before a job can use it.")
    return {"_type": "artifactVersion", "id": value.id, "version": value.version}


def _problems(kind: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    """Yield where a value is not of the kind that a job recorded for it."""
    name, params = str(kind.get("wb_type")), kind.get("params") or {}
    if name == "union":
        members = params.get("allowed_types") or ()
        if members and all(any(_problems(each, value, where)) for each in members):
            yield f"{where} cannot be {value!r}"
    elif not _is_of(name, value):
        yield f"{where} must be a {name}, not {value!r}"
    elif name == "typedDict":
        wanted = params.get("type_map") or {}
        yield from (f"{where} has no key {key!r}" for key in value if key not in wanted)
        for key, inner in wanted.items():
            yield from _problems(inner, value.get(key), f"{where}.{key}")
    elif name == "list":
        for position, item in enumerate(value):
            yield from _problems(params.get("element_type") or {}, item, f"{where}[{position}]")


def _is_of(name: str, value: Any) -> bool:
    if name not in _KINDS:
        return True
    # In Python, True is an integer too.
    return isinstance(value, _KINDS[name]) and isinstance(value, bool) == (name == "boolean")
