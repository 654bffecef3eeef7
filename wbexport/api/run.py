"""One run: its history, its files and its console lines, besides its fields and what changes it."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.artifacts.of_run import RunWithArtifacts
from wbexport.api.attributes import iframe, link
from wbexport.api.console import ConsoleLogs
from wbexport.api.files import Files
from wbexport.api.history import fetch_history_keys, fetch_run
from wbexport.api.history_files import DownloadHistoryResult, download_history
from wbexport.api.run_writes import RunWrites
from wbexport.api.sampling import sampled_rows
from wbexport.api.scan_history import HistoryScan
from wbexport.arrow.formats import frame_of_rows
from wbexport.arrow.literals import parse_json
from wbexport.errors import NotFoundError

if TYPE_CHECKING:
    import os

    import pandas as pd

__all__ = ["Run"]

_ENDED = ("finished", "crashed", "failed", "killed")
_POLL_SECONDS = 5.0


class Run(RunWrites, RunWithArtifacts):
    """A run. What a listing leaves out (`config`, `summary` …) is fetched when it is looked at.

    Besides the properties here and its `entity` and `project`, every field of the server is an
    attribute under its snake-case name: `tags`, `notes`, `group`, `job_type`, `created_at`,
    `heartbeat_at`, `read_only`, `display_name`, `description`, `commit`, `history_keys`,
    `history_line_count`.

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

    Example:
        >>> run = api.run("team/vision/1mb3xqzp")
        >>> run.config["lr"], run.summary["loss"]
        (0.1, 0.25)
    """

    _metadata: dict[str, Any] | None = None

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

    def beta_scan_history(
        self,
        keys: list[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
        use_cache: bool = True,
    ) -> HistoryScan:
        """Return the run's complete history. Deprecated: use `scan_history`.

        Args:
            keys: Only rows that have all of these, and of them only these and `_step`.
            page_size: Rows per page, at most.
            min_step: First step.
            max_step: Step to stop before.
            use_cache: Accepted as in W&B; nothing is cached.

        Returns:
            What `scan_history` returns.
        """
        text = "Run.beta_scan_history is deprecated; use Run.scan_history."
        warnings.warn(text, FutureWarning, stacklevel=2)
        return self.scan_history(keys, page_size, min_step, max_step, use_cache)

    def download_history_exports(
        self, download_dir: str | os.PathLike[str], require_complete_history: bool = True
    ) -> DownloadHistoryResult:
        """Save the parquet files that the server has exported of the run's history.

        Args:
            download_dir: The folder; made when it is not there.
            require_complete_history: Refuse a run of which not all rows are exported.

        Returns:
            The files.

        Raises:
            IncompleteRunHistoryError: Not all rows are exported. Nothing was saved.
            NotFoundError: The run is gone.
        """
        return download_history(
            self.client, self.run_path, download_dir, require_complete=require_complete_history
        )

    def console_logs(self, *, per_page: int = 1000, last: int | None = None) -> ConsoleLogs:
        """Return what the run printed.

        Args:
            per_page: Lines per request.
            last: Only so many lines, the newest; None for all.

        Returns:
            A lazy listing, the oldest line first.

        Raises:
            InputError: A number is not a whole one above 0.
        """
        return ConsoleLogs(self.client, self.run_path, per_page, last)

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Write HTML with a frame that shows the run's page.

        Args:
            height: Pixels.
            hidden: Show only the run's path until it is opened.

        Returns:
            The HTML.
        """
        return iframe(self.url, "/".join(self.path), height, hidden)

    def _repr_html_(self) -> str:
        return link(self.url, f"{'/'.join(self.path)} ({self.state})")

    def __repr__(self) -> str:
        return f"<Run {'/'.join(self.path)} ({self.state})>"
