"""One run: its fields, its history and its files."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from wbexport.api.accounts import User
from wbexport.api.attributes import Attributes, iframe, link
from wbexport.api.files import Files
from wbexport.api.history import fetch_history_keys, fetch_run
from wbexport.api.sampling import sampled_rows
from wbexport.api.scan_history import HistoryScan
from wbexport.arrow.formats import frame_of_rows
from wbexport.arrow.literals import parse_json
from wbexport.errors import NotFoundError
from wbexport.graphql.models import parse_json_object
from wbexport.paths import RunPath
from wbexport.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from wbexport.api.files import File
    from wbexport.api.service import Service

__all__ = ["Run"]

_FULL_FIELDS = ("config", "summaryMetrics", "systemMetrics", "historyKeys")
_INTERNAL_CONFIG = ("_wandb", "wandb_version")
_ENDED = ("finished", "crashed", "failed", "killed")
_POLL_SECONDS = 5.0


class Run(Attributes):
    """A run. What a listing leaves out (`config`, `summary` …) is fetched when it is looked at.

    Besides the properties here, every field of the server is an attribute under its snake-case
    name: `tags`, `notes`, `group`, `job_type`, `created_at`, `heartbeat_at`, `read_only`,
    `display_name`, `description`, `commit`, `history_line_count`.

    Args:
        client: Executes queries.
        entity: The entity of the run's project.
        project: The project's name.
        run_id: The run's id.
        attrs: The run's fields; None to fetch them now.
        include_sweeps: Whether the run's sweep belongs to it.
        lazy: Fetch the large fields later.
        load_full: Fetches the large fields of this run, possibly together with others.

    Raises:
        NotFoundError: There is no such run, or this key may not see it.

    Example:
        >>> run = api.run("team/vision/1mb3xqzp")
        >>> run.config["lr"], run.summary["loss"]
        (0.1, 0.25)
    """

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
        load_full: Callable[[Run], None] | None = None,
    ) -> None:
        super().__init__({"name": run_id, "state": "not found"})
        self.client = client
        self.entity = entity
        self.project = project
        self.include_sweeps = include_sweeps
        self._lazy = lazy
        self._load_full = load_full
        self._metadata: dict[str, Any] | None = None
        self._summary: Summary | None = None
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
    def name(self) -> str | None:
        """The run's display name."""
        name: str | None = self._attrs.get("displayName")
        return name

    @name.setter
    def name(self, name: str) -> None:
        self._attrs["displayName"] = name

    @property
    def state(self) -> str:
        """Such as `running`, `finished`, `crashed`, `failed`, `killed` or `preempted`."""
        return str(self._attrs["state"])

    @property
    def user(self) -> User | None:
        """Who created the run."""
        user = self._attrs.get("user")
        return User(user) if user else None

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

    @property
    def rawconfig(self) -> dict[str, Any]:
        """The hyperparameters and what W&B keeps beside them under `_wandb`."""
        self._full("config")
        raw: dict[str, Any] = self._attrs["rawconfig"]
        return raw

    @property
    def summary(self) -> Summary:
        """The run's summary values, as a dict that may be changed."""
        values = self._full("summaryMetrics")
        if self._summary is None:
            self._summary = Summary(values)
        return self._summary

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
    def metadata(self) -> dict[str, Any] | None:
        """What `wandb-metadata.json` says of the machine and the program; None without that file.

        Raises:
            RequestError: The file is there but could not be fetched or read.
        """
        if self._metadata is None:
            try:
                content = self.file("wandb-metadata.json").read()
            except NotFoundError:
                return None
            self._metadata = parse_json(content)
        return self._metadata

    @property
    def lastHistoryStep(self) -> int:
        """The last step logged, as of now; -1 when there is none."""
        last = fetch_history_keys(self.client, self.run_path).last_step
        return -1 if last is None else last

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

    def wait_until_finished(self) -> None:
        """Wait until the run has ended: finished, crashed, failed or killed.

        Raises:
            NotFoundError: The run was deleted meanwhile.
        """
        while True:
            state = fetch_run(self.client, "RunState", self.run_path).get("state")
            if state in _ENDED:
                self._attrs["state"] = state
                return
            time.sleep(_POLL_SECONDS)

    def file(self, name: str) -> File:
        """Return one file of the run.

        Args:
            name: Its name, with folders.

        Returns:
            The file.

        Raises:
            NotFoundError: The run has no such file.
        """
        for file in Files(self.client, self, [name]):
            return file
        raise NotFoundError(f"Run {self.run_path} has no file {name!r}; run.files() lists them.")

    def files(
        self, names: list[str] | None = None, pattern: str | None = None, per_page: int = 50
    ) -> Files:
        """Return the run's files.

        Args:
            names: Only files of exactly these names; empty for all.
            pattern: Only files whose name matches this SQL `LIKE` pattern, such as `%.json`.
            per_page: Files per request.

        Returns:
            A lazy listing.

        Raises:
            InputError: Both names and a pattern are given.
        """
        return Files(self.client, self, names, per_page=per_page, pattern=pattern)

    def history(
        self,
        samples: int = 500,
        keys: list[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: Literal["default", "system"] = "default",
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """Return W&B's sample of the run's history. For all rows, see `scan_history`.

        Args:
            samples: How many rows to ask for.
            keys: Only rows that have all of these, and of them only these and `x_axis`.
            x_axis: The key that goes with them.
            pandas: Return a pandas frame; else a list of dicts.
            stream: `default` for metrics, `system` for machine metrics.

        Returns:
            The rows the server chose.

        Raises:
            InputError: An argument that cannot be right.
            NotFoundError: The run is gone.
        """
        rows = sampled_rows(
            self.client,
            self.run_path,
            samples=samples,
            keys=keys,
            x_axis=x_axis,
            stream=stream,
        )
        return frame_of_rows(rows, "pandas") if pandas else rows

    def scan_history(
        self,
        keys: list[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
        use_cache: bool = True,
    ) -> HistoryScan:
        """Return the run's complete history: in step order, each step once.

        Args:
            keys: Only rows that have all of these, and of them only these and `_step`.
            page_size: Rows per page, at most.
            min_step: First step.
            max_step: Step to stop before.
            use_cache: Accepted as in W&B; nothing is cached.

        Returns:
            An iterable of dicts; every loop over it reads the history anew.

        Raises:
            InputError: An argument that cannot be right.
        """
        return HistoryScan(
            self.client,
            self.run_path,
            keys=keys,
            page_size=page_size,
            min_step=min_step,
            max_step=max_step,
        )

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Write HTML with a frame that shows the run's page.

        Args:
            height: Pixels.
            hidden: Show only the run's path until it is opened.

        Returns:
            The HTML.
        """
        return iframe(self.url, "/".join(self.path), height, hidden)

    def _full(self, field: str) -> Any:
        if field not in self._attrs:
            if self._load_full is not None:
                self._load_full(self)
            if field not in self._attrs:
                self.load_full_data()
        return self._attrs[field]

    def __getattr__(self, name: str) -> Any:
        if name == "history_keys":
            return self._full("historyKeys")
        return super().__getattr__(name)

    def _repr_html_(self) -> str:
        return link(self.url, f"{'/'.join(self.path)} ({self.state})")

    def __repr__(self) -> str:
        return f"<Run {'/'.join(self.path)} ({self.state})>"


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Unwrap `{"lr": {"value": 0.1}}`, and set apart what W&B itself keeps there."""
    values = {
        key: item["value"] if isinstance(item, dict) and "value" in item else item
        for key, item in config.items()
    }
    user = {key: value for key, value in values.items() if key not in _INTERNAL_CONFIG}
    internal = {key: values[key] for key in _INTERNAL_CONFIG if key in values}
    return {"config": user, "rawconfig": internal | user}
