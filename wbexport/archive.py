"""The door to a store: open the file, ask for runs, histories, SQL, or a whole `Api`."""

from __future__ import annotations

import html
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, overload

from wbexport.arrow.formats import check_format, to_format
from wbexport.errors import NotFoundError
from wbexport.paths import parse_run_path
from wbexport.store.database import Store, second_cursor
from wbexport.store.reader import read_project_names
from wbexport.views.runs import ArchiveRuns, only_entity
from wbexport.views.sql import run_sql
from wbexport.views.tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import polars as pl
    import pyarrow as pa

    from wbexport.api.client import Api
    from wbexport.arrow.formats import Format
    from wbexport.views.history import How, Stream
    from wbexport.views.runs import StoredRun
    from wbexport.views.sql import SqlResult

__all__ = ["Archive", "open"]


def open(path: str | Path, *, replacements: bool = False) -> Archive:
    """Open a store to read it; a sync may go on meanwhile.

    Args:
        path: The `.duckdb` file.
        replacements: Let SQL read Python variables and files, with the powers of this process.

    Returns:
        The archive, as it was published last; `refresh` looks for something newer.

    Raises:
        StoreMissingError: There is no store at this path.
        StoreDamagedError: It is no store, or it is damaged.
        StoreVersionError: A newer wbexport wrote it.

    Example:
        >>> archive = wbexport.open("wb.duckdb")
        >>> archive.runs("team/vision", order="-summary_metrics.acc")[0].name
        'golden-puddle-7'
    """
    return Archive(Store.open_reader(path, hardened=not replacements))


