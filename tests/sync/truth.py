"""A project whose every value is known: what a sync must reproduce.

It lives in a store of its own, which our server serves. Every change a real project goes through
has a method: runs log, finish, resume, rewind, are edited, renamed and deleted.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.digest import DIGEST_MODULUS, long_digest
from wbexport.arrow.schema import LONG, RUNS
from wbexport.store.reader import read_long
from wbexport.store.writer import (
    ProjectRow,
    delete_runs,
    upsert_project,
    upsert_runs,
    write_history,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wbexport.store.database import Store

ORIGIN = "http://truth"
EPOCH = datetime(2026, 1, 1)


def digest_of(store: Store, project: str = "p") -> dict[str, str]:
    """Digest of the history of every run of a project that is not deleted, by storage id."""
    cursor = store.cursor()
    runs = cursor.execute(
        """select storage_id, run_no from stored.runs
        where missing_since is null and starts_with(storage_id, ?)""",
        [f"{project}-"],
    ).fetchall()
    return {
        storage_id: f"{long_digest(storage_id, 'history', read_long(cursor, [run_no])):032x}"
        for storage_id, run_no in runs
    }


def headers_of(store: Store, project: str = "p") -> list[tuple[str, ...]]:
    """What an archive must repeat of every run that is not deleted, besides its history."""
    found = store.cursor().execute(
        """select config::varchar, summary::varchar, storage_id, run_id, display_name, state, tags,
        notes, coalesce(last_step, -1), coalesce(history_line_count, 0), stored_rows
        from stored.runs where missing_since is null and starts_with(storage_id, ?)
        order by storage_id""",
        [f"{project}-"],
    )
    # As text, in which NaN is equal to itself; keys have no order.
    return [
        (*(json.dumps(json.loads(text), sort_keys=True) for text in texts), *map(str, rest))
        for *texts, rest in ((row[0], row[1], row[2:]) for row in found.fetchall())
    ]


class Truth:
    """A project in a store.

    Args:
        store: A store that can be written.
        project: Its name.
        seed: Of everything that is chosen at random.
    """

    def __init__(self, store: Store, project: str = "p", seed: int = 0) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.now = EPOCH
        self.made = 0
        with store.transaction() as cursor:
            row = ProjectRow(ORIGIN, f"id-{project}", "e", project, internal_id=f"i-{project}")
            self.project_no = upsert_project(cursor, row)
        self.prefix = project

    @property
    def runs(self) -> list[str]:
        """Storage ids, oldest first."""
        found = self.store.cursor().execute(
            "select storage_id from stored.runs where project_no = ? order by run_no",
            [self.project_no],
        )
        return [row[0] for row in found.fetchall()]

    def rows(self, count: int, start: int = 0, stride: int = 1) -> list[dict[str, Any]]:
        """Random history rows; keys come and go, and so do types."""
        steps = range(start, start + count * stride, stride)
        return [self._row(step) for step in steps]

    def _row(self, step: int) -> dict[str, Any]:
        row: dict[str, Any] = {"_step": step, "loss": self.random.random()}
        if step % 3 == 0:
            row["acc"] = self.random.choice([1, 2.5, float("nan"), -0.0])
        if step % 7 == 0:
            row["Acc"] = self.random.randrange(2**53)
        return row

    def new(self, rows: Sequence[dict[str, Any]] = (), **columns: Any) -> str:
        """Starts a run that has logged rows."""
        return self.new_many([rows], **columns)[0]

    def new_many(self, histories: Sequence[Sequence[dict[str, Any]]], **columns: Any) -> list[str]:
        """Starts one run per history."""
        headers = [self._header() | columns for _ in histories]
        for header, rows in zip(headers, histories, strict=True):
            header |= {"summary": _summary(rows), "heartbeat_at": self.now}
        table = pa.Table.from_pylist(headers, schema=_schema(headers[0]))
        with self.store.transaction() as cursor:
            numbers = upsert_runs(cursor, self.project_no, table)
            pairs = zip(numbers.values(), histories, strict=True)
            write_history(cursor, [(number, _long(rows), "append") for number, rows in pairs])
        return list(numbers)

    def _header(self) -> dict[str, Any]:
        self.made += 1
        self.now += timedelta(seconds=1)
        return {
            "storage_id": f"{self.prefix}-{self.made:04}",
            "run_id": f"r{self.made:04}",
            "status": "live",
            "state": "finished",
            "display_name": f"run {self.made}",
            "created_at": self.now,
            "tags": ["t"],
            "config": json.dumps({"lr": self.made / 8 + 0.01}),
            "wandb_config": "{}",
        }

    def edit(self, storage_id: str, **columns: Any) -> None:
        """Changes columns of a run's header."""
        with self.store.transaction() as cursor:
            self._edit(cursor, storage_id, columns)

    def _edit(self, cursor: Any, storage_id: str, columns: dict[str, Any]) -> int:
        header = {"storage_id": storage_id, **columns}
        table = pa.Table.from_pylist([header], schema=_schema(header))
        return upsert_runs(cursor, self.project_no, table)[storage_id]

    def log(self, storage_id: str, rows: Sequence[dict[str, Any]], *, anew: bool = False) -> None:
        """Appends rows, or replaces all rows by them."""
        self.now += timedelta(seconds=1)
        with self.store.transaction() as cursor:
            changes = {"heartbeat_at": self.now, "summary": _summary(rows)}
            number = self._edit(cursor, storage_id, changes)
            write_history(cursor, [(number, _long(rows), "replace" if anew else "append")])

    def rewind(self, storage_id: str, step: int, rows: Sequence[dict[str, Any]]) -> None:
        """Forgets the rows from a step on, then logs others."""
        self.now += timedelta(seconds=1)
        branch = json.dumps({"branch_point": {"run_id": storage_id, "step": step}})
        changes = {"heartbeat_at": self.now, "summary": _summary(rows), "wandb_config": branch}
        with self.store.transaction() as cursor:
            number = self._edit(cursor, storage_id, changes)
            kept = read_long(cursor, [number], max_step=step - 1).select(LONG.names)
            write_history(cursor, [(number, kept, "replace"), (number, _long(rows), "append")])

    def last_step(self, storage_id: str) -> int:
        """Last logged step; -1 without rows."""
        found = self.store.cursor().execute(
            "select coalesce(stored_last_step, -1) from stored.runs where storage_id = ?",
            [storage_id],
        )
        return int(found.fetchall()[0][0])

    def delete(self, storage_id: str) -> None:
        """Deletes a run."""
        with self.store.transaction() as cursor:
            delete_runs(cursor, [self._number(cursor, storage_id)])

    def _number(self, cursor: Any, storage_id: str) -> int:
        query = "select run_no from stored.runs where storage_id = ? and project_no = ?"
        return int(cursor.execute(query, [storage_id, self.project_no]).fetchall()[0][0])


def _long(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return rows_to_long(rows) if rows else LONG.empty_table()


def _summary(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows[-1] if rows else {})


def _schema(header: dict[str, Any]) -> pa.Schema:
    known = {field.name: field.type for field in RUNS}
    return pa.schema([(name, known.get(name, pa.string())) for name in header])


def total(digests: Iterable[str]) -> int:
    """One number for a whole project."""
    return sum(int(digest, 16) for digest in digests) % DIGEST_MODULUS
