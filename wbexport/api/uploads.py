"""Uploads files of this machine to a run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbexport.api.concurrent import map_in_order
from wbexport.errors import InputError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["name_below", "parse_upload_headers", "upload_run_files"]

_MARK = "MARK_RUN_FILES_UPLOADED"


def name_below(root: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """Tell what a file is called in a run: its path from a folder on, with forward slashes.

    A link counts as a file at its own place, with the content it leads to.

    Args:
        root: The folder.
        path: The file, absolute or from the present folder on.

    Returns:
        The name.

    Raises:
        InputError: The file is not below the folder, or is not a file.

    Example:
        >>> name_below("..", "model.txt")
        'my_dir/model.txt'
    """
    # Resolving would follow a link to the name of what it leads to.
    place, top = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # noqa: PTH100
    if not place.is_relative_to(top):
        # The folders may be the same by way of a link above them.
        place, top = place.parent.resolve() / place.name, top.resolve()
    if not place.is_relative_to(top):
        raise InputError(f"{path} is not below {root}: pass a root that it is below.")
    if not place.is_file():
        raise InputError(f"{place} is not a file, so it cannot be uploaded.")
    return place.relative_to(top).as_posix()


def upload_run_files(client: Service, run: RunPath, files: Mapping[str, Path]) -> None:
    """Upload files to a run, and tell the server when all have arrived.

    Args:
        client: Executes queries and uploads.
        run: The run.
        files: Name in the run to the file.

    Raises:
        InputError: A file cannot be read, or the settings are read-only.
        RequestError: The server did not take a file; it is named.
    """
    names = list(files)
    place = {"entity": run.entity, "project": run.project, "run": run.run_id, "files": names}
    answer = client.execute("CreateRunFiles", place).get("createRunFiles") or {}
    urls = {file["name"]: file.get("uploadUrl") for file in answer.get("files") or ()}
    missing = [name for name in names if not urls.get(name)]
    if not answer.get("runID") or missing:
        raise ResponseError(f"The server gave no place to upload {missing or names} of {run} to.")
    headers = parse_upload_headers(answer.get("uploadHeaders") or ())
    map_in_order(lambda name: _put(client, urls[name], files[name], headers), names)
    if _MARK in client.features:
        marked = client.execute("MarkRunFilesUploaded", place).get("markRunFilesUploaded") or {}
        if not marked.get("success"):
            raise ResponseError(f"The server did not receive all of {names} of {run}.")


def parse_upload_headers(lines: Any) -> dict[str, str]:
    """Read headers that a server wants with an upload, each as `Name: value`."""
    pairs = (str(line).partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _put(client: Service, url: str, file: Path, headers: Mapping[str, str]) -> None:
    try:
        source = file.open("rb")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    with source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{file} is not a file, so it cannot be uploaded.")
        if url.startswith("/"):
            url = client.session.settings.base_url + url
        client.session.upload(url, source, size=status.st_size, headers=headers)
