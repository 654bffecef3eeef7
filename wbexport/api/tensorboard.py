"""Logs a folder of TensorBoard's event files as a run."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbexport.api.filestream import FileStream
from wbexport.api.history import fetch_run
from wbexport.api.run import Run
from wbexport.api.uploads import upload_run_files
from wbexport.errors import ConflictError, NotFoundError, WbexportError
from wbexport.tensorboard.rows import EventFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from wbexport.api.door import Door
    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["sync_events"]


def sync_events(api: Door, root_dir: str | PathLike[str], place: RunPath) -> Run:
    """Log the event files of a folder as a run, upload them, and finish the run.

    Args:
        api: The connection.
        root_dir: The folder.
        place: The run, which is created.

    Returns:
        The run.

    Raises:
        InputError: The folder holds no event files. Nothing was sent.
        IntegrityError: An event file is damaged. Nothing was sent.
        ConflictError: There is such a run, and it has a history. Nothing was sent.
        RequestError: The server did not take all of it; the run is marked as failed.
    """
    folder = _open_events(Path(root_dir))
    _require_empty(api.client, place)
    run = Run.create(api, place.run_id, place.project, place.entity)
    stream = FileStream(run.client, run.run_path)
    summary: dict[str, Any] = {}
    try:
        stream.log(_numbered(folder, summary))
        files = {file.name: file.path for file in folder.files}
        upload_run_files(run.client, run.run_path, files)
        stream.finish(summary)
    except BaseException as error:
        error.add_note(f"Run {run.run_path} is incomplete; it is marked as failed.")
        with suppress(WbexportError):
            stream.finish(summary, exit_code=1)
        raise
    if folder.skipped:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in sorted(folder.skipped.items()))
        _warn(f"Values that a history cannot hold are only in the uploaded files: {kinds}.")
    run.load_full_data(force=True)
    return run


def _open_events(root: Path) -> EventFolder:
    folder = EventFolder(root)
    for file in folder.files:
        if not file.is_whole:
            _warn(f"{file.path} ends in an unfinished record, which is left out.")
    return folder


def _require_empty(client: Service, place: RunPath) -> None:
    with suppress(NotFoundError):
        if fetch_run(client, "RunLight", place).get("historyLineCount"):
            raise ConflictError(f"Run {place} has a history already; sync to another run.")


def _numbered(folder: EventFolder, summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give every row its step and its time since the first one, and keep the last values."""
    first: float | None = None
    for step, row in enumerate(folder.iter_rows()):
        first = row["_timestamp"] if first is None else first
        runtime = max(0.0, row["_timestamp"] - first)
        numbered = row | {"_step": step, "_runtime": runtime}
        summary.update(numbered, _wandb={"runtime": int(runtime)})
        yield numbered


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=4)
