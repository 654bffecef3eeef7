"""Exports a store to a folder of partitioned CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.csv as pacsv

from wbexport.export.tables import export_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from wbexport.export.manifest import Manifest
    from wbexport.store.database import Store

__all__ = ["export_csv"]


def export_csv(
    store: Store,
    destination: str | Path,
    *,
    tables: Sequence[str] | None = None,
    projects: Sequence[str] | None = None,
) -> Manifest:
    """Writes tables as `TABLE/entity=…/project=…/part-….csv`, with a manifest.

    Texts are quoted, so that an empty text and a missing one stay apart. The whole load appears
    at once, in place of an older one.

    Args:
        store: An open store.
        destination: The load's folder.
        tables: Which tables; all by default.
        projects: Which projects, as `entity/project`; all by default.

    Returns:
        The manifest: tables, rows, files, watermark.

    Raises:
        InputError: There is no such table.
        NotFoundError: The store has no such project.
        StoreError: The destination is something else than a load.

    Example:
        >>> with Store.open_reader("wb.duckdb") as store:  # doctest: +SKIP
        ...     export_csv(store, "load", tables=["runs"])
    """
    return export_tables(store, destination, _Csv(), tables=tables, projects=projects)


class _Csv:
    suffix = ".csv"

    def open(self, path: Path, schema: pa.Schema) -> pacsv.CSVWriter:
        """Starts a file with a header line."""
        return pacsv.CSVWriter(path, schema)
