"""Finds and reads the `.sql` files, installed in the package or in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["list_sql", "read_sql"]

_PACKAGE = Path(__file__).parent
_FOLDERS = (_PACKAGE / "sql", _PACKAGE.parent / "sql")


@cache
def read_sql(name: str) -> str:
    """Return the text of one SQL file.

    Args:
        name: Path below the `sql` folder, with forward slashes.

    Returns:
        The text of the file.

    Raises:
        FileNotFoundError: There is no such file.

    Example:
        >>> read_sql("schema/001_store.sql").startswith("--")
        True
    """
    return (_folder() / name).read_text(encoding="utf-8")


def list_sql(folder: str) -> list[str]:
    """Return the names of the SQL files of a folder, sorted, as `read_sql` takes them.

    Args:
        folder: Folder below `sql`, such as `views`.

    Returns:
        Names such as `views/runs.sql`; an empty list when the folder has none.

    Example:
        >>> list_sql("schema")
        ['schema/001_store.sql']
    """
    return sorted(f"{folder}/{path.name}" for path in (_folder() / folder).glob("*.sql"))


@cache
def _folder() -> Path:
    return next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
