"""SQL over a store, and its result in any form."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from wbexport.arrow.formats import to_format
from wbexport.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["SqlResult", "run_sql"]

_SHOWN_ROWS = 20
_NO_LIMIT = 2**62


class SqlResult:
    """What a query answers; it runs when the answer is asked for, each time anew.

    Args:
        relation: The query as DuckDB has understood it.

    Example:
        >>> archive.sql("select run_id, state from runs").pl()
    """

    def __init__(self, relation: duckdb.DuckDBPyRelation) -> None:
        self.relation = relation

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.relation.columns)

    def to_arrow_table(self) -> pa.Table:
        """Give the answer as an Arrow table.

        Raises:
            QueryError: A value made the query fail; the message is DuckDB's own.
        """
        return _said_by_duckdb(self.relation.to_arrow_table)

    def arrow(self) -> pa.Table:
        """Give the answer as an Arrow table."""
        return self.to_arrow_table()

    def pl(self) -> pl.DataFrame:
        """Give the answer as a polars frame."""
        return to_format(self.to_arrow_table(), "polars")

    def df(self) -> pd.DataFrame:
        """Give the answer as a pandas frame."""
        return to_format(self.to_arrow_table(), "pandas")

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give the answer as a list of tuples.

        Raises:
            QueryError: A value made the query fail; the message is DuckDB's own.
        """
        # `limit` makes a new relation, so that each call starts at the first row.
        rows: list[tuple[Any, ...]] = _said_by_duckdb(self.relation.limit(_NO_LIMIT).fetchall)
        return rows

    def __repr__(self) -> str:
        return str(_said_by_duckdb(lambda: str(self.relation)))

    def _repr_html_(self) -> str:
        table = _said_by_duckdb(self.relation.limit(_SHOWN_ROWS).to_arrow_table)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in table.column_names)
        rows = [
            "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row.values())
            for row in table.to_pylist()
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def run_sql(
    cursor: duckdb.DuckDBPyConnection, query: str, params: Sequence[Any] | Mapping[str, Any] | None
) -> SqlResult:
    """Understand a query.

    Args:
        cursor: A cursor of its own.
        query: One statement that answers rows.
        params: Values for `?`, or by name for `$name`.

    Returns:
        Its answer, not yet computed.

    Raises:
        QueryError: DuckDB does not understand it; the message is DuckDB's own.
    """
    bound = dict(params) if isinstance(params, Mapping) else list(params or ())
    relation = _said_by_duckdb(lambda: cursor.sql(query, params=bound))
    if relation is None:
        raise QueryError("this statement answers no rows; write a select")
    return SqlResult(relation)


def _said_by_duckdb(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
