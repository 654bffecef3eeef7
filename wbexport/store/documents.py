"""Objects that only the API reads, each a JSON object of some kind inside some scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json, write_json
from wbexport.query import to_sql
from wbexport.query.expressions import Always

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey

__all__ = ["Document", "delete_document", "read_documents", "write_document"]


@dataclass(frozen=True, slots=True)
class Document:
    """One object.

    Args:
        kind: What it is, such as `trigger` or `run_queue`.
        storage_id: Its identity among all documents.
        scope: What it belongs to: the name or the identity of something else.
        body: The object itself.
        name: What people call it; unique in its scope where the server says so.
        created_at: When it was written first, in UTC.
        updated_at: When it was written last, in UTC.
    """

    kind: str
    storage_id: str
    scope: str
    body: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    name: str | None = None


def read_documents(
    cursor: duckdb.DuckDBPyConnection,
    kind: str,
    *,
    scope: str | None = None,
    storage_id: str | None = None,
    name: str | None = None,
    where: Expression | None = None,
    order: Sequence[OrderKey] = (),
) -> list[Document]:
    """Read objects of a kind.

    Args:
        cursor: Any cursor of the store.
        kind: The kind.
        scope: Only those of this scope.
        storage_id: Only the one of this identity.
        name: Only those of this name.
        where: A filter over `DOCUMENT_FIELDS`.
        order: Order keys over them.

    Returns:
        The objects, oldest first unless there is an order.
    """
    condition = to_sql.where(where or Always())
    ordering = to_sql.order_by(order)
    first = "" if order else "created_at, "
    found = cursor.execute(
        f"""
        select
            kind,
            storage_id,
            scope,
            name,
            body,
            created_at,
            updated_at
        from (
            select *
            from stored.documents
            where kind = ?
                and scope = coalesce(?, scope)
                and storage_id = coalesce(?, storage_id)
                and (name = ? or ? is null)
        ) r
        where {condition.text}
        order by {first}{ordering.text}
        """,
        [kind, scope, storage_id, name, name, *condition.params, *ordering.params],
    ).fetchall()
    return [
        Document(kind, storage_id, scope, parse_json(body), created_at, updated_at, name)
        for kind, storage_id, scope, name, body, created_at, updated_at in found
    ]


def write_document(cursor: duckdb.DuckDBPyConnection, document: Document) -> None:
    """Write an object, over the one of the same kind and identity if there is one.

    Args:
        cursor: The cursor of a transaction.
        document: The object.
    """
    delete_document(cursor, document.kind, document.storage_id)
    cursor.execute(
        "insert into stored.documents values (?, ?, ?, ?, ?, ?, ?)",
        [
            document.kind,
            document.storage_id,
            document.scope,
            document.name,
            write_json(document.body),
            document.created_at,
            document.updated_at,
        ],
    )


def delete_document(cursor: duckdb.DuckDBPyConnection, kind: str, storage_id: str) -> bool:
    """Forget an object.

    Args:
        cursor: The cursor of a transaction.
        kind: Its kind.
        storage_id: Its identity.

    Returns:
        Whether there was one.
    """
    gone = cursor.execute(
        "delete from stored.documents where kind = ? and storage_id = ? returning 1",
        [kind, storage_id],
    ).fetchall()
    return bool(gone)
