"""Finds run folders, and tells which run each of their files is of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.errors import InputError, IntegrityError, NotFoundError, WbexportError
from wbexport.ingest.frames import RecordLog
from wbexport.ingest.records import RUN, RunRecords, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RunFile", "find_run_folders", "iter_files", "open_run"]

_RUN_FOLDER = re.compile(r"(?:offline-)?run-.+")


@dataclass(frozen=True, slots=True)
class RunFile:
    """The records of one process that logged a run.

    Args:
        path: The `.wandb` file.
        size: How large it is.
        entity: The owner it names, if it does.
        project: The project it names, if it does.
        run_id: The run.
        started: When the process began, in nanoseconds since 1970.
    """

    path: Path
    size: int
    entity: str | None
    project: str | None
    run_id: str
    started: int

    @property
    def name(self) -> str:
        """What the file is known by: its folder's name says when it was made."""
        return f"{self.path.parent.name}/{self.path.name}"


def find_run_folders(folder: Path) -> list[Path]:
    """Find the run folders in a folder of the SDK.

    Args:
        folder: A run folder, the `wandb` folder that holds them, or the folder that holds that.

    Returns:
        The run folders, by name. Links, such as `latest-run`, are not followed.

    Raises:
        InputError: It is no folder.
        NotFoundError: There is no run folder in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; give a wandb folder or one run's folder")
    if any(folder.glob("*.wandb")):
        return [folder]
    for parent in (folder, folder / "wandb"):
        found = sorted(
            place
            for place in parent.glob("*")
            if _RUN_FOLDER.fullmatch(place.name) and place.is_dir() and not place.is_symlink()
        )
        if found:
            return found
    raise NotFoundError(f"{folder}: there are no run folders here; give a wandb folder")


def open_run(folder: Path) -> RunFile:
    """Read which run a folder is of.

    Raises:
        IntegrityError: It cannot be told.
        WbexportError: The file cannot be read.
    """
    paths = sorted(folder.glob("*.wandb"))
    if len(paths) != 1:
        raise IntegrityError("no .wandb file in it" if not paths else "several .wandb files in it")
    try:
        size = paths[0].stat().st_size
        with paths[0].open("rb") as file:
            run = _first_run_record(RecordLog(file))
    except OSError as error:
        raise WbexportError(error.strerror or str(error)) from error
    return RunFile(
        paths[0],
        size,
        entity=run.entity,
        project=run.project,
        run_id=run.run_id,
        started=run.started,
    )


def _first_run_record(log: RecordLog) -> RunRecords:
    for record in log:
        if kind_of(record)[0] == RUN:
            run = RunRecords()
            run.take(record)
            if run.run_id:
                return run
    lost = f"; {log.tail}" if log.tail else ""
    raise IntegrityError(f"its file names no run{lost}")


def iter_files(folder: Path, saved: set[str]) -> Iterator[tuple[str, Path | None]]:
    """Walk the files that a run keeps beside its records.

    A link is followed only where the run's records say that the file was saved: that is how
    `run.save` keeps files that lie elsewhere.

    Args:
        folder: The folder `files`.
        saved: Names that the records hold.

    Returns:
        Name and place of each file; no place for what is a link that nobody saved.
    """
    for place in sorted(folder.rglob("*")):
        name = place.relative_to(folder).as_posix()
        if place.is_symlink():
            yield name, place if name in saved and place.is_file() else None
        elif place.is_file():
            yield name, place
