"""Saves a run's exported history files as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.api.downloads import save_file
from wbexport.api.history import fetch_fresh_url, fetch_source
from wbexport.errors import IncompleteRunHistoryError, IntegrityError, NotFoundError, RequestError

if TYPE_CHECKING:
    from os import PathLike

    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["DownloadHistoryResult", "download_history"]


@dataclass(frozen=True)
class DownloadHistoryResult:
    """What was saved of a run's history.

    Attributes:
        paths: The parquet files.
        contains_live_data: Whether the run logged rows that are in none of them.
        errors: File to reason, of those that could not be saved; None when all were.
    """

    paths: list[Path]
    contains_live_data: bool
    errors: dict[Path, str] | None = None


def download_history(
    client: Service, run: RunPath, folder: str | PathLike[str], *, require_complete: bool
) -> DownloadHistoryResult:
    """Save the parquet files that the server has exported of a run's history.

    Args:
        client: Executes queries and downloads.
        run: The run.
        folder: Where they go; made when it is not there.
        require_complete: Refuse a run of which not all rows are exported.

    Returns:
        The files.

    Raises:
        IncompleteRunHistoryError: Not all rows are exported. Nothing was saved.
        NotFoundError: There is no such run.
    """
    source = fetch_source(client, run)
    is_live = source.first_live_step is not None or bool(source.line_count and not source.urls)
    if is_live and require_complete:
        raise IncompleteRunHistoryError(
            f"{run} logged rows that are in no exported file yet: read it with scan_history(), "
            "or pass require_complete_history=False for what is exported."
        )
    paths, errors = [], {}
    for number, url in enumerate(source.urls):
        name = f"{run.entity}_{run.project}_{run.run_id}_{number}.runhistory.parquet"
        try:
            paths.append(
                save_file(
                    client.session,
                    url,
                    Path(folder),
                    name,
                    refresh=partial(fetch_fresh_url, client, run, url),
                )
            )
        except (IntegrityError, NotFoundError, RequestError) as error:
            errors[Path(folder) / name] = str(error)
    return DownloadHistoryResult(paths, is_live, errors or None)
