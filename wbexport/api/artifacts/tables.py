"""Tables that were put into artifacts, as W&B writes them: JSON with columns and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.arrow.formats import frame_of_rows
from wbexport.arrow.literals import parse_json
from wbexport.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import polars as pl

__all__ = ["ArtifactTable", "table_path"]

_SUFFIX = ".table.json"


def table_path(name: str) -> str:
    """Return the path in an artifact of a table that was added under a name."""
    return name if name.endswith(_SUFFIX) else f"{name}{_SUFFIX}"


class ArtifactTable:
    """A table of an artifact. Images and the like stay what is noted of them, as JSON.

    Args:
        content: The table's file.
        name: What it is called, for the errors.

    Raises:
        IntegrityError: The file is not a table.

    Example:
        >>> table = api.artifact("team/vision/predictions:latest").get("predictions")
        >>> table.columns, table.data[0]
        (['image', 'label'], ['cat.png', 'cat'])
    """

    def __init__(self, content: bytes, name: str) -> None:
        found = parse_json(content)
        columns, rows = (
            found.get(part) if isinstance(found, dict) else None for part in ("columns", "data")
        )
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise IntegrityError(f"{name!r} is not a table.")
        if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
            raise IntegrityError(f"The table {name!r} has rows of unequal length.")
        self.columns: list[Any] = columns
        self.data: list[list[Any]] = rows

    def get_column(self, name: Any) -> list[Any]:
        """Return the cells of a column.

        Args:
            name: Its name.

        Returns:
            One cell per row.

        Raises:
            InputError: There is no such column.
        """
        if name not in self.columns:
            raise InputError(f"The table has no column {name!r}, only {self.columns}.")
        place = self.columns.index(name)
        return [row[place] for row in self.data]

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Walk through the rows.

        Yields:
            The number of a row, from 0 on, and its cells.
        """
        yield from enumerate(self.data)

    def get_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas frame.

        Returns:
            The frame.

        Raises:
            InputError: pandas is not installed.
        """
        frame: pd.DataFrame = frame_of_rows(self._rows(), "pandas")
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the table as a polars frame.

        Returns:
            The frame; a column whose values have no common type holds them as JSON.
        """
        frame: pl.DataFrame = frame_of_rows(self._rows(), "polars")
        return frame

    def _rows(self) -> list[dict[str, Any]]:
        return [dict(zip(map(str, self.columns), row, strict=True)) for row in self.data]

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<ArtifactTable {len(self.data)} rows, {len(self.columns)} columns>"
