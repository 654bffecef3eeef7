"""Requests as strangers and clients send them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from tests.server.client import authorization
from wbexport.server.app import Application, create_app
from wbexport.server.serve import new_token
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse


ROUTES = [
    ("POST", "/graphql"),
    ("POST", "/files/team/demo/run1/file_stream"),
    ("GET", "/storage/" + "0" * 64),
    ("HEAD", "/storage/" + "0" * 64),
    ("GET", "/exports/abc/0.parquet?run=x"),
    ("PUT", "/uploads?run=x&name=a.txt"),
    ("GET", "/"),
    ("GET", "/healthz"),
    ("OPTIONS", "/graphql"),
    ("DELETE", "/graphql"),
]

TRAVERSAL = [
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "....//....//etc/passwd",
    "..;/..;/etc/passwd",
    "%c0%ae%c0%ae/etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "%00/etc/passwd",
    "..%00",
    "．．/etc/passwd",
    "C:%5cwindows%5cwin.ini",
    "wb.duckdb",
    "",
]


@pytest.fixture(scope="module")
def token() -> str:
    return new_token()


@pytest.fixture(scope="module")
def app(token: str) -> Iterator[Application]:
    with Store.in_memory() as store:
        yield create_app(store, token=token, writable=True)


@pytest.fixture(scope="module")
def client(app: Application) -> Client:
    return Client(app)


def call(client: Client, method: str, path: str, **options: Any) -> TestResponse:
    options.setdefault("base_url", "http://127.0.0.1")
    return client.open(path, method=method, **options)


def graphql(client: Client, token: str, query: str, **variables: Any) -> dict[str, Any]:
    body = {"query": query, "variables": variables, "operationName": ""}
    answer = call(client, "POST", "/graphql", json=body, headers=authorization(token))
    parsed: dict[str, Any] = json.loads(answer.data)
    return parsed


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("given", [None, "wrong", "local-" + "0" * 40])
def test_no_route_answers_without_the_token(
    client: Client, method: str, path: str, given: str | None
) -> None:
    headers = {} if given is None else authorization(given)
    answer = call(client, method, path, headers=headers, json={"query": "{ viewer { id } }"})
    # What is no route says so to anybody: the SDK takes a 401 for a place for its telemetry.
    assert answer.status_code in (401, 403, 404, 405)
    assert b"viewer" not in answer.data
    if method != "HEAD":
        body = json.loads(answer.data)
        assert body["errors"][0]["message"] == body["error"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_no_route_answers_to_another_host(
    client: Client, token: str, method: str, path: str, host: str
) -> None:
    answer = call(client, method, path, headers=authorization(token), base_url=f"http://{host}")
    assert answer.status_code == 403


@pytest.mark.parametrize("path", TRAVERSAL)
@pytest.mark.parametrize(
    "prefix", ["/", "/storage/", "/exports/", "/exports/x/", "/files/", "/uploads/"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_no_path_leads_out_of_the_store(
    client: Client, token: str, method: str, prefix: str, path: str
) -> None:
    answer = call(client, method, prefix + path, headers=authorization(token))
    assert answer.status_code in (403, 404, 405)
    assert b"root:" not in answer.data


@pytest.mark.parametrize("path", TRAVERSAL)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_even_a_signed_path_leads_nowhere_else(app: Application, method: str, path: str) -> None:
    url = app.service.signer.sign("GET", f"/storage/{path}")
    assert call(Client(app), method, url, headers={"Range": "bytes=0-9"}).status_code in (
        401,
        403,
        404,
    )


def test_no_answer_invites_other_pages(client: Client, token: str) -> None:
    answer = call(client, "POST", "/graphql", headers=authorization(token), json={"query": "{x}"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
@pytest.mark.parametrize("path", ["/graphql", "/files/team/demo/run1/file_stream"])
def test_a_form_on_a_page_cannot_post(
    client: Client, token: str, path: str, content_type: str
) -> None:
    answer = call(
        client,
        "POST",
        path,
        headers=authorization(token),
        data=b'{"query": "{ viewer { id } }"}',
        content_type=content_type,
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"[]",
        b'[{"query": "{ viewer { id } }"}]',
        b"{}",
        b'{"query": 1}',
        b'{"query": "{ viewer { id } }", "variables": []}',
        b'{"query": "{ viewer { id } }", "variables": "x"}',
        b'{"query": "{ viewer { id } }", "operationName": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"query": "\xff"}',
    ],
)
def test_a_malformed_request_is_a_client_error(client: Client, token: str, body: bytes) -> None:
    answer = call(
        client,
        "POST",
        "/graphql",
        headers=authorization(token),
        data=body,
        content_type="application/json",
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(("mebibytes", "status"), [(15, 200), (16, 413)])
def test_large_variables_are_taken_up_to_the_limit(
    client: Client, token: str, mebibytes: int, status: int
) -> None:
    body = {"query": "{ viewer { id } }", "variables": {"x": "a" * (mebibytes << 20)}}
    answer = call(client, "POST", "/graphql", headers=authorization(token), json=body)
    assert answer.status_code == status


def test_a_large_document_is_refused_and_not_remembered(client: Client, token: str) -> None:
    answer = graphql(client, token, "{ viewer { id } }" + "#" * (1 << 20))
    assert "too long" in answer["errors"][0]["message"]


def test_undeclared_variables_and_an_empty_operation_name_are_ignored(
    client: Client, token: str
) -> None:
    answer = graphql(client, token, "query Q { viewer { username } }", nobody="asked")
    assert answer == {"data": {"viewer": {"username": "local"}}}


def test_what_is_not_served_is_named(client: Client, token: str) -> None:
    answer = graphql(client, token, '{ project(name: "p") { dashboards { edges { cursor } } } }')
    assert "dashboards" in answer["errors"][0]["message"]


def test_a_read_only_server_refuses_every_write(store: Store, token: str) -> None:
    client = Client(create_app(store, token=token))
    mutation = {"query": 'mutation { upsertModel(input: {name: "p"}) { inserted } }'}
    headers = authorization(token)
    assert call(client, "POST", "/graphql", json=mutation, headers=headers).status_code == 403
    path = "/files/team/demo/run1/file_stream"
    assert call(client, "POST", path, json={}, headers=headers).status_code == 403
    assert store.cursor().execute("select count(*) from stored.projects").fetchone() == (0,)


def test_a_short_token_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="32"):
        create_app(store, token="secret")
