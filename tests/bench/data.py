"""A generated project behind a replay server: `python -m tests.bench.data RUNS STEPS KEYS`.

Prints the server's URL, then serves until it is ended. Every row holds all keys, as in the
measurements that the SDK was timed with.
"""

from __future__ import annotations

import argparse
import json
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tests.bench.__main__ import TOKEN
from tests.bench.jobs import PROJECT
from tests.bench.replay_server import ReplayServer
from wbexport.api.artifacts import Artifact
from wbexport.api.client import Api
from wbexport.arrow.schema import LONG
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs, write_history
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUNS_A_WAVE = 50
_FILES = 500
_START = datetime(2026, 1, 1)


def history(seed: int, steps: int, keys: int) -> pa.Table:
    """One run: `keys` noisy curves, `_runtime` and `_timestamp`, as a `LONG` table."""
    random = np.random.default_rng(seed)
    curves = np.exp(-np.arange(steps) / 500) + random.normal(0, 0.05, (keys, steps))
    clock = np.cumsum(random.uniform(0.1, 0.2, steps))
    names = ["_runtime", "_timestamp", *(f"train/key_{n:02d}" for n in range(keys))]
    values = np.concatenate([clock, 1.76e9 + clock, curves.ravel()])
    columns = {
        "key": pa.array(np.repeat(names, steps)).dictionary_encode(),
        "step": np.tile(np.arange(steps), len(names)),
        "value": values,
        "text": pa.nulls(len(values), pa.string()),
    }
    return pa.table(columns, schema=LONG)


def headers(runs: range, steps: int) -> pa.Table:
    """Finished runs with a config of 20 and a summary of 22 keys."""
    return pa.Table.from_pylist([_header(n, steps) for n in runs])


def _header(number: int, steps: int) -> dict[str, object]:
    started = _START + timedelta(minutes=number)
    random = np.random.default_rng(number)
    config = {f"option_{n}": round(float(x), 6) for n, x in enumerate(random.random(20))}
    summary = {f"train/key_{n:02d}": float(x) for n, x in enumerate(random.random(20))}
    return {
        "storage_id": f"UnVuOg{number:06d}",
        "run_id": f"run{number:06d}",
        "display_name": f"bench-{number}",
        "state": "finished",
        "username": "bench",
        "user_name": "bench",
        "tags": ["bench"],
        "created_at": started,
        "heartbeat_at": started + timedelta(seconds=steps),
        "updated_at": started + timedelta(seconds=steps),
        "config": json.dumps(config),
        "summary": json.dumps(summary | {"_step": steps - 1}),
        "status": "live",
    }


def _waves(runs: int) -> Iterator[range]:
    for start in range(0, runs, _RUNS_A_WAVE):
        yield range(start, min(start + _RUNS_A_WAVE, runs))


def build(runs: int, steps: int, keys: int) -> Store:
    """The whole project in a store in memory."""
    entity, project = PROJECT.split("/")
    store = Store.in_memory()
    for wave in _waves(runs):
        with store.transaction() as cursor:
            row = ProjectRow("http://127.0.0.1", "UHJvamVjdA==", entity, project)
            numbers = upsert_runs(cursor, upsert_project(cursor, row), headers(wave, steps))
            pieces = zip(numbers.values(), wave, strict=True)
            write_history(
                cursor, ((run_no, history(n, steps, keys), "replace") for run_no, n in pieces)
            )
    return store


def log_artifact(store: Store) -> None:
    """Log an artifact of 500 small files with the project's first run."""
    settings = Settings.load(api_key=TOKEN, overrides={"base_url": "http://127.0.0.1"}, environ={})
    app = create_app(store, token=TOKEN, writable=True)
    api = Api(settings=settings, transport=wsgi_transport(app))
    random = np.random.default_rng(0)
    photos = Artifact("photos", "dataset")
    for number, size in enumerate(random.integers(200, 4000, _FILES)):
        with photos.new_file(f"part_{number % 10}/{number:03d}.bin", mode="wb") as file:
            file.write(random.bytes(int(size)))
    api.run(f"{PROJECT}/run000000").log_artifact(photos)


def main() -> None:
    """Build, serve, print the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("keys", type=int)
    parser.add_argument("--no-exports", action="store_true")
    options = parser.parse_args()
    store = build(options.runs, options.steps, options.keys)
    log_artifact(store)
    app = create_app(store, token=TOKEN, exports=ExportPolicy(enabled=not options.no_exports))
    server = ReplayServer(app, TOKEN)
    ready = threading.Event()
    thread = threading.Thread(target=server.serve, args=(ready,), daemon=True)
    thread.start()
    ready.wait()
    print(server.url, flush=True)
    thread.join()


if __name__ == "__main__":
    main()
