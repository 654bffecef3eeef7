"""Opens runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from wbexport.api.door import Door
from wbexport.api.run import Run
from wbexport.api.run_writes import new_run_id
from wbexport.api.runs import Runs
from wbexport.api.tensorboard import sync_events
from wbexport.paths import DEFAULT_PROJECT, RunPath, parse_run_path

if TYPE_CHECKING:
    import os

__all__ = ["OpensRuns"]


class OpensRuns(Door):
    """Runs, one or those of a project."""

    def run(self, path: str = "") -> Run:
        """Return a run.

        Args:
            path: `entity/project/run_id`, or less when the settings say the rest.

        Returns:
            The run, with all its fields. The same object for the same path, until `flush`.

        Raises:
            PathError: The path has another form.
            NotFoundError: There is no such run, or this key may not see it.
        """
        place = parse_run_path(path or self.settings.run or "", self._entity, self.settings.project)
        if place not in self._opened:
            self._opened[place] = Run(
                self.client, place.entity, place.project, place.run_id, lazy=False
            )
        return cast("Run", self._opened[place])

    def create_run(
        self,
        *,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
    ) -> Run:
        """Create a run, or return the one that has this id.

        Args:
            run_id: Its id; a new one by default.
            project: Its project, created when it is not there; by default that of the settings,
                or `uncategorized`.
            entity: The project's entity; by default that of the settings or of the key.

        Returns:
            The run.

        Raises:
            PathError: The id cannot be.
            RequestError: The server did not create it.
        """
        return Run.create(self, run_id, project, entity)

    def sync_tensorboard(
        self,
        root_dir: str | os.PathLike[str],
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
    ) -> Run:
        """Log a folder of TensorBoard's event files as a run.

        Scalars, texts and histograms become its history, under their tags after the names of the
        folders they are in; the event files become run files, and the run is finished.

        Args:
            root_dir: The folder that TensorBoard would show.
            run_id: The run's id; a new one by default.
            project: Its project, created when it is not there; by default that of the settings,
                or `uncategorized`.
            entity: The project's entity; by default that of the settings or of the key.

        Returns:
            The run.

        Raises:
            InputError: The folder holds no event files, or the id cannot be. Nothing was sent.
            IntegrityError: An event file is damaged. Nothing was sent.
            ConflictError: There is such a run, and it has a history. Nothing was sent.
            RequestError: The server did not take all of it; the run is marked as failed.
        """
        place = RunPath(
            self._require_entity(entity),
            project or self.settings.project or DEFAULT_PROJECT,
            run_id or new_run_id(),
        )
        return sync_events(self, root_dir, place)

    def runs(
        self,
        path: str | None = None,
        filters: dict[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = True,
        lazy: bool = True,
    ) -> Runs:
        """Return the runs of a project that match a filter.

        Args:
            path: `entity/project`, or less when the settings say the rest.
            filters: W&B's filter in MongoDB's form: `state`, `display_name`, `created_at`, `tags`,
                `config.KEY`, `summary_metrics.KEY` … with `$and`, `$or`, `$gt`, `$in`, `$regex` …
            order: A key to sort by, after `+` (ascending) or `-` (descending).
            per_page: Runs per request.
            include_sweeps: Accepted as in W&B; a sweep is fetched when it is looked at.
            lazy: List runs without `config`, `summary` and `system_metrics`; those come when one
                is looked at, for the whole page at once.

        Returns:
            A lazy listing. The same object for the same path, filter and order, until `flush`.

        Raises:
            PathError: The path has another form.
            QueryError: The filter or the order is not understood.
        """
        place = self._project_path(path)
        runs = Runs(
            self.client,
            place.entity,
            place.project,
            filters,
            order,
            per_page,
            include_sweeps,
            lazy,
        )
        key = (place, json.dumps(runs.filters), runs.order)
        opened = cast("Runs", self._opened.setdefault(key, runs))
        if not lazy:
            opened.upgrade_to_full()
        return opened
