"""The same jobs with wbexport; full histories end in a committed, published store."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import wbexport
from tests.bench.clients.seen import checksum, seen_files
from tests.bench.digest import digest_of
from tests.bench.names import ARTIFACT, ONE_KEY, PROJECT, STORE
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from tests.bench.clients.seen import Seen


class _FreshInstallation:
    """Hides what wbexport does without, and others load when they find it.

    pyarrow loads pandas at the first list it sees; where click is, httpx loads its command line.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name in ("click", "pandas"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, _FreshInstallation)  # type: ignore[arg-type]


class Wbexport:
    """This package."""

    def __init__(self, url: str, _: Path) -> None:
        self._api = wbexport.Api(overrides={"base_url": url})
        # Both are loaded when they are first touched.
        self._open, self._project_sync = wbexport.open, wbexport.sync
        self.details = {"publish": 0.0}
        Store.publish = self._timed(Store.publish)  # type: ignore[method-assign]

    def list_runs(self, _: Path) -> Seen:
        runs = list(self._api.runs(PROJECT, per_page=1000))
        keys = sum(len(run.config) + len(run.summary) for run in runs)
        return {"runs": len(runs), "keys": keys}

    def full_history(self, folder: Path) -> Callable[[], Seen]:
        self.sync(folder)
        return lambda: _seen_store(folder)

    full_history_json = full_history
    mixed = full_history
    running = full_history

    def sync(self, folder: Path) -> Seen:
        report = self._project_sync(PROJECT, store_in(folder), api=self._api)
        assert report.status == "ok", report
        return {"fetched": report.rows}

    def one_key(self, _: Path) -> Seen:
        return _seen(self._runs().scan_histories(keys=[ONE_KEY]).collect())

    def histories(self, _: Path) -> Seen:
        return _seen(self._runs().histories(samples=500, format="polars"))

    def histories_from_store(self, folder: Path) -> Seen:
        with self._open(store_in(folder)) as archive:
            return _seen(archive.histories(PROJECT, samples=500, format="polars"))

    def artifact(self, folder: Path) -> Callable[[], Seen]:
        saved = Path(self._api.artifact(ARTIFACT).download(root=folder / "out"))
        return lambda: seen_files(saved)

    large_files = artifact

    def digest(self, folder: Path) -> str:
        """Digest what was synced."""
        with Store.open_reader(store_in(folder)) as store:
            return digest_of(store)

    def _runs(self) -> wbexport.api.runs.Runs:
        return self._api.runs(PROJECT, per_page=1000)

    def _timed(self, publish: Callable[[Store], bool]) -> Callable[[Store], bool]:
        def timed(store: Store) -> bool:
            start = time.perf_counter()
            try:
                return publish(store)
            finally:
                self.details["publish"] += time.perf_counter() - start

        return timed


class Frames(Wbexport):
    """Jobs that end in frames: polars is loaded beforehand, where a sync never loads it."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        import_module("polars")


def store_in(folder: Path) -> Path:
    """The store of a job's folder."""
    return folder / STORE


def _seen(frame: pl.DataFrame) -> Seen:
    runs = frame["run_id"].n_unique()
    return {"runs": runs, "rows": frame.height, "sum": checksum(frame[ONE_KEY])}


def _seen_store(folder: Path) -> Seen:
    with wbexport.open(store_in(folder)) as archive:
        return _seen(archive.scan_histories(PROJECT, keys=[ONE_KEY]).collect())
