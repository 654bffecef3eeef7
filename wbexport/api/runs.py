"""Runs of a project: filtered, ordered, lazily listed, and read all at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from wbexport.api.answers import project_in
from wbexport.api.collection import QueryText, SizedCollection
from wbexport.api.concurrent import map_in_order
from wbexport.api.run import Run
from wbexport.api.sampling import check_sampling, sampled_rows_of_runs
from wbexport.api.scan_histories import plan_histories
from wbexport.arrow.flatten import flatten_runs
from wbexport.arrow.formats import (
    check_format,
    frame_of_parts,
    frame_of_rows,
    lazy_frame,
    pack_rows,
    to_format,
)
from wbexport.errors import (
    GraphQLError,
    InputError,
    ResponseError,
    ServerError,
)
from wbexport.graphql.connection import iter_pages
from wbexport.graphql.documents import load
from wbexport.graphql.models import RunNode, read_node, runs_to_table
from wbexport.paths import ProjectPath
from wbexport.query.mongo import parse_filter
from wbexport.query.order import DEFAULT_ORDER, parse_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import polars as pl

    from wbexport.api.service import Service

__all__ = ["Runs"]

_RUNS_PER_REQUEST = 1000
#: Rows of samples in one answer, about, and runs in it at most.
_ROWS_PER_REQUEST = 2500
_MOST_SAMPLED = 50


class Runs(SizedCollection[Run]):
    """A lazy listing of the runs of a project that match a filter.

    Args:
        client: Executes queries.
        entity: The project's entity.
        project: Its name.
        filters: W&B's filter, in MongoDB's form.
        order: A key to sort by, after `+` or `-`.
        per_page: Runs per request.
        include_sweeps: Accepted as in W&B; a sweep is fetched when it is looked at.
        lazy: List runs without their large fields; those come when one is looked at.

    Raises:
        QueryError: The filter or the order is not understood. Nothing was sent.

    Example:
        >>> runs = api.runs("team/vision", filters={"config.lr": {"$lt": 0.01}})
        >>> runs.histories(samples=100, keys=["loss"], format="polars").columns
        ['_step', 'loss', 'run_id']
    """

    QUERY = QueryText("Runs")

    def __init__(
        self,
        client: Service,
        entity: str,
        project: str,
        filters: dict[str, Any] | None = None,
        order: str = DEFAULT_ORDER,
        per_page: int = 50,
        include_sweeps: bool = True,
        lazy: bool = True,
    ) -> None:
        parse_filter(filters)
        parse_order(order)
        self.entity = entity
        self.project = project
        self.filters = filters or {}
        self.order = order or DEFAULT_ORDER
        variables = {
            "entity": entity,
            "project": project,
            "filters": json.dumps(self.filters),
            "order": self.order,
        }
        super().__init__(client, variables, per_page)
        self.include_sweeps = include_sweeps
        self._operation = "Runs" if lazy else "RunsFull"
        self._seen: set[str] = set()

    def upgrade_to_full(self) -> None:
        """Load the large fields of all runs listed so far, and list later ones with them."""
        self._operation = "RunsFull"
        self._load_full(self.objects)

    def histories(
        self,
        samples: int = 500,
        keys: list[str] | None = None,
        x_axis: str = "_step",
        format: Literal["default", "pandas", "polars", "arrow"] = "default",
        stream: Literal["default", "system"] = "default",
    ) -> list[dict[str, Any]] | pd.DataFrame | pl.DataFrame | pa.Table:
        """Return W&B's sample of every run's history. For all rows, see `scan_histories`.

        Args:
            samples: How many rows to ask for per run.
            keys: Only rows that have all of these, and of them only these and `x_axis`.
            x_axis: The key that goes with them.
            format: `default` for a list of dicts, `pandas`, `polars` or `arrow`.
            stream: `default` for metrics, `system` for machine metrics.

        Returns:
            The rows of all runs in the order of the listing, each with its `run_id`. In frames,
            columns are sorted by name. A column whose values have no common type holds them as
            they are in pandas, and as JSON in the others.

        Raises:
            InputError: An argument that cannot be right.
        """
        check_format(format)
        check_sampling(keys, stream, samples)

        ids = [run.id for run in self]
        at_once = max(1, min(_MOST_SAMPLED, _ROWS_PER_REQUEST // samples))

        def fetch(start: int) -> list[list[dict[str, Any]]]:
            names = ids[start : start + at_once]
            parts = sampled_rows_of_runs(
                self.client,
                self._path,
                names,
                samples=samples,
                keys=keys,
                x_axis=x_axis,
                stream=stream,
            )
            for name, rows in zip(names, parts, strict=True):
                for row in rows:
                    row["run_id"] = name
            return parts

        starts = range(0, len(ids), at_once)
        if format in ("polars", "arrow"):
            packed = map_in_order(lambda start: [pack_rows(p) for p in fetch(start)], starts)
            return frame_of_parts([p for ps in packed for p in ps], format, sort_columns=True)
        rows = [row for parts in map_in_order(fetch, starts) for part in parts for row in part]
        return rows if format == "default" else frame_of_rows(rows, format, sort_columns=True)

    def scan_histories(
        self,
        keys: Sequence[str] | None = None,
        how: Literal["any", "all"] = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        format: Literal["polars", "arrow"] = "polars",
    ) -> pl.LazyFrame | pa.RecordBatchReader:
        """Return the complete histories of all runs, read when they are collected.

        Args:
            keys: Keys to read; None for all.
            how: `any` for rows that have one of the keys, `all` for rows that have all of them.
            min_step: First step.
            max_step: Step to stop before.
            format: `polars` for a lazy frame, `arrow` for a reader of record batches.

        Returns:
            `run_id`, `_step` and a column per key. Numbers are floats, since the server does not
            say which keys hold only whole ones.

        Raises:
            InputError: An argument that cannot be right.
            QueryError: No run logged one of the keys.
        """
        if format not in ("polars", "arrow"):
            raise InputError(f"format must be 'polars' or 'arrow', not {format!r}.")
        plan = plan_histories(
            self.client,
            self._path,
            self._fetch_nodes("RunsKeys"),
            keys=keys,
            how=how,
            min_step=min_step,
            max_step=max_step,
        )
        if format == "polars":
            return lazy_frame(plan.schema, lambda _: plan.iter_batches())
        return pa.RecordBatchReader.from_batches(plan.schema, plan.iter_batches())

    def to_arrow(self) -> pa.Table:
        """Return one row per run, its config and summary spread over columns.

        Returns:
            The run's columns, then `config.*` and `summary.*`.
        """
        return flatten_runs(runs_to_table(self._fetch_nodes("RunsFull")))

    def to_polars(self) -> pl.DataFrame:
        """Return `to_arrow` as a polars frame.

        Returns:
            One row per run.
        """
        return to_format(self.to_arrow(), "polars")

    def to_pandas(self) -> pd.DataFrame:
        """Return `to_arrow` as a pandas frame.

        Returns:
            One row per run.

        Raises:
            InputError: pandas is not installed.
        """
        return to_format(self.to_arrow(), "pandas")

    @property
    def _path(self) -> ProjectPath:
        return ProjectPath(self.entity, self.project)

    def _fetch_nodes(self, operation: str) -> list[RunNode]:
        """Fetch all runs with the fields of a query, once and in large pages."""
        listing = Runs(
            self.client,
            self.entity,
            self.project,
            self.filters,
            self.order,
            per_page=_RUNS_PER_REQUEST,
        )
        listing._operation = operation
        pages = iter_pages(listing._fetch)
        nodes = [read_node(RunNode, edge["node"]) for page in pages for edge in page["edges"]]
        return list({node.id: node for node in nodes}.values())

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        project = project_in(data, self._path)
        self._count = project.get("runCount")
        runs: Mapping[str, Any] | None = project.get("runs")
        return runs

    def _query(self) -> str:
        return load(self._operation).text

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Run]:
        page: list[Run] = []
        page += [
            Run(
                self.client,
                self.entity,
                self.project,
                node["name"],
                node,
                self.include_sweeps,
                self._operation == "Runs",
                load_full=lambda: self._learn_to_load(page),
            )
            for node in nodes
        ]
        return page

    def _fresh(self, objects: list[Run]) -> list[Run]:
        # A run created meanwhile can move others to the next page, which then shows them again.
        fresh = [run for run in objects if run.storage_id not in self._seen]
        self._seen |= {run.storage_id for run in fresh}
        return fresh

    def _learn_to_load(self, page: Sequence[Run]) -> None:
        """Load the large fields of a page, and list the next ones with them."""
        self._operation = "RunsFull"
        self._load_full(page)

    def _load_full(self, runs: Sequence[Run]) -> None:
        """Fetch the large fields of listed runs together; those that are gone stay as they are."""
        missing = {run.storage_id: run for run in runs if not run.is_full}
        ids = [run.id for run in missing.values()]
        for start in range(0, len(ids), _RUNS_PER_REQUEST):
            names = ids[start : start + _RUNS_PER_REQUEST]
            full = Runs(
                self.client,
                self.entity,
                self.project,
                {"name": {"$in": names}},
                per_page=len(names),
                lazy=False,
            )
            try:
                nodes = [edge["node"] for page in iter_pages(full._fetch) for edge in page["edges"]]
            except (GraphQLError, ResponseError, ServerError):
                # One bad run spoils the answer for all; each is then fetched when it is looked at.
                continue
            for node in nodes:
                if node["id"] in missing:
                    missing[node["id"]].adopt(node)

    def __repr__(self) -> str:
        return f"<Runs {self._path}>"
