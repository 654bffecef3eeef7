"""What a load contains, and how a finished load takes the place of the one before."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbexport.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MANIFEST_NAME", "Manifest", "TableEntry", "read_manifest", "staged", "write_manifest"]

#: The file that makes a folder a load of ours; only such a folder is ever replaced.
MANIFEST_NAME = "manifest.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One table of a load.

    Args:
        rows: Rows in all of its files.
        columns: Column name to Arrow type.
        files: Path of each file below the load's folder, to its rows.
    """

    rows: int
    columns: Mapping[str, str]
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a load contains.

    Args:
        format: 'parquet' or 'csv'.
        schema_version: Format of the store it was made from.
        projects: `entity/project` of everything in it.
        first_synced_at: Time of the oldest run in it, as the store last saw it.
        last_synced_at: Time of the newest; the watermark of the load.
        tables: The tables by name.
    """

    format: str
    schema_version: str
    projects: tuple[str, ...]
    first_synced_at: str | None
    last_synced_at: str | None
    tables: Mapping[str, TableEntry]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    def to_dict(self) -> dict[str, Any]:
        """Gives the manifest as it is written."""
        return {"wbexport_load": _VERSION, **asdict(self)}


def read_manifest(folder: str | Path) -> Manifest:
    """Reads the manifest of a finished load.

    Args:
        folder: The folder that was exported to.

    Returns:
        The manifest.

    Raises:
        StoreError: The folder holds no load.

    Example:
        >>> read_manifest("load").tables["history"].rows  # doctest: +SKIP
        8000000
    """
    path = Path(folder) / MANIFEST_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("wbexport_load") != _VERSION:
            raise StoreError(f"{path}: written by another version of wbexport")
        tables = {name: TableEntry(**entry) for name, entry in content.pop("tables").items()}
        content["projects"] = tuple(content["projects"])
        return Manifest(tables=tables, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path.parent}: holds no finished load of wbexport") from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Writes a manifest, the last file of a load."""
    path.write_text(json.dumps(manifest.to_dict(), indent=2, ensure_ascii=False), encoding="utf-8")


@contextmanager
def staged(destination: str | Path) -> Iterator[Path]:
    """Gives a folder to write a load into; it takes its place when the block ends well.

    Readers of the destination see the old load or the new one, and nothing of a load that failed.
    Two renames swap them, so that a reader who comes just in between finds neither and has to
    look again.

    Args:
        destination: Where the load is to be; nothing, an empty folder, or an older load.

    Yields:
        An empty folder beside it.

    Raises:
        StoreError: The destination holds something that is not a load.
    """
    destination = Path(destination).expanduser().absolute()
    _check_replaceable(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    tag = uuid.uuid4().hex[:8]
    staging = destination.with_name(f".{destination.name}.new-{tag}")
    staging.mkdir()
    try:
        yield staging
        _sync_tree(staging)
        _swap(staging, destination, destination.with_name(f".{destination.name}.old-{tag}"))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_replaceable(destination: Path) -> None:
    if destination.is_dir() and not any(destination.iterdir()):
        return
    if destination.is_symlink() or destination.exists():
        try:
            read_manifest(destination)
        except StoreError as error:
            message = f"{destination}: is there already and is no load; choose another folder"
            raise StoreError(message) from error


def _swap(staging: Path, destination: Path, old: Path) -> None:
    replaced = destination.exists()
    if replaced:
        destination.rename(old)
    try:
        staging.rename(destination)
    except OSError:
        if replaced:
            old.rename(destination)
        raise
    _sync_folder(destination.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    """Puts every file on the disk before anything is renamed."""
    for path in folder.rglob("*"):
        _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
