"""A W&B server of a few lines, for answers that no real server can be asked to give."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BASE = "http://127.0.0.1"


class StubError(Exception):
    """Answered as a GraphQL error."""


@dataclass
class Stub:
    """Answers operations by functions of their variables, and paths by bytes."""

    operations: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path != "/graphql":
            body = self.files.get(path)
            status = "200 OK" if body is not None else "404 Not Found"
            if environ["QUERY_STRING"] in self.expired:
                status, body = "403 Forbidden", b"Request has expired"
            start_response(status, [("Content-Length", str(len(body or b"")))])
            return [body or b""]
        request = json.load(environ["wsgi.input"])
        content = json.dumps(self._answer(request)).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return [content]

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        operation, variables = request["operationName"], request["variables"]
        self.asked.append((operation, variables))
        answer = self.operations[operation]
        try:
            if "name_0" not in variables:
                return {"data": answer(variables)}
            names = [value for key, value in variables.items() if key.startswith("name_")]
            answers = [answer({**variables, "name": name})["project"] for name in names]
            return {"data": {f"b{index}": item for index, item in enumerate(answers)}}
        except StubError as error:
            return {"data": None, "errors": [{"message": str(error)}]}

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.asked)


def run_answer(**fields: Any) -> dict[str, Any]:
    return {"project": {"run": fields}}


def connection(nodes: Sequence[Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """One page of a list by offset cursors, as W&B gives them."""
    cursor = variables.get("cursor")
    start = 0 if cursor is None else int(base64.b64decode(cursor).decode().partition(":")[2]) + 1
    stop = start + variables["perPage"]
    edges = [
        {"node": node, "cursor": base64.b64encode(f"arrayconnection:{start + i}".encode()).decode()}
        for i, node in enumerate(nodes[start:stop])
    ]
    info = {
        "endCursor": edges[-1]["cursor"] if edges else None,
        "hasNextPage": stop < len(nodes),
    }
    return {"edges": edges, "pageInfo": info}


def run_node(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"id-{number}",
        "name": f"run-{number}",
        "projectId": 7,
        "displayName": f"Run {number}",
        "state": "finished",
        "tags": ["a"],
        "createdAt": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
        "user": {"name": "Ada", "username": "ada"},
        **fields,
    }


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    sink = io.BytesIO()
    keys = dict.fromkeys(key for row in rows for key in row) or {"_step": None}
    columns = {key: [row.get(key) for row in rows] for key in keys}
    columns["_step"] = pa.array(columns["_step"], pa.int64())
    pq.write_table(pa.table(columns), sink, row_group_size=7)
    return sink.getvalue()


@dataclass
class HistoryStub:
    """One run whose exported files and live rows are told apart at will."""

    exported: Sequence[Sequence[dict[str, Any]]]
    live: Sequence[dict[str, Any]]
    line_count: int | None = None
    last_step: int | None = None
    max_rows: int = 10_000

    def stub(self) -> Stub:
        stub = Stub(
            operations={
                "RunHistorySource": lambda _: run_answer(
                    historyKeys={"keys": {}, "lastStep": self.last_step},
                    historyLineCount=self.line_count,
                    parquetHistory={
                        "parquetUrls": [
                            f"{BASE}/files/{i}.parquet?X-Amz-Signature=s"
                            for i in range(len(self.exported))
                        ],
                        "liveData": [{"_step": row["_step"]} for row in self.live],
                    },
                ),
                "RunHistoryPage": lambda v: run_answer(history=self._page(**v)),
            }
        )
        stub.files = {f"/files/{i}.parquet": parquet(rows) for i, rows in enumerate(self.exported)}
        return stub

    def _page(self, minStep: int, maxStep: int, samples: int, **_: Any) -> list[str]:
        rows = [row for row in self.live if minStep <= row["_step"] < maxStep]
        limit = min(samples, self.max_rows)
        if len(rows) > limit:
            # As W&B does: an evenly thinned selection that keeps the first and the last row.
            places = {round(i * (len(rows) - 1) / max(1, limit - 1)) for i in range(limit)}
            rows = [rows[place] for place in sorted(places)]
        return [json.dumps(row) for row in rows]
