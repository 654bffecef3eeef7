"""A client that speaks the raw protocol to an application in this process."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from werkzeug.test import Client

from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from wbexport.server.app import Application

__all__ = ["Raw", "application", "authorization", "spelled"]


def authorization(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"api:{token}".encode()).decode()}


def spelled(value: Any) -> str:
    """Return one spelling for equal JSON: whole floats are integers, keys are sorted."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_numbers = itertools.count()


@contextmanager
def application() -> Iterator[Raw]:
    """Open a store in memory and give a client of its server."""
    token = new_token()
    with Store.in_memory() as store:
        yield Raw(create_app(store, token=token, writable=True), token)


class Raw:
    """Sends requests as the SDK does.

    Args:
        app: The application.
        token: Its token.
        project: The project of all runs.
    """

    def __init__(self, app: Application, token: str, project: str = "demo") -> None:
        self.app = app
        self.project = project
        self.token = token
        self.client = Client(app)
        self.headers = authorization(token)

    def elsewhere(self) -> Raw:
        """Return a client of a project that nobody else uses."""
        other = Raw.__new__(Raw)
        other.__dict__.update(self.__dict__, project=f"demo{next(_numbers)}")
        return other

    def with_headers(self, headers: dict[str, str]) -> Raw:
        """Return a client that sends more headers."""
        other = Raw.__new__(Raw)
        other.__dict__.update(self.__dict__, headers=self.headers | headers)
        return other

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        options = {"base_url": "http://127.0.0.1", "buffered": True} | options
        return self.client.open(path, method=method, **options)

    def follow(self, method: str, url: str, **options: Any) -> TestResponse:
        """Use a signed URL, without the token."""
        parts = urlsplit(url)
        return self.call(method, f"{parts.path}?{parts.query}", **options)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables, "operationName": ""}
        answer = self.call("POST", "/graphql", json=body, headers=self.headers)
        parsed: dict[str, Any] = json.loads(answer.data)
        return parsed

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def upsert(self, run: str, **given: Any) -> dict[str, Any]:
        given = {"name": run, "host": "box"} | given
        given = {"entityName": "team", "modelName": self.project} | given
        text = """mutation ($input: UpsertBucketInput!) {
            upsertBucket(input: $input) {
                inserted bucket { id name displayName state config } } }"""
        upserted: dict[str, Any] = self.data(text, input=given)["upsertBucket"]
        return upserted

    def stream(self, run: str, *, packed: bool = False, **body: Any) -> TestResponse:
        data = orjson.dumps(body)
        return self.call(
            "POST",
            f"/files/team/{self.project}/{run}/file_stream",
            data=gzip.compress(data) if packed else data,
            content_type="application/json",
            headers=self.headers | ({"Content-Encoding": "gzip"} if packed else {}),
        )

    def log(self, run: str, rows: list[str], offset: int = 0, **body: Any) -> TestResponse:
        files = {"wandb-history.jsonl": {"offset": offset, "content": rows}}
        return self.stream(run, files=files, **body)

    def run(self, name: str, fields: str) -> dict[str, Any]:
        found: dict[str, Any] = self.in_project(f"run(name: {json.dumps(name)}) {{ {fields} }}")
        run: dict[str, Any] = found["run"]
        return run

    def in_project(self, fields: str) -> dict[str, Any]:
        text = f'{{ project(name: "{self.project}", entityName: "team") {{ {fields} }} }}'
        found: dict[str, Any] = self.data(text)["project"]
        return found

    def rows(self, name: str, arguments: str = "samples: 100000") -> list[dict[str, Any]]:
        return [json.loads(row) for row in self.run(name, f"history({arguments})")["history"]]
