"""What a run is: its fields, fetched when they are looked at."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.accounts import User
from wbexport.api.attributes import Attributes, Settable
from wbexport.api.history import fetch_run
from wbexport.errors import InputError, NotFoundError
from wbexport.graphql.models import parse_json_object
from wbexport.paths import RunPath

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wbexport.api.run_summary import RunSummary
    from wbexport.api.service import Service
    from wbexport.api.sweeps import Sweep

__all__ = ["RunFields"]

_FULL_FIELDS = ("config", "summaryMetrics", "systemMetrics", "historyKeys")
_INTERNAL_CONFIG = ("_wandb", "wandb_version")


class RunFields(Attributes):
    """The fields of a run. What a listing leaves out comes when it is looked at.

    Args:
        client: Executes queries.
        entity: The entity of the run's project.
        project: The project's name.
        run_id: The run's id.
        attrs: The run's fields; None to fetch them now.
        include_sweeps: Accepted as in W&B; a sweep is fetched when it is looked at.
        lazy: Fetch the large fields later.
        load_full: Fetches the large fields of this run, possibly together with others.

    Raises:
        NotFoundError: There is no such run, or this key may not see it.
    """

    name = Settable[str | None]("displayName", "The run's display name.")
    display_name = Settable[str | None]("displayName", "The run's display name.")
    description = Settable[str | None]("description", "What the run is, in a sentence.")
    notes = Settable[str | None]("notes", "What somebody noted of the run.")
    tags = Settable[list[str]]("tags", "The run's tags.")
    group = Settable[str | None]("group", "The group the run belongs to.")
    job_type = Settable[str | None]("jobType", "The kind of work the run does.")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        run_id: str,
        attrs: Mapping[str, Any] | None = None,
        include_sweeps: bool = True,
        lazy: bool = True,
        *,
        load_full: Callable[[], None] | None = None,
    ) -> None:
        super().__init__({"name": run_id, "state": "not found"})
        self.client = client
        self.entity = entity
        self.project = project
        self.include_sweeps = include_sweeps
        self._lazy = lazy
        self._load_full = load_full
        self._summary: RunSummary | None = None
        if attrs:
            self.adopt(attrs)
        else:
            self.load(force=True)

    @property
    def id(self) -> str:
        """The run's id, unique in its project."""
        return str(self._attrs["name"])

    @property
    def storage_id(self) -> str:
        """The id under which the server stores the run; it survives renames."""
        return str(self._attrs["id"])

    @property
    def state(self) -> str:
        """Such as `running`, `finished`, `crashed`, `failed`, `killed` or `preempted`."""
        return str(self._attrs["state"])

    @property
    def user(self) -> User | None:
        """Who created the run."""
        user = self._attrs.get("user")
        return User(self.client, user) if user else None

    @property
    def username(self) -> str:
        """The entity. Deprecated: use `entity`."""
        warnings.warn("Run.username is deprecated; use Run.entity.", FutureWarning, stacklevel=2)
        return self.entity

    @property
    def project_internal_id(self) -> int | None:
        """The number of the run's project."""
        number = self._attrs.get("projectId")
        return None if number is None else int(number)

    @property
    def sweep_name(self) -> str | None:
        """Id of the sweep the run belongs to."""
        name: str | None = self._attrs.get("sweepName")
        return name

    @property
    def sweep(self) -> Sweep | None:
        """The sweep the run belongs to, fetched once for all its runs; None when it is gone."""
        if self.sweep_name is None:
            return None
        try:
            return self.client.api.sweep(f"{self.run_path.parent}/{self.sweep_name}")
        except NotFoundError:
            return None

    @property
    def path(self) -> list[str]:
        """Entity, project and run id, as they are written in a URL."""
        return [quote(part, safe="") for part in (self.entity, self.project, self.id)]

    @property
    def url(self) -> str:
        """Address of the run's page."""
        entity, project, run_id = self.path
        return f"{self.client.app_url}/{entity}/{project}/runs/{run_id}"

    @property
    def config(self) -> dict[str, Any]:
        """The run's hyperparameters."""
        config: dict[str, Any] = self._full("config")
        return config

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        if not isinstance(config, dict):
            raise InputError(f"A run's config is a dict, not {config!r}.")
        self._full("config")
        self._attrs["config"] = config

    @property
    def rawconfig(self) -> dict[str, Any]:
        """The hyperparameters and what W&B keeps beside them under `_wandb`."""
        self._full("config")
        raw: dict[str, Any] = self._attrs["rawconfig"]
        return raw

    @property
    def summary_metrics(self) -> dict[str, Any]:
        """The summary values as a plain dict."""
        values: dict[str, Any] = self._full("summaryMetrics")
        return values

    @property
    def system_metrics(self) -> dict[str, Any]:
        """The last machine metrics."""
        values: dict[str, Any] = self._full("systemMetrics")
        return values

    @property
    def run_path(self) -> RunPath:
        """Entity, project and run id."""
        return RunPath(self.entity, self.project, self.id)

    @property
    def is_full(self) -> bool:
        """Whether the large fields are loaded."""
        return all(field in self._attrs for field in _FULL_FIELDS)

    def load(self, force: bool = False) -> dict[str, Any]:
        """Fetch the run's fields.

        Args:
            force: Fetch them again when they are loaded.

        Returns:
            The fields under the server's names.

        Raises:
            NotFoundError: There is no such run, or this key may not see it.
        """
        if force or "id" not in self._attrs:
            operation = "RunLight" if self._lazy and not self.is_full else "Run"
            self.adopt(fetch_run(self.client, operation, self.run_path), replace=True)
        return self._attrs

    def load_full_data(self, force: bool = False) -> dict[str, Any]:
        """Fetch the large fields of a run that came from a lazy listing.

        Args:
            force: Fetch them again when they are loaded.

        Returns:
            The fields under the server's names.

        Raises:
            NotFoundError: The run is gone, or this key may not see it any more.
        """
        if force or not self.is_full:
            self.adopt(fetch_run(self.client, "Run", self.run_path), replace=True)
        return self._attrs

    def adopt(self, attrs: Mapping[str, Any], *, replace: bool = False) -> None:
        """Take over fields that the server sent.

        Args:
            attrs: The fields.
            replace: Whether they win over those the run has.
        """
        fields = dict(attrs)
        fields["tags"] = fields.get("tags") or []
        for field in ("summaryMetrics", "systemMetrics"):
            if field in fields:
                fields[field] = parse_json_object(fields[field])
        if "config" in fields:
            fields |= _read_config(parse_json_object(fields["config"]))
        is_new = "id" not in self._attrs
        if replace:
            self._summary = None
        self._attrs = self._attrs | fields if replace or is_new else fields | self._attrs

    def _full(self, field: str) -> Any:
        if field not in self._attrs:
            if self._load_full is not None:
                self._load_full()
            if field not in self._attrs:
                # What was set on the run meanwhile stays set.
                self.adopt(fetch_run(self.client, "Run", self.run_path))
        return self._attrs[field]

    def __getattr__(self, name: str) -> Any:
        if name == "history_keys":
            return self._full("historyKeys")
        return super().__getattr__(name)


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Unwrap `{"lr": {"value": 0.1}}`, and set apart what W&B itself keeps there."""
    values = {
        key: item["value"] if isinstance(item, dict) and "value" in item else item
        for key, item in config.items()
    }
    user = {key: value for key, value in values.items() if key not in _INTERNAL_CONFIG}
    internal = {key: values[key] for key in _INTERNAL_CONFIG if key in values}
    return {"config": user, "rawconfig": internal | user}
