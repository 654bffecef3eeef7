"""Objects that only the API reads, each a JSON object of some kind inside some scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json, write_json

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

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
) -> list[Document]:
    """Read objects of a kind.

    Args:
        cursor: Any cursor of the store.
        kind: The kind.
        scope: Only those of this scope.
        storage_id: Only the one of this identity.
        name: Only those of this name.

    Returns:
        The objects, oldest first.
    """
    found = cursor.execute(
        """
        select
            kind,
            storage_id,
            scope,
            name,
            body,
            created_at,
            updated_at
        from stored.documents
        where kind = $kind
            and ($scope is null or scope = $scope)
            and ($storage_id is null or storage_id = $storage_id)
            and ($name is null or name = $name)
        order by created_at, storage_id
        """,
        {"kind": kind, "scope": scope, "storage_id": storage_id, "name": name},
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
