"""The runs of a store: the same listing, meaning and attributes as those of `wbexport.Api`."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from wbexport.arrow.flatten import LEFT_OUT, flatten_runs
from wbexport.arrow.formats import check_format, lazy_frame, to_format
from wbexport.arrow.literals import parse_json, wrap_config
from wbexport.arrow.schema import RUNS
from wbexport.errors import InputError, NotFoundError
from wbexport.paths import parse_project_path
from wbexport.query.fields import suggest
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.store.reader import count_runs, read_project_names, read_runs
from wbexport.summary import Summary
from wbexport.views.history import Scan, histories, scan_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    import polars as pl

    from wbexport.arrow.formats import Format
    from wbexport.store.database import Store
    from wbexport.views.history import How, Rows, Stream

__all__ = ["ArchiveRuns", "StoredRun", "find_project", "only_entity"]

_LARGEST_PAGE = 2_000
_DESCRIBED = (
    "entity",
    "project",
    *(name for name in RUNS.names if name not in LEFT_OUT),
    "status",
    "stored_rows",
    "synced_at",
)
_SCANNED = ("run_no", "stored_rows", "run_id")


class StoredRun:
    """One run as the store has it, with the attributes of `wbexport.Api`'s runs.

    `id` is the run's id and `name` its title, as in W&B. Times are ISO texts in UTC.

    Args:
        store: The store it came from.
        record: Its columns in the store.

    Example:
        >>> run = archive.runs("team/vision")[0]
        >>> run.config["lr"], run.summary["loss"]
        (0.1, 0.25)
    """

    def __init__(self, store: Store, record: Mapping[str, Any]) -> None:
        self._store = store
        self._record = record
        self.entity: str = record["entity"]
        self.project: str = record["project"]
        self.id: str = record["run_id"]
        self.storage_id: str = record["storage_id"]
        self.name: str | None = record["display_name"]
        self.display_name: str | None = record["display_name"]
        self.state: str | None = record["state"]
        self.group: str | None = record["group_name"]
        self.job_type: str | None = record["job_type"]
        self.sweep_name: str | None = record["sweep_id"]
        self.tags: list[str] = list(record["tags"] or ())
        self.notes: str | None = record["notes"]
        self.description: str | None = record["description"]
        self.commit: str | None = record["git_commit"]
        self.read_only: bool | None = record["read_only"]
        self.created_at = _iso(record["created_at"])
        self.heartbeat_at = _iso(record["heartbeat_at"])
        self.history_line_count: int | None = record["history_line_count"]
        #: How far the store's copy is to be trusted: complete, live, loading, incomplete or header.
        self.status: str = record["status"]

    @property
    def path(self) -> list[str]:
        """Entity, project and run id."""
        return [self.entity, self.project, self.id]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The run's hyperparameters."""
        return _object(self._record["config"])

    @cached_property
    def rawconfig(self) -> dict[str, Any]:
        """The hyperparameters and what W&B keeps beside them under `_wandb`."""
        raw = wrap_config(self.config, _object(self._record["wandb_config"]))
        return {
            key: item["value"] if isinstance(item, dict) and "value" in item else item
            for key, item in raw.items()
        }

    @cached_property
    def summary(self) -> Summary:
        """The run's summary values."""
        return Summary(self.summary_metrics)

    @cached_property
    def summary_metrics(self) -> dict[str, Any]:
        """The summary values as a plain dict."""
        return _object(self._record["summary"])

    @cached_property
    def system_metrics(self) -> dict[str, Any]:
        """The last machine metrics."""
        return _object(self._record["system_metrics"])

    @cached_property
    def history_keys(self) -> dict[str, Any]:
        """What the server said of the keys that were logged."""
        return _object(self._record["history_keys"])

    @property
    def lastHistoryStep(self) -> int:
        """The last stored step; -1 when there is none."""
        last = self._record["stored_last_step"]
        return -1 if last is None else int(last)

    def history(
        self,
        samples: int = 500,
        keys: list[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: Stream = "default",
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """Give W&B's sample of the run's history: evenly spaced rows, always the same ones.

        Args:
            samples: Rows, at most.
            keys: Only rows that have all of these and `x_axis`, and of them only these.
            x_axis: The key that goes with them.
            pandas: A pandas frame; otherwise dicts.
            stream: `default` for metrics, `system` for machine metrics.

        Returns:
            The rows in step order; none, and a warning, for a key that the run never logged.

        Raises:
            InputError: An argument that cannot be right.
        """
        found = histories(
            self._store.cursor(),
            self._row(),
            samples=samples,
            keys=keys,
            x_axis=x_axis,
            stream=stream,
            format="pandas" if pandas else "default",
            sort_columns=False,
        )
        if not pandas:
            return [{key: row[key] for key in row if key != "run_id"} for row in found]
        frame: pd.DataFrame = found.drop(columns="run_id", errors="ignore")
        return frame

    def scan_history(
        self,
        keys: list[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
        use_cache: bool = True,
    ) -> Rows:
        """Give every row of the run, in step order, each step once.

        Args:
            keys: Only rows that have all of these, and of them only these and `_step`.
            page_size: Accepted as in W&B; the store needs no pages.
            min_step: First step.
            max_step: Step to stop before.
            use_cache: Accepted as in W&B; the store needs no cache.

        Returns:
            An iterable of dicts; every loop over it reads the rows anew.

        Raises:
            InputError: An argument that cannot be right.
        """
        if page_size < 1:
            raise InputError(f"page_size must be a whole number above 0, not {page_size!r}.")
        return scan_rows(
            self._store.cursor, self._row(), keys=keys, min_step=min_step, max_step=max_step
        )

    def __repr__(self) -> str:
        return f"<StoredRun {'/'.join(self.path)} ({self.state})>"

    def _repr_html_(self) -> str:
        path, title = html.escape("/".join(self.path)), html.escape(self.name or self.id)
        return f"<code>{path}</code> {title} ({html.escape(str(self.state))})"

    def _row(self) -> pa.Table:
        return pa.table({name: [self._record[name]] for name in _SCANNED})


class ArchiveRuns:
    """Runs of a store that match a filter, in an order: a lazy list.

    Args:
        store: The store.
        path: `entity/project`; None for every project.
        filters: W&B's Mongo filter.
        order: W&B's order, such as `-summary_metrics.acc`.
        per_page: Runs read at first; later pages are larger.
        missing: Include runs that the server has no more.

    Raises:
        NotFoundError: The store has no such project.
        QueryError: A filter or order that is not understood.

    Example:
        >>> runs = archive.runs("team/vision", filters={"config.lr": {"$lt": 0.01}})
        >>> len(runs), runs[0].name
        (12, 'golden-puddle-7')
    """

    def __init__(
        self,
        store: Store,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str | None = "+created_at",
        per_page: int = 50,
        *,
        missing: bool = False,
    ) -> None:
        if type(per_page) is not int or per_page < 1:
            raise InputError(f"per_page must be a whole number above 0, not {per_page!r}.")
        self.path = path
        self.filters = dict(filters or {})
        self.order = order or "+created_at"
        self.per_page = per_page
        self._store = store
        self._objects: list[StoredRun] = []
        self._is_loaded = False
        self._selection: dict[str, Any] = {
            "project_no": None if path is None else find_project(store, path),
            "where": parse_filter(filters),
            "missing": missing,
        }
        self._ordering = parse_order(self.order)

    def __len__(self) -> int:
        return count_runs(self._store.cursor(), **self._selection)

    def __iter__(self) -> Iterator[StoredRun]:
        position = 0
        while self._load_until(position):
            yield self._objects[position]
            position += 1

    @overload
    def __getitem__(self, index: int) -> StoredRun: ...
    @overload
    def __getitem__(self, index: slice) -> list[StoredRun]: ...

    def __getitem__(self, index: int | slice) -> StoredRun | list[StoredRun]:
        if isinstance(index, slice):
            ends = (index.start or 0, -1 if index.stop is None else index.stop)
            self._load_until(None if min(ends) < 0 else max(ends))
        else:
            self._load_until(None if index < 0 else index)
        return self._objects[index]

    def numbers(self) -> pa.Table:
        """Give the store's own number of each run.

        Returns:
            `run_no` and `run_id`, one row per run, in their order.
        """
        return self._read(("run_no", "run_id"))

    def to_arrow(self) -> pa.Table:
        """Give one row per run, config and summary spread over columns as `flatten_runs` does.

        Returns:
            An Arrow table.
        """
        return flatten_runs(self._read(_DESCRIBED))

    def to_polars(self) -> pl.DataFrame:
        """Give `to_arrow` as a polars frame."""
        return to_format(self.to_arrow(), "polars")

    def to_pandas(self) -> pd.DataFrame:
        """Give `to_arrow` as a pandas frame."""
        return to_format(self.to_arrow(), "pandas")

    def histories(
        self,
        samples: int = 500,
        keys: list[str] | None = None,
        x_axis: str = "_step",
        format: Format = "default",
        stream: Stream = "default",
    ) -> Any:
        """Give W&B's sample of every run: evenly spaced rows, always the same ones.

        Args:
            samples: Rows per run, at most.
            keys: Only rows that have all of these and `x_axis`, and of them only these.
            x_axis: The key that goes with them.
            format: `default` for a list of dicts, `pandas`, `polars` or `arrow`.
            stream: `default` for metrics, `system` for machine metrics.

        Returns:
            The rows with their `run_id`, in the order of the runs; columns sorted by name.

        Raises:
            InputError: An argument that cannot be right.
        """
        check_format(format)
        return histories(
            self._store.cursor(),
            self._read(_SCANNED),
            samples=samples,
            keys=keys,
            x_axis=x_axis,
            stream=stream,
            format=format,
        )

    @overload
    def scan_histories(
        self,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        *,
        format: Literal["polars"] = "polars",
    ) -> pl.LazyFrame: ...
    @overload
    def scan_histories(
        self,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        *,
        format: Literal["arrow"],
    ) -> pa.RecordBatchReader: ...

    def scan_histories(
        self,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        *,
        format: Literal["polars", "arrow"] = "polars",
    ) -> pl.LazyFrame | pa.RecordBatchReader:
        """Give the complete history of every run, read as it is collected.

        Args:
            keys: The keys wanted, as columns in this order; None for all.
            how: With keys, rows that have `any` of them, or `all`.
            min_step: First step.
            max_step: Step to stop before.
            format: `polars` for a LazyFrame, `arrow` for a reader of batches.

        Returns:
            One row per run and step: `run_id` (before it `entity` and `project`, when the runs
            are not those of one project), `_step`, and a column per key.

        Raises:
            QueryError: A key that none of the runs logged; the message names the nearest.
            InputError: Another argument that cannot be right.
        """
        if format not in ("polars", "arrow"):
            raise InputError(f"format must be 'polars' or 'arrow', not {format!r}.")
        runs = self._read(_SCANNED if self.path else ("entity", "project", *_SCANNED))
        scan = Scan(self._store.cursor, runs, keys or None, how, min_step, max_step)
        kinds = scan.kinds()
        if format == "arrow":
            return scan.batches(kinds)
        return lazy_frame(scan.schema(kinds), lambda wanted: scan.batches(kinds, wanted))

    def __repr__(self) -> str:
        return f"<ArchiveRuns {self.path or 'of every project'} ({len(self)})>"

    def _read(self, columns: Sequence[str] | None = None) -> pa.Table:
        return read_runs(
            self._store.cursor(), order=self._ordering, columns=columns, **self._selection
        )

    def _load_until(self, index: int | None) -> bool:
        """Load pages until there is an object at an index; None loads all."""
        while index is None or len(self._objects) <= index:
            if self._is_loaded:
                return False
            size = min(max(self.per_page, len(self._objects)), _LARGEST_PAGE)
            page = read_runs(
                self._store.cursor(),
                order=self._ordering,
                limit=size,
                offset=len(self._objects),
                **self._selection,
            )
            self._objects += [StoredRun(self._store, record) for record in page.to_pylist()]
            self._is_loaded = page.num_rows < size
        return True


def find_project(store: Store, path: str) -> int:
    """Find a project of a store.

    Args:
        store: The store.
        path: `entity/project`, or the project alone where only one entity has it.

    Returns:
        Its number. Of two projects that had one name, the one that was stored last.

    Raises:
        NotFoundError: There is none; the message names the nearest.
    """
    projects = read_project_names(store.cursor())
    wanted = parse_project_path(path, _only({entity for _, entity, _ in projects}))
    numbers = {f"{entity}/{project}": number for number, entity, project in projects}
    if str(wanted) not in numbers:
        hint = suggest(str(wanted), numbers)
        raise NotFoundError(f"{store.path}: holds no project {wanted}{hint or '; sync it first'}")
    return numbers[str(wanted)]


def only_entity(store: Store) -> str | None:
    """Tell whose projects a store holds, if they are all of one entity."""
    return _only({entity for _, entity, _ in read_project_names(store.cursor())})


def _only(entities: set[str]) -> str | None:
    return entities.pop() if len(entities) == 1 else None


def _object(text: str | None) -> dict[str, Any]:
    value = parse_json(text) if text else None
    return value if isinstance(value, dict) else {}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}Z"
