"""The jobs, each done by three clients, each in a process of its own.

`python -m tests.bench.jobs CLIENT JOB URL FOLDER` prints one JSON object: seconds, CPU seconds,
peak memory and what the job saw, so that the caller can check that all clients saw the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sdk import end_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROJECT = "bench/project"
ARTIFACT = "bench/project/photos:v0"
ONE_KEY = "train/key_03"
CONNECTIONS = 16
LIST_QUERY = """
query List($entity: String!, $name: String!, $after: String, $first: Int!) {
  project(name: $name, entityName: $entity) {
    runs(after: $after, first: $first, order: "+created_at") {
      edges { node { name config summaryMetrics historyLineCount historyKeys } }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""
RUN_QUERY = """
query One($entity: String!, $name: String!, $run: String!%s) {
  project(name: $name, entityName: $entity) { run(name: $run) { %s } }
}
"""
ARTIFACT_QUERY = """
query Files($entity: String!, $name: String!) {
  project(name: $name, entityName: $entity) {
    artifactCollection(name: "photos") {
      artifactMembership(aliasName: "v0") {
        files(first: 5000) { edges { node { name directUrl } } }
      }
    }
  }
}
"""


def _saved(folder: Path) -> dict[str, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"files": len(sizes), "bytes": sum(sizes)}


class Floor:
    """What the same data costs over bare httpx, with nothing kept."""

    def __init__(self, url: str) -> None:
        import httpx

        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        auth = ("api", os.environ["WANDB_API_KEY"])
        self.http = httpx.Client(base_url=url, auth=auth, limits=limits, timeout=120)
        self.entity, self.project = PROJECT.split("/")

    def _post(self, query: str, **variables: Any) -> Any:
        import orjson

        names = {"entity": self.entity, "name": self.project}
        body = {"query": query, "variables": {**names, **variables}}
        return orjson.loads(self.http.post("/graphql", json=body).content)["data"]["project"]

    def _nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        page: dict[str, Any] = {"endCursor": None, "hasNextPage": True}
        while page["hasNextPage"]:
            runs = self._post(LIST_QUERY, after=page["endCursor"], first=1000)["runs"]
            nodes += [edge["node"] for edge in runs["edges"]]
            page = runs["pageInfo"]
        return nodes

    def _per_run(self, work: Callable[[str], int]) -> dict[str, int]:
        names = [node["name"] for node in self._nodes()]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            rows = list(pool.map(work, names))
        return {"runs": len(names), "rows": sum(rows)}

    def list_runs(self, _: Path) -> dict[str, int]:
        import orjson

        nodes = self._nodes()
        keys = sum(len(orjson.loads(n["config"])) for n in nodes)
        keys += sum(len(orjson.loads(n["summaryMetrics"])) for n in nodes)
        return {"runs": len(nodes)}

    def full_history(self, _: Path) -> dict[str, int]:
        import polars as pl
        import pyarrow.parquet as pq

        query = RUN_QUERY % ("", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls }')

        def fetch(run: str) -> int:
            urls = self._post(query, run=run)["run"]["parquetHistory"]["parquetUrls"]
            tables = [pq.read_table(BytesIO(self.http.get(url).content)) for url in urls]
            return sum(pl.from_arrow(table).height for table in tables)

        return self._per_run(fetch)

    def full_history_json(self, _: Path) -> dict[str, int]:
        import polars as pl

        query = RUN_QUERY % (", $n: Int!", "history(minStep: 0, maxStep: 9999999, samples: $n)")

        def fetch(run: str) -> int:
            lines = self._post(query, run=run, n=1_000_000)["run"]["history"]
            return pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None).height

        return self._per_run(fetch)

    def one_key(self, _: Path) -> dict[str, int]:
        import polars as pl

        query = RUN_QUERY % (", $specs: [JSONString!]!", "sampledHistory(specs: $specs)")
        spec = json.dumps({"keys": ["_step", ONE_KEY], "samples": 1_000_000})

        def fetch(run: str) -> int:
            return pl.from_dicts(
                self._post(query, run=run, specs=[spec])["run"]["sampledHistory"][0]
            ).height

        return self._per_run(fetch)

    def histories(self, _: Path) -> dict[str, int]:
        import polars as pl

        query = RUN_QUERY % ("", "history(samples: 500)")

        def fetch(run: str) -> int:
            lines = self._post(query, run=run)["run"]["history"]
            return pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None).height

        return self._per_run(fetch)

    def artifact(self, folder: Path) -> dict[str, int]:
        collection = self._post(ARTIFACT_QUERY)["artifactCollection"]
        nodes = [edge["node"] for edge in collection["artifactMembership"]["files"]["edges"]]

        def fetch(node: dict[str, str]) -> None:
            path = folder / "out" / node["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.http.get(node["directUrl"]).content)

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(fetch, nodes))
        return _saved(folder / "out")


class Sdk:
    """What `wandb.Api` needs, the way its documentation writes it."""

    def __init__(self, url: str) -> None:
        import wandb

        self.api = lambda: wandb.Api(overrides={"base_url": url}, timeout=600)
        self.runs = lambda **kw: self.api().runs(PROJECT, per_page=1000, **kw)

    def list_runs(self, _: Path) -> dict[str, int]:
        runs = list(self.runs())
        for run in runs:
            len(run.config), len(run.summary.keys())
        return {"runs": len(runs)}

    def full_history(self, _: Path) -> dict[str, int]:
        import pandas as pd

        return self._scan(lambda run: pd.DataFrame(run.scan_history()))

    full_history_json = full_history

    def one_key(self, _: Path) -> dict[str, int]:
        return self._scan(lambda run: list(run.scan_history(keys=[ONE_KEY])))

    def _scan(self, read: Callable[[Any], Any]) -> dict[str, int]:
        rows = [len(read(run)) for run in self.runs()]
        return {"runs": len(rows), "rows": sum(rows)}

    def histories(self, _: Path) -> dict[str, int]:
        runs = self.runs()
        frame = runs.histories(samples=500, format="polars")
        return {"runs": frame["run_id"].n_unique(), "rows": frame.height}

    def artifact(self, folder: Path) -> dict[str, int]:
        return _saved(Path(self.api().artifact(ARTIFACT).download(root=folder / "out")))


class Wbexport:
    """The same jobs with this package; full histories end in a committed, published store."""

    def __init__(self, url: str) -> None:
        import wbexport

        self.api = wbexport.Api(overrides={"base_url": url})

    def list_runs(self, _: Path) -> dict[str, int]:
        runs = list(self.api.runs(PROJECT, per_page=1000))
        for run in runs:
            len(run.config), len(run.summary)
        return {"runs": len(runs)}

    def full_history(self, folder: Path) -> dict[str, int]:
        import wbexport

        report = wbexport.sync(PROJECT, folder / "wb.duckdb", api=self.api)
        return {"runs": report.runs, "rows": report.rows}

    full_history_json = full_history
    second_sync = full_history

    def one_key(self, _: Path) -> dict[str, int]:
        frame = self.api.runs(PROJECT, per_page=1000).scan_histories(keys=[ONE_KEY]).collect()
        return {"runs": frame["run_id"].n_unique(), "rows": frame.height}

    def histories(self, _: Path) -> dict[str, int]:
        frame = self.api.runs(PROJECT, per_page=1000).histories(samples=500, format="polars")
        return {"runs": frame["run_id"].n_unique(), "rows": frame.height}

    def histories_from_store(self, folder: Path) -> dict[str, int]:
        import wbexport

        with wbexport.open(folder / "wb.duckdb") as archive:
            frame = archive.histories(PROJECT, samples=500, format="polars")
        return {"runs": frame["run_id"].n_unique(), "rows": frame.height}

    def artifact(self, folder: Path) -> dict[str, int]:
        return _saved(Path(self.api.artifact(ARTIFACT).download(root=folder / "out")))


CLIENTS = {"sdk": Sdk, "wbexport": Wbexport, "floor": Floor}
#: Job → the clients that can do it.
JOBS: dict[str, tuple[str, ...]] = {
    "list_runs": ("sdk", "wbexport", "floor"),
    "full_history": ("sdk", "wbexport", "floor"),
    "full_history_json": ("sdk", "wbexport", "floor"),
    "one_key": ("sdk", "wbexport", "floor"),
    "histories": ("sdk", "wbexport", "floor"),
    "artifact": ("sdk", "wbexport", "floor"),
    "second_sync": ("wbexport",),
    "histories_from_store": ("wbexport",),
}


def _usage() -> tuple[float, float]:
    """CPU seconds and peak MB of this process and its children."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(p.ru_utime + p.ru_stime for p in parts), sum(p.ru_maxrss for p in parts) / 1024


def measure(client: str, job: str, url: str, folder: Path) -> dict[str, Any]:
    """Run one job once; imports of the client are not counted, the work is."""
    subject = CLIENTS[client](url)
    before, _ = _usage()
    start = time.perf_counter()
    seen = getattr(subject, job)(folder)
    seconds = time.perf_counter() - start
    if client == "sdk":
        end_service()
    cpu, memory = _usage()
    return {"seconds": seconds, "cpu": cpu - before, "memory_mb": memory, "seen": seen}


def main(argv: Iterable[str]) -> None:
    """Entry point of the child process."""
    client, job, url, folder = argv
    print(json.dumps(measure(client, job, url, Path(folder))), flush=True)
    # Threads of native libraries may still be at work, and are no part of the figures.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