class Archive:
    """A store that is open to be read. It is closed by `close` or at the end of a `with`.

    Args:
        store: The open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def projects(self) -> list[tuple[str, str]]:
        """List the projects of the store.

        Returns:
            Pairs of entity and project, in order.
        """
        found = read_project_names(self._store.cursor())
        return list(dict.fromkeys((entity, project) for _, entity, project in found))

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str | None = "+created_at",
        per_page: int = 50,
        *,
        missing: bool = False,
    ) -> ArchiveRuns:
        """List runs, with the filters and orders of `wbexport.Api.runs`.

        Args:
            path: `entity/project`; None for every project.
            filters: W&B's Mongo filter.
            order: W&B's order, such as `-summary_metrics.acc`.
            per_page: Runs read at first.
            missing: Include runs that the server has no more.

        Returns:
            A lazy list.

        Raises:
            NotFoundError: The store has no such project.
            QueryError: A filter or order that is not understood.
        """
        return ArchiveRuns(self._store, path, filters, order, per_page, missing=missing)

    def run(self, path: str) -> StoredRun:
        """Find one run by its path.

        Args:
            path: `entity/project/run_id`, in any form that `wbexport.Api.run` takes.

        Returns:
            The run.

        Raises:
            NotFoundError: The store has no such run.
        """
        wanted = parse_run_path(path, only_entity(self._store))
        found = self.runs(str(wanted.parent), filters={"name": wanted.run_id}, missing=True)[:1]
        if not found:
            raise NotFoundError(f"{self._store.path}: holds no run {wanted}; sync it first")
        return found[0]

    def history(self, path: str, **options: Any) -> Any:
        """Give W&B's sample of one run's history: `StoredRun.history`.

        Args:
            path: `entity/project/run_id`.
            **options: As for `StoredRun.history`.

        Returns:
            A pandas frame, or dicts with `pandas=False`.
        """
        return self.run(path).history(**options)

    def histories(
        self,
        path: str | None = None,
        *,
        samples: int = 500,
        keys: list[str] | None = None,
        x_axis: str = "_step",
        format: Format = "default",
        stream: Stream = "default",
    ) -> Any:
        """Give W&B's sample of every run of a project: `ArchiveRuns.histories`.

        Args:
            path: `entity/project`; None for every project.
            samples: Rows per run, at most.
            keys: Only rows that have all of these and `x_axis`, and of them only these.
            x_axis: The key that goes with them.
            format: `default` for a list of dicts, `pandas`, `polars` or `arrow`.
            stream: `default` for metrics, `system` for machine metrics.

        Returns:
            The rows with their `run_id`.
        """
        return self.runs(path).histories(samples, keys, x_axis, format, stream)

    @overload
    def scan_histories(
        self,
        path: str | None = None,
        *,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        format: Literal["polars"] = "polars",
    ) -> pl.LazyFrame: ...
    @overload
    def scan_histories(
        self,
        path: str | None = None,
        *,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        format: Literal["arrow"],
    ) -> pa.RecordBatchReader: ...

    def scan_histories(
        self,
        path: str | None = None,
        *,
        keys: Sequence[str] | None = None,
        how: How = "any",
        min_step: int | None = None,
        max_step: int | None = None,
        format: Literal["polars", "arrow"] = "polars",
    ) -> pl.LazyFrame | pa.RecordBatchReader:
        """Give the complete history of every run of a project: `ArchiveRuns.scan_histories`.

        Args:
            path: `entity/project`; None for every project.
            keys: The keys wanted, as columns in this order; None for all.
            how: With keys, rows that have `any` of them, or `all`.
            min_step: First step.
            max_step: Step to stop before.
            format: `polars` for a LazyFrame, `arrow` for a reader of batches.

        Returns:
            One row per run and step.
        """
        runs = self.runs(path)
        if format == "arrow":
            return runs.scan_histories(keys, how, min_step, max_step, format="arrow")
        return runs.scan_histories(keys, how, min_step, max_step, format=format)

    def tables(
        self,
        key: str,
        path: str | None = None,
        *,
        filters: Mapping[str, Any] | None = None,
        order: str | None = "+created_at",
        format: Format = "polars",
    ) -> Any:
        """Give all tables that runs logged under a key as one; their files must have been synced.

        Args:
            key: The key, such as `eval/predictions`.
            path: `entity/project`; None for every project.
            filters: W&B's Mongo filter: which runs.
            order: W&B's order of the runs.
            format: `polars`, `pandas`, `arrow`, or `default` for a list of dicts.

        Returns:
            One row per run, step and row of a table: `run_id`, `_step` and the tables' columns.

        Raises:
            QueryError: No run logged a table under this key; the message names the nearest.
            NotFoundError: The bytes of a table are not in the store.

        Example:
            >>> archive.tables("eval/predictions", "team/vision").group_by("label").len()
        """
        check_format(format)
        runs = self.runs(path, filters, order)
        return to_format(read_tables(self._store, runs.numbers(), key), format)

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> SqlResult:
        """Ask the store in SQL. It is read-only, and kept from files and Python variables.

        Args:
            query: One statement; `show tables` lists what there is to ask.
            params: Values for `?`, or by name for `$name`.

        Returns:
            The answer: `.pl()`, `.df()`, `.arrow()`, `.fetchall()`, or a printed table.

        Raises:
            QueryError: DuckDB does not understand it; the message is DuckDB's own.

        Example:
            >>> archive.sql("select count(*) from runs where state = ?", ["finished"]).fetchall()
            [(12,)]
        """
        return run_sql(second_cursor(self._store.cursor()), query, params)

    def coverage(self) -> pl.DataFrame:
        """Tell how much of every project is here.

        Returns:
            One row per project: runs by status, rows stored and rows the server counted.
        """
        return to_format(self.sql("from coverage order by entity, project").arrow(), "polars")

    def api(self) -> Api:
        """Give a whole `wbexport.Api` whose server is this file; no network is used.

        Returns:
            An `Api` that reads from this archive while it is open.
        """
        # Client and server take longer to load than a store takes to open.
        api: Api = import_module("wbexport.offline").api_over(self._store)
        return api

    def refresh(self) -> bool:
        """Look at what a sync has published since; listings made before may change as well.

        Returns:
            Whether there was something newer.
        """
        return self._store.refresh()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Archive {self._store.path}>"

    def _repr_html_(self) -> str:
        name = html.escape(self._store.path.name)
        counts = self.coverage().select("entity", "project", "runs").rows()
        lines = [
            html.escape(f"{entity}/{project}: {runs} runs") for entity, project, runs in counts
        ]
        return f"<b>{name}</b><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
