"""A truth, a client of it, and a store to sync it into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.store.database import Store
from wbexport.sync.engine import sync

from .truth import Truth, digest_of, headers_of
from .wire import Wire, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wbexport.api.client import Api
    from wbexport.server.exports import ExportPolicy
    from wbexport.sync.report import SyncReport


@dataclass
class World:
    """A truth, its archive, and the connection between them."""

    truth: Truth
    archive: Store
    api: Api
    wire: Wire

    def sync(self, **options: Any) -> SyncReport:
        """Syncs once; forgets the requests of before."""
        self.wire.requests.clear()
        return sync(f"e/{self.truth.prefix}", self.archive, api=self.api, **options)

    def assert_equal(self) -> None:
        """The archive holds exactly what the server has."""
        project = self.truth.prefix
        assert digest_of(self.archive, project) == digest_of(self.truth.store, project)
        assert headers_of(self.archive, project) == headers_of(self.truth.store, project)

    def statuses(self) -> dict[str, str]:
        """Status of every stored run."""
        query = "select storage_id, status from stored.runs"
        return dict(self.archive.cursor().execute(query).fetchall())


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    opened: list[Store] = []

    def make(policy: ExportPolicy | None = None, *, seed: int = 0) -> World:
        stores = Store.in_memory(), Store.in_memory()
        opened.extend(stores)
        api, wire = connect(stores[0], policy)
        return World(Truth(stores[0], seed=seed), stores[1], api, wire)

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def archive_path(tmp_path: Path) -> Path:
    return tmp_path / "wb.duckdb"
