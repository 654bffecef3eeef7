"""Exports a store to a folder of partitioned Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from wbexport.export.tables import export_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from wbexport.export.manifest import Manifest
    from wbexport.store.database import Store

__all__ = ["export_parquet"]


def export_parquet(
    store: Store,
    destination: str | Path,
    *,
    tables: Sequence[str] | None = None,
    projects: Sequence[str] | None = None,
) -> Manifest:
    """Writes tables as `TABLE/entity=…/project=…/part-….parquet`, with a manifest.

    The whole load appears at once, in place of an older one.

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
        ...     export_parquet(store, "load", tables=["runs", "history"])
    """
    return export_tables(store, destination, _Parquet(), tables=tables, projects=projects)


class _Parquet:
    suffix = ".parquet"

    def open(self, path: Path, schema: pa.Schema) -> pq.ParquetWriter:
        """Starts a file, compressed as most engines like it best."""
        return pq.ParquetWriter(path, schema, compression="zstd")
