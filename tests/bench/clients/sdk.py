"""What `wandb.Api` needs, written the way its documentation does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import wandb

from tests.bench.clients.seen import checksum, seen_files, seen_rows
from tests.bench.names import ARTIFACT, ONE_KEY, PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.clients.seen import Seen


class Sdk:
    """The real SDK."""

    def __init__(self, url: str, _: Path) -> None:
        self._url = url

    def list_runs(self, _: Path) -> Seen:
        runs = list(self._runs())
        # The listing is lazy: a run's config and summary come when they are touched.
        keys = sum(len(run.config) + len(run.summary.keys()) for run in runs)
        return {"runs": len(runs), "keys": keys}

    def full_history(self, _: Path) -> Seen:
        def read(run: Any) -> tuple[int, int]:
            frame = pd.DataFrame(run.scan_history())
            return len(frame), checksum(frame[ONE_KEY])

        return self._scan(read)

    full_history_json = full_history

    def one_key(self, _: Path) -> Seen:
        def read(run: Any) -> tuple[int, int]:
            rows = list(run.scan_history(keys=[ONE_KEY]))
            return len(rows), checksum([row[ONE_KEY] for row in rows])

        return self._scan(read)

    def histories(self, _: Path) -> Seen:
        frame = self._runs().histories(samples=500, format="polars")
        runs = frame["run_id"].n_unique()
        return {"runs": runs, "rows": frame.height, "sum": checksum(frame[ONE_KEY])}

    def artifact(self, folder: Path) -> Callable[[], Seen]:
        saved = Path(self._api().artifact(ARTIFACT).download(root=str(folder / "out")))
        return lambda: seen_files(saved)

    large_files = artifact

    def _api(self) -> wandb.Api:
        return wandb.Api(overrides={"base_url": self._url}, timeout=600)

    def _runs(self) -> Any:
        return self._api().runs(PROJECT, per_page=1000)

    def _scan(self, read: Callable[[Any], tuple[int, int]]) -> Seen:
        return seen_rows(map(read, self._runs()))
