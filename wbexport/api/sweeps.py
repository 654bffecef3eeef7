"""Sweeps of a project: their runs, the best of them, and the agents that run them."""

from __future__ import annotations

import json
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.answers import project_in
from wbexport.api.attributes import Attributes, iframe, link
from wbexport.api.collection import Collection, QueryText, SizedCollection
from wbexport.api.door import Door
from wbexport.api.run import Run
from wbexport.api.runs import Runs
from wbexport.errors import (
    GraphQLError,
    InputError,
    NotFoundError,
    QueryError,
    ResponseError,
)
from wbexport.graphql.documents import load
from wbexport.paths import RunPath
from wbexport.query.fields import RUN_FIELDS
from wbexport.sweepconfig import read_metric, read_sweep_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service

__all__ = ["Agent", "AgentRuns", "Sweep", "Sweeps"]

_RUNS_PER_PAGE = 10


class Sweep(Attributes):
    """A search for the best configuration, and the runs that it made.

    Besides the properties here, `id` is its short id and `project` the name of its project, and
    every field of the server is an attribute under its snake-case name: `state`, `method`,
    `description`, `best_loss`, `run_count`, `created_at`, `updated_at`.

    Args:
        client: Executes queries.
        entity: The entity of the sweep's project.
        project: The project's name.
        sweep_id: The sweep's id.
        attrs: The sweep's fields; empty to fetch them now.

    Raises:
        NotFoundError: There is no such sweep, or this key may not see it.

    Example:
        >>> sweep = api.sweep("team/vision/3t6v8b2n")
        >>> sweep.best_run().config["lr"]
        0.01
    """

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        sweep_id: str,
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs or {})
        self.client = client
        self.project = project
        self.id = sweep_id
        self._entity = entity
        self._order = "+created_at"
        self.load(force=not attrs)

    @classmethod
    def get(
        cls,
        client: Service | Door,
        entity: str | None = None,
        project: str | None = None,
        sid: str | None = None,
        order: str | None = None,
        query: str | None = None,
        **kwargs: Any,
    ) -> Sweep | None:
        """Return a sweep, or None when there is none.

        Args:
            client: The connection: an `Api`, or its `client`.
            entity: The entity of the sweep's project.
            project: The project's name.
            sid: The sweep's id.
            order: How its runs are sorted.
            query: The text of a query of your own that finds `project.sweep`.
            **kwargs: More variables for the query.

        Returns:
            The sweep.
        """
        # W&B passes its `client` here in the reference, and the Api in newer versions.
        service = client.client if isinstance(client, Door) else client
        variables = {"entity": entity, "project": project, "name": sid, **kwargs}
        attrs = _fetch_sweep(service, variables, query)
        if not attrs:
            return None
        sweep = cls(service, str(entity), str(project), str(sid), attrs)
        sweep._order = order or sweep._order
        return sweep

    @property
    def entity(self) -> str:
        """The entity of the sweep's project."""
        return self._entity

    @property
    def username(self) -> str:
        """The entity. Deprecated: use `entity`."""
        warnings.warn(
            "Sweep.username is deprecated; use Sweep.entity.", FutureWarning, stacklevel=2
        )
        return self._entity

    @property
    def name(self) -> str:
        """What people call the sweep: its display name, the name in its config, or its id."""
        return str(self._attrs.get("displayName") or self.config.get("name") or self.id)

    @property
    def config(self) -> dict[str, Any]:
        """What the sweep searches, and how.

        Raises:
            ResponseError: The server sent what is no sweep configuration.
        """
        try:
            return read_sweep_config(self._attrs.get("config") or "{}")
        except InputError as error:
            path = "/".join(self.path)
            raise ResponseError(f"The configuration of sweep {path} is no use: {error}") from error

    @property
    def order(self) -> str | None:
        """The order that puts the best run first; None for a sweep without a metric."""
        metric = read_metric(self.config)
        if metric is None:
            return None
        return f"{'-' if metric.maximize else '+'}summary_metrics.{metric.name}"

    @cached_property
    def runs(self) -> Runs:
        """The sweep's runs, as a lazy listing."""
        return self._runs(self._order, _RUNS_PER_PAGE)

    @property
    def expected_run_count(self) -> int | None:
        """How many runs the sweep will have; None when it goes on until it is stopped."""
        count: int | None = self._attrs.get("runCountExpected")
        return count

    @property
    def path(self) -> list[str]:
        """Entity, project and sweep id, as they are written in a URL."""
        return [quote(part, safe="") for part in (self.entity, self.project, self.id)]

    @property
    def url(self) -> str:
        """Address of the sweep's page."""
        entity, project, sweep_id = self.path
        return f"{self.client.app_url}/{entity}/{project}/sweeps/{sweep_id}"

    def load(self, force: bool = False) -> dict[str, Any]:
        """Fetch the sweep's fields.

        Args:
            force: Fetch them again when they are loaded.

        Returns:
            The fields under the server's names.

        Raises:
            NotFoundError: There is no such sweep, or this key may not see it.
        """
        if force or not self._attrs:
            variables = {"entity": self.entity, "project": self.project, "name": self.id}
            attrs = _fetch_sweep(self.client, variables)
            if not attrs:
                raise NotFoundError(
                    f"Could not find sweep {RunPath(self.entity, self.project, self.id)}: "
                    "it was deleted, or this key may not see it."
                )
            self._attrs = dict(attrs)
        return self._attrs

    def best_run(self, order: str | None = None) -> Run | None:
        """Return the run that an order puts first.

        Args:
            order: A key to sort by, after `+` or `-` (the default): a field of runs, or a summary
                value with or without `summary_metrics.`. By default the sweep's own order, or the
                newest run for a sweep without a metric.

        Returns:
            The run; None when the sweep has none.

        Raises:
            QueryError: The order is not understood.
        """
        chosen = self.order if order is None else _full_order(order)
        if chosen is None:
            warnings.warn(
                f"Sweep {self.id} has no metric and no order was given: this is its newest run.",
                UserWarning,
                stacklevel=2,
            )
            chosen = "-created_at"
        return next(iter(self._runs(chosen, 1)), None)

    def agent(self, agent_id: str) -> Agent:
        """Return one of the agents that run the sweep.

        Args:
            agent_id: Its id or name.

        Returns:
            The agent.

        Raises:
            NotFoundError: The sweep has no such agent.
        """
        attrs = self._fetch("SweepAgent", agent=agent_id).get("agent")
        if not attrs:
            raise NotFoundError(
                f"Sweep {'/'.join(self.path)} has no agent {agent_id!r}; sweep.agents() lists them."
            )
        return Agent(self.client, attrs, self.entity, self.project, self.id)

    def agents(self) -> list[Agent]:
        """Return the agents that run the sweep, or have run it.

        Returns:
            The agents.

        Raises:
            NotFoundError: The sweep is gone.
        """
        edges = (self._fetch("SweepAgents").get("agents") or {}).get("edges") or ()
        return [
            Agent(self.client, edge["node"], self.entity, self.project, self.id) for edge in edges
        ]

    def enqueue_run(self, config: dict[str, Any], display_name: str | None = None) -> str:
        """Have the next free agent run a configuration of your choice.

        Args:
            config: Parameter to value.
            display_name: What the run shall be called.

        Returns:
            The id of the run.

        Raises:
            UnsupportedError: The server cannot enqueue runs.
        """
        self.client.require_feature("SWEEPS_LOCAL_SCHEDULER", "Enqueuing a run of a sweep")
        variables = {
            "id": self._attrs["id"],
            "config": json.dumps(config),
            "displayName": display_name,
        }
        return str(self.client.execute("EnqueueSweepRun", variables)["enqueueSweepRun"]["id"])

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Write HTML with a frame that shows the sweep's page.

        Args:
            height: Pixels.
            hidden: Show only the sweep's path until it is opened.

        Returns:
            The HTML.
        """
        return iframe(self.url, "/".join(self.path), height, hidden)

    def _runs(self, order: str, per_page: int) -> Runs:
        filters = {"$and": [{"sweep": self.id}]}
        return Runs(self.client, self.entity, self.project, filters, order, per_page)

    def _fetch(self, operation: str, **variables: Any) -> Mapping[str, Any]:
        names = {"entity": self.entity, "project": self.project, "sweep": self.id}
        project = self.client.execute(operation, names | variables).get("project") or {}
        sweep: Mapping[str, Any] | None = project.get("sweep")
        if sweep is None:
            raise NotFoundError(f"Could not find sweep {'/'.join(self.path)}: it was deleted.")
        return sweep

    def _repr_html_(self) -> str:
        return link(self.url, repr(self).strip("<>"))

    def __repr__(self) -> str:
        return f"<Sweep {'/'.join(self.path)} ({self._attrs.get('state', 'Unknown State')})>"


def _fetch_sweep(
    client: Service, variables: Mapping[str, Any], query: str | None = None
) -> Mapping[str, Any] | None:
    """Fetch a sweep; of servers that do not know all its fields, those that always were."""
    try:
        data = client.execute_text(query or load("Sweep").text, variables)
    except GraphQLError:
        data = client.execute("SweepLegacy", variables)
    sweep: Mapping[str, Any] | None = (data.get("project") or {}).get("sweep")
    return sweep


def _full_order(order: str) -> str:
    """Give an order a sign, and the name of a summary value its place."""
    sign, key = (order[0], order[1:]) if order[:1] in ("+", "-") else ("-", order)
    try:
        RUN_FIELDS.resolve(key)
    except QueryError:
        key = f"summary_metrics.{key}"
    return sign + key


class Sweeps(SizedCollection[Sweep]):
    """A lazy listing of a project's sweeps.

    Args:
        client: Executes queries.
        entity: The project's entity.
        project: Its name.
        per_page: Sweeps per request.
        filters: W&B's filter, in MongoDB's form.

    Raises:
        UnsupportedError: There is a filter, and the server lists all sweeps or none.

    Example:
        >>> [sweep.name for sweep in api.project("vision", "team").sweeps()]
        ['learning rates']
    """

    QUERY = QueryText("Sweeps")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        per_page: int = 50,
        filters: dict[str, Any] | None = None,
    ) -> None:
        if filters:
            client.require_feature("SWEEPS_QUERY_FILTERING", "Filtering sweeps")
        variables = {"entity": entity, "project": project}
        super().__init__(
            client,
            variables | {"filters": json.dumps(filters)} if filters else variables,
            per_page,
        )
        self.entity = entity
        self.project = project
        self.filters = filters or {}

    def _query(self) -> str:
        return load("FilteredSweeps").text if self.filters else super()._query()

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        project = project_in(data, f"{self.entity}/{self.project}")
        self._count = project.get("totalSweeps")
        sweeps: Mapping[str, Any] | None = project.get("sweeps")
        return sweeps

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Sweep]:
        return [Sweep(self.client, self.entity, self.project, node["name"], node) for node in nodes]

    def __repr__(self) -> str:
        return f"<Sweeps {self.entity}/{self.project}>"


class Agent(Attributes):
    """A program that runs a sweep: `id`, `name`, `host`, `state`, `total_runs`, `heartbeat_at`.

    Args:
        client: Executes queries.
        attrs: The fields as received.
        entity: The entity of the sweep's project.
        project: The project's name.
        sweep_id: The sweep's id.
    """

    def __init__(
        self,
        client: Service,
        attrs: Mapping[str, Any],
        entity: str,
        project: str,
        sweep_id: str,
    ) -> None:
        super().__init__(attrs)
        self.client = client
        self._path = RunPath(entity, project, sweep_id)

    def runs(self, per_page: int = 50) -> AgentRuns:
        """Return the runs that the agent has started.

        Args:
            per_page: Runs per request.

        Returns:
            A lazy listing, the oldest first.
        """
        name = self._attrs.get("name") or self._attrs["id"]
        count = int(self._attrs.get("totalRuns") or 0)
        return AgentRuns(self.client, self._path, name, total_runs=count, per_page=per_page)

    def __repr__(self) -> str:
        return f"<Agent {self._attrs.get('id')} ({self._attrs.get('state', 'Unknown State')})>"


class AgentRuns(Collection[Run]):
    """A lazy listing of the runs of one agent.

    Args:
        client: Executes queries.
        sweep: The sweep.
        agent: The agent's name.
        total_runs: How many there are.
        order: A key to sort by, after `+` or `-`.
        per_page: Runs per request.
    """

    QUERY = QueryText("AgentRuns")
    _PAGE_VARIABLES = ("first", "after")

    def __init__(
        self,
        client: Service,
        sweep: RunPath,
        agent: str,
        *,
        total_runs: int,
        order: str = "+created_at",
        per_page: int = 50,
    ) -> None:
        variables = {
            "entity": sweep.entity,
            "project": sweep.project,
            "sweep": sweep.run_id,
            "agent": agent,
            "order": order,
        }
        super().__init__(client, variables, per_page)
        self._sweep = sweep
        self._agent = agent
        self._total_runs = total_runs

    def __len__(self) -> int:
        return self._total_runs

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        sweep = (data.get("project") or {}).get("sweep") or {}
        if not sweep.get("agent"):
            raise NotFoundError(f"Sweep {self._sweep} has no agent {self._agent!r} any more.")
        runs: Mapping[str, Any] | None = sweep["agent"].get("runs")
        return runs

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Run]:
        place = self._sweep
        return [Run(self.client, place.entity, place.project, node["name"], node) for node in nodes]

    def __repr__(self) -> str:
        return f"<AgentRuns {self._sweep.parent} agent={self._agent!r}>"
