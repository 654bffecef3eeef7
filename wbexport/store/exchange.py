"""Arrow tables in and out of a DuckDB cursor, alike under DuckDB 1.5 and 2."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

__all__ = ["fetch_arrow", "fetch_record", "fetch_row", "incoming"]

# DuckDB 1 turns a relation with bound values into Python objects on the way, 20 times as slow;
# DuckDB 2 copies the rows of `execute` once more, and says so in a warning.
_BY_EXECUTE = duckdb.__version__.startswith("1.")


def fetch_arrow(
    cursor: duckdb.DuckDBPyConnection,
    text: str,
    params: Sequence[Any] | Mapping[str, Any] | None = None,
) -> pa.Table:
    """Run a query and give its whole result.

    Args:
        cursor: Any cursor of the store.
        text: The query.
        params: Values of its `?` or `$name` places.

    Returns:
        The rows.
    """
    if _BY_EXECUTE:
        return cursor.execute(text, params).to_arrow_table()
    _settle(cursor)
    return cursor.sql(text, params=params).to_arrow_table()


def fetch_row(
    cursor: duckdb.DuckDBPyConnection,
    text: str,
    params: Sequence[Any] | Mapping[str, Any] | None = None,
) -> tuple[Any, ...] | None:
    """Run a query and give its first row.

    A row that is fetched alone leaves its statement open until the cursor is used again, and an
    open statement holds up every checkpoint.

    Args:
        cursor: Any cursor of the store.
        text: The query.
        params: Values of its `?` or `$name` places.

    Returns:
        The row; None when there is none.
    """
    rows: list[tuple[Any, ...]] = cursor.execute(text, params).fetchall()
    return rows[0] if rows else None


def fetch_record(
    cursor: duckdb.DuckDBPyConnection,
    text: str,
    params: Sequence[Any] | Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Run a query and give its first row by the names of its columns, as `fetch_row` does."""
    row = fetch_row(cursor, text, params)
    if row is None:
        return None
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


@contextmanager
def incoming(cursor: duckdb.DuckDBPyConnection, table: pa.Table) -> Iterator[None]:
    """Make an Arrow table readable in SQL as `incoming`, without a copy."""
    _settle(cursor)
    cursor.register("incoming", table)
    yield
    # After an error the transaction is over, and its cursor is closed with what it held.
    cursor.unregister("incoming")


def _settle(cursor: duckdb.DuckDBPyConnection) -> None:
    """Let go of a result that was not fetched to its end: DuckDB 2 does nothing else before."""
    # There may be none, or one that fails; a statement that writes leaves a single row.
    with suppress(duckdb.Error):
        if len(cursor.fetchmany(2)) == 2:
            cursor.execute("select 1").fetchall()
