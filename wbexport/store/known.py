"""What reads of one snapshot of a store have found, and need not ask for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.store.ledger import require_stream

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb

__all__ = ["Known"]

#: Names of so few keys are found sooner by a look at each key of the store than by a join.
_FEW_KEYS = 100


class Known:
    """Names of keys, and runs whose streams are there.

    Beside the values of one run, each such question costs a third of the time that reading takes.
    Only reads of the same snapshot may share one.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._brought: set[tuple[int, str]] = set()

    def require_stream(
        self, cursor: duckdb.DuckDBPyConnection, run_nos: Collection[int], stream: str
    ) -> None:
        """Refuse to read a stream that no sync has brought over, as `ledger.require_stream` does.

        Raises:
            NotFoundError: Some of the runs lack the stream.
        """
        wanted = {(number, stream) for number in run_nos}
        if not wanted <= self._brought:
            require_stream(cursor, run_nos, stream)
            self._brought |= wanted

    def key_names(
        self, cursor: duckdb.DuckDBPyConnection, numbers: Collection[int]
    ) -> Mapping[int, str]:
        """Give the names of keys, these and perhaps others, by their numbers."""
        new = [number for number in numbers if number not in self._names]
        if new:
            chosen = (
                "list_contains(?::integer[], key_no)"
                if len(new) < _FEW_KEYS
                else "key_no in (select unnest(?::integer[]))"
            )
            found = cursor.execute(f"select key_no, key from stored.keys where {chosen}", [new])
            self._names.update(found.fetchall())
        return self._names
