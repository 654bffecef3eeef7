"""A generated project behind a replay server: `python -m tests.bench.data SPEC`.

`SPEC` is a `Project` as JSON. Prints the server's URL, then serves until it is ended. The same
numbers come out every time, and a longer run begins with the rows of a shorter one.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from tests.bench.catalog import Project
from tests.bench.digest import digest_of
from tests.bench.names import ENTITY, PROJECT, TOKEN
from tests.bench.replay_server import ReplayServer
from wbexport.api.artifacts import Artifact
from wbexport.api.client import Api
from wbexport.arrow.schema import LONG
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.server.signing import Signer
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs, write_history
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.server.app import Application

_VALUES_A_WAVE = 2_000_000
_HEADERS_A_WAVE = 10_000
_START = datetime(2026, 1, 1)
_ORIGIN = "http://127.0.0.1"
#: Every other run is running in some variants, and some of those have grown in one.
_GROWN_RUNS = 10
_GROWN_ROWS = 100
#: Answers are replayed for longer than URLs are usually good.
_LIFETIME = 7 * 86_400


@dataclass(frozen=True)
class Variant:
    """One state of the project, and how the server answers for it.

    Attributes:
        exports: Share of each finished run's rows that is offered as parquet.
        running: One run in so many is still running; 0 for none.
        grown: Whether some of every other run have more rows.
    """

    exports: float = 1.0
    running: int = 0
    grown: bool = False


VARIANTS = {
    "parquet": Variant(),
    "json": Variant(exports=0.0),
    "mixed": Variant(exports=0.5),
    "running": Variant(running=2),
    "live": Variant(running=1),
    "grown": Variant(running=2, grown=True),
}


def history(number: int, project: Project, steps: int) -> pa.Table:
    """One run: noisy curves, `_runtime` and `_timestamp`, as a `LONG` table."""
    width = project.keys_a_row or project.keys
    noise = np.random.default_rng((number, 0)).normal(0, 0.05, (steps, width))
    clock = np.cumsum(np.random.default_rng((number, 1)).uniform(0.1, 0.2, steps))
    every = np.arange(steps * width)
    # A LONG table holds one key after the other.
    order = np.argsort(every % project.keys, kind="stable")
    places, logged = np.unique(every % project.keys, return_counts=True)
    names = ["_runtime", "_timestamp", *(f"train/key_{place:02d}" for place in places)]
    values = (np.exp(-np.arange(steps) / 500)[:, None] + noise).ravel()[order]
    columns = {
        "key": pa.array(np.repeat(names, [steps, steps, *logged])).dictionary_encode(),
        "step": np.concatenate([np.arange(steps), np.arange(steps), (every // width)[order]]),
        "value": np.concatenate([clock, 1.76e9 + clock, values]),
        "text": pa.nulls(len(values) + 2 * steps, pa.string()),
    }
    return pa.table(columns, schema=LONG)


def headers(numbers: range, project: Project, variant: Variant) -> pa.Table:
    """Run headers with a config of 20 and a summary of 21 keys."""
    random = np.random.default_rng((numbers.start, 2)).random((len(numbers), 40)).round(6)
    return pa.Table.from_pylist(
        [
            _header(number, row, _steps_of(number, project, variant), variant)
            for number, row in zip(numbers, random.tolist(), strict=True)
        ]
    )


def _header(number: int, random: list[float], steps: int, variant: Variant) -> dict[str, object]:
    started = _START + timedelta(minutes=number)
    config = {f"option_{place}": value for place, value in enumerate(random[:20])}
    summary = {f"train/key_{place:02d}": value for place, value in enumerate(random[20:])}
    return {
        "storage_id": f"UnVuOg{number:06d}",
        "run_id": f"run{number:06d}",
        "display_name": f"bench-{number}",
        "state": "running" if _is_running(number, variant) else "finished",
        "username": "bench",
        "user_name": "bench",
        "tags": ["bench"],
        "created_at": started,
        "heartbeat_at": started + timedelta(seconds=steps),
        "updated_at": started + timedelta(seconds=steps),
        "config": orjson.dumps(config).decode(),
        "summary": orjson.dumps(summary | {"_step": steps - 1}).decode(),
        "status": "live",
    }


def _is_running(number: int, variant: Variant) -> bool:
    return variant.running > 0 and (number + 1) % variant.running == 0


def _steps_of(number: int, project: Project, variant: Variant) -> int:
    grown = variant.grown and number % 2 == 1 and number < 2 * _GROWN_RUNS
    return project.steps + _GROWN_ROWS * grown


def _waves(numbers: int, size: int) -> Iterator[range]:
    for start in range(0, numbers, size):
        yield range(start, min(start + size, numbers))


@dataclass
class Backend:
    """The project in a store in memory, with an application for each way to answer.

    Args:
        project: What is generated.
    """

    project: Project
    store: Store = field(default_factory=Store.in_memory)
    _variant: Variant = field(default_factory=Variant)
    _apps: dict[float, Application] = field(default_factory=dict)
    _digests: dict[Variant, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.project
        values = max(1, size.steps * (size.keys_a_row or size.keys))
        everything = max(1, _VALUES_A_WAVE // values) if size.steps else _HEADERS_A_WAVE
        for wave in _waves(size.runs, everything):
            self._write(wave, with_history=size.steps > 0)
        if size.files:
            self._log_artifact()

    def enter(self, name: str) -> Application:
        """Bring the project into the state of a variant; returns what answers for it."""
        variant, before = VARIANTS[name], self._variant
        self._variant = variant
        if variant.running != before.running:
            for wave in _waves(self.project.runs, _HEADERS_A_WAVE):
                self._write(wave, with_history=False)
        if variant.grown != before.grown:
            for number in range(1, min(2 * _GROWN_RUNS, self.project.runs), 2):
                self._write(range(number, number + 1), with_history=True)
        return self._application(variant.exports)

    def digest(self) -> str:
        """Digest the whole history, as the project is now."""
        state = Variant(running=self._variant.running, grown=self._variant.grown)
        if state not in self._digests:
            self._digests[state] = digest_of(self.store)
        return self._digests[state]

    def _application(self, exports: float) -> Application:
        if exports not in self._apps:
            live = self.project.steps - round(self.project.steps * exports)
            policy = ExportPolicy(enabled=exports > 0, live_rows=live)
            app = create_app(self.store, token=TOKEN, exports=policy)
            app.service.signer = Signer(TOKEN, lifetime=_LIFETIME)
            self._apps[exports] = app
        return self._apps[exports]

    def _write(self, numbers: range, *, with_history: bool) -> None:
        row = ProjectRow(_ORIGIN, "UHJvamVjdA==", ENTITY, PROJECT.split("/")[1])
        with self.store.transaction() as cursor:
            table = headers(numbers, self.project, self._variant)
            run_nos = upsert_runs(cursor, upsert_project(cursor, row), table)
            if with_history:
                pieces = zip(run_nos.values(), numbers, strict=True)
                write_history(cursor, ((no, self._history(n), "replace") for no, n in pieces))

    def _history(self, number: int) -> pa.Table:
        return history(number, self.project, _steps_of(number, self.project, self._variant))

    def _log_artifact(self) -> None:
        settings = Settings.load(api_key=TOKEN, overrides={"base_url": _ORIGIN}, environ={})
        app = create_app(self.store, token=TOKEN, writable=True)
        api = Api(settings=settings, transport=wsgi_transport(app))
        random = np.random.default_rng(0)
        photos = Artifact("photos", "dataset")
        for number, size in enumerate(random.integers(200, 4000, self.project.files)):
            with photos.new_file(f"part_{number % 10}/{number:03d}.bin", mode="wb") as file:
                file.write(random.bytes(self.project.file_bytes or int(size)))
        api.run(f"{PROJECT}/run000000").log_artifact(photos)


def main(spec: str) -> None:
    """Build, serve, print the URL."""
    fields: dict[str, Any] = json.loads(spec)
    server = ReplayServer(Backend(Project(**fields)), TOKEN)
    ready = threading.Event()
    thread = threading.Thread(target=server.serve, args=(ready,), daemon=True)
    thread.start()
    ready.wait()
    print(server.url, flush=True)
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
