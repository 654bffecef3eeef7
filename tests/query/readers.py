"""The runs that each reader finds for a filter or an order, as storage ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from tests.query import oracle
from tests.query.cases import JSON_COLUMNS, runs_table
from wbexport.query import to_polars, to_sql
from wbexport.query.order import parse_order

if TYPE_CHECKING:
    from wbexport.query.expressions import Expression

__all__ = ["Readers"]


class Readers:
    """DuckDB, polars and the oracle over the same runs."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        table = runs_table(runs)
        json_columns = ", ".join(f"{name}::json as {name}" for name in JSON_COLUMNS)
        self.runs = runs
        self.frame = pl.DataFrame(pl.from_arrow(table))
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.register("arrived", table)
        self.connection.execute(
            f"create table runs as select * replace ({json_columns}) from arrived"
        )

    def duckdb_filter(self, expression: Expression) -> set[str]:
        condition = to_sql.where(expression)
        query = f"select storage_id from runs r where {condition.text}"
        return {row[0] for row in self.connection.execute(query, condition.params).fetchall()}

    def duckdb_filters(self, expressions: list[Expression]) -> list[set[str]]:
        """Many filters as the columns of one query."""
        conditions = [to_sql.where(expression) for expression in expressions]
        columns = ", ".join(condition.text for condition in conditions)
        params = [param for condition in conditions for param in condition.params]
        query = f"select storage_id, {columns} from runs r"
        rows = self.connection.execute(query, params).fetchall()
        return [
            {row[0] for row in rows if row[position] is True}
            for position in range(1, len(expressions) + 1)
        ]

    def polars_filter(self, expression: Expression) -> set[str]:
        return set(to_polars.filter_frame(self.frame, expression)["storage_id"])

    def oracle_filter(self, filters: dict[str, Any] | None) -> set[str]:
        return {run["storage_id"] for run in self.runs if oracle.matches(run, filters)}

    def duckdb_order(self, order: str | None) -> list[str]:
        terms = to_sql.order_by(parse_order(order))
        query = f"select storage_id from runs r order by {terms.text}"
        return [row[0] for row in self.connection.execute(query, terms.params).fetchall()]

    def polars_order(self, order: str | None) -> list[str]:
        frame = to_polars.sort_frame(self.frame, parse_order(order))
        return frame["storage_id"].to_list()

    def oracle_order(self, order: str | None) -> list[str]:
        return [run["storage_id"] for run in oracle.sort(self.runs, order)]
