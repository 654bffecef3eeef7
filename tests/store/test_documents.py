"""Documents are written over, found by scope and name, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wbexport.store.documents import Document, delete_document, read_documents, write_document

if TYPE_CHECKING:
    from wbexport.store.database import Store

NOW = datetime(2026, 1, 1)
QUEUE = Document("queue", "q1", "team", {"odd": [1, None, "é"], "big": 2**70}, NOW, NOW, "first")


def test_a_document_comes_back_as_it_was_written_last(store: Store) -> None:
    later = replace(QUEUE, body={"x": 1}, updated_at=NOW + timedelta(days=1))
    with store.transaction() as cursor:
        write_document(cursor, QUEUE)
        assert read_documents(cursor, "queue") == [QUEUE]
        write_document(cursor, later)
    assert read_documents(store.cursor(), "queue", name="first", scope="team") == [later]


def test_other_kinds_scopes_and_names_are_left_alone(store: Store) -> None:
    other = replace(QUEUE, kind="chart")
    second = replace(QUEUE, storage_id="q2", scope="other", name=None)
    with store.transaction() as cursor:
        for each in (QUEUE, other, second):
            write_document(cursor, each)
        assert not delete_document(cursor, "queue", "q3")
        assert delete_document(cursor, "queue", "q1")
    assert read_documents(store.cursor(), "queue") == [second]
    assert read_documents(store.cursor(), "queue", scope="team") == []
    assert read_documents(store.cursor(), "chart", storage_id="q1") == [other]
