"""What the same data costs over bare httpx: no checks, no retries, nothing kept."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import polars as pl
import pyarrow.parquet as pq

from tests.bench.clients.seen import checksum, seen_files, seen_rows
from tests.bench.names import CONNECTIONS, ENTITY, ONE_KEY, PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.clients.seen import Seen

_LIST = """
query List($entity: String!, $name: String!, $after: String, $first: Int!) {
  project(name: $name, entityName: $entity) {
    runs(after: $after, first: $first, order: "+created_at") {
      edges { node { name config summaryMetrics historyLineCount historyKeys } }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""
_RUN = """
query One($entity: String!, $name: String!, $run: String!%s) {
  project(name: $name, entityName: $entity) { run(name: $run) { %s } }
}
"""
_EXPORTS = 'parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }'
_LIVE = "history(minStep: $first, maxStep: 99999999, samples: $n)"
_FILES = """
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
_EVERY_ROW = 100_000_000
_PIECE = 1 << 20


class Floor:
    """The same data in the same kind of frames."""

    def __init__(self, url: str, _: Path) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        auth = ("api", os.environ["WANDB_API_KEY"])
        self._http = httpx.Client(base_url=url, auth=auth, limits=limits, timeout=120)

    def list_runs(self, _: Path) -> Seen:
        nodes = self._nodes()
        keys = sum(len(orjson.loads(node["config"])) for node in nodes)
        keys += sum(len(orjson.loads(node["summaryMetrics"])) for node in nodes)
        return {"runs": len(nodes), "keys": keys}

    def full_history(self, _: Path) -> Seen:
        query = _RUN % ("", _EXPORTS)

        def fetch(run: str) -> tuple[int, int]:
            urls = self._run(query, run=run)["parquetHistory"]["parquetUrls"]
            frame = pl.concat([self._exported(url) for url in urls])
            return frame.height, checksum(frame[ONE_KEY])

        return self._per_run(fetch)

    def full_history_json(self, _: Path) -> Seen:
        query = _RUN % (", $first: Int64!, $n: Int!", _LIVE)

        def fetch(run: str) -> tuple[int, int]:
            frame = _rows(self._run(query, run=run, first=0, n=_EVERY_ROW)["history"])
            return frame.height, checksum(frame[ONE_KEY])

        return self._per_run(fetch)

    def mixed(self, _: Path) -> Seen:
        exports, live = _RUN % ("", _EXPORTS), _RUN % (", $first: Int64!, $n: Int!", _LIVE)

        def fetch(run: str) -> tuple[int, int]:
            found = self._run(exports, run=run)["parquetHistory"]
            frames = [self._exported(url) for url in found["parquetUrls"]]
            if found["liveData"]:
                first = found["liveData"][0]["_step"]
                frames.append(_rows(self._run(live, run=run, first=first, n=_EVERY_ROW)["history"]))
            frame = pl.concat(frames, how="diagonal_relaxed")
            return frame.height, checksum(frame[ONE_KEY])

        return self._per_run(fetch)

    running = mixed

    def one_key(self, _: Path) -> Seen:
        query = _RUN % (", $specs: [JSONString!]!", "sampledHistory(specs: $specs)")
        spec = json.dumps({"keys": ["_step", ONE_KEY], "samples": _EVERY_ROW})

        def fetch(run: str) -> tuple[int, int]:
            frame = pl.from_dicts(self._run(query, run=run, specs=[spec])["sampledHistory"][0])
            return frame.height, checksum(frame[ONE_KEY])

        return self._per_run(fetch)

    def histories(self, _: Path) -> Seen:
        query = _RUN % ("", "history(samples: 500)")

        def fetch(run: str) -> tuple[int, int]:
            frame = _rows(self._run(query, run=run)["history"])
            return frame.height, checksum(frame[ONE_KEY])

        return self._per_run(fetch)

    def artifact(self, folder: Path) -> Callable[[], Seen]:
        collection = self._post(_FILES)["artifactCollection"]
        nodes = [edge["node"] for edge in collection["artifactMembership"]["files"]["edges"]]

        def fetch(node: dict[str, str]) -> None:
            path = folder / "out" / node["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._http.stream("GET", node["directUrl"]) as answer, path.open("wb") as file:
                for piece in answer.iter_bytes(_PIECE):
                    file.write(piece)

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(fetch, nodes))
        return lambda: seen_files(folder / "out")

    large_files = artifact

    def _post(self, query: str, **variables: Any) -> Any:
        names = {"entity": ENTITY, "name": PROJECT.split("/")[1]}
        body = {"query": query, "variables": {**names, **variables}}
        answer = self._http.post("/graphql", json=body).raise_for_status()
        parsed = orjson.loads(answer.content)
        assert parsed["data"], parsed
        return parsed["data"]["project"]

    def _run(self, query: str, **variables: Any) -> Any:
        return self._post(query, **variables)["run"]

    def _exported(self, url: str) -> pl.DataFrame:
        table = pq.read_table(BytesIO(self._http.get(url).raise_for_status().content))
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        page: dict[str, Any] = {"endCursor": None, "hasNextPage": True}
        while page["hasNextPage"]:
            runs = self._post(_LIST, after=page["endCursor"], first=1000)["runs"]
            nodes += [edge["node"] for edge in runs["edges"]]
            page = runs["pageInfo"]
        return nodes

    def _per_run(self, work: Callable[[str], tuple[int, int]]) -> Seen:
        names = [node["name"] for node in self._nodes()]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return seen_rows(pool.map(work, names))


def _rows(lines: list[str]) -> pl.DataFrame:
    return pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None)
