"""Answers in full, or errors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.errors import AuthError, GraphQLError, InputError, ResponseError, ServerError
from wbexport.graphql.client import GraphQL
from wbexport.settings import Settings
from wbexport.transport import Session, wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

QUERY = "query Viewer { viewer { id } }"


class Server:
    """A WSGI application that answers all requests alike and keeps their bodies."""

    def __init__(self, answer: object, status: str = "200 OK") -> None:
        self.bodies: list[dict[str, Any]] = []
        self._answer = json.dumps(answer).encode()
        self._status = status

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.bodies.append(json.loads(environ["wsgi.input"].read()))
        start(self._status, [("Content-Type", "application/json")])
        return [self._answer]


def client(server: Server, **changes: Any) -> GraphQL:
    url = "http://localhost"
    settings = Settings.load(overrides={"base_url": url}, api_key="k" * 40, environ={})
    return GraphQL(Session(replace(settings, **changes), transport=wsgi_transport(server)))


def test_a_request_names_its_operation() -> None:
    server = Server({"data": {"viewer": None}})
    assert client(server).execute_text(QUERY, {"a": 1}) == {"viewer": None}
    assert server.bodies == [{"query": QUERY, "variables": {"a": 1}, "operationName": "Viewer"}]


def test_a_document_is_sent_with_its_fragments() -> None:
    server = Server({"data": {"project": None}})
    client(server).execute("Project", {"entity": "e", "name": "p"})
    assert server.bodies[0]["operationName"] == "Project"
    assert "fragment " in server.bodies[0]["query"]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "404 Not Found", "409 Conflict"])
def test_errors_win_over_data_and_are_kept(status: str) -> None:
    errors = [{"message": "e1", "path": ["a"]}, {"message": "e2"}]
    server = Server({"data": {"viewer": {"id": "1"}}, "errors": errors}, status)
    with pytest.raises(GraphQLError, match="Viewer: e1; e2") as caught:
        client(server).execute_text(QUERY, {})
    assert (caught.value.errors, caught.value.operation) == (errors, "Viewer")


@pytest.mark.parametrize("errors", ["text", ["text"], {"message": "text"}, [{"message": "text"}]])
def test_errors_of_any_shape_are_errors(errors: object) -> None:
    with pytest.raises(GraphQLError, match="text"):
        client(Server({"data": {}, "errors": errors})).execute_text(QUERY, {})


@pytest.mark.parametrize("text", ["Unauthorized", "invalid API key", "permission denied"])
def test_errors_about_the_key_are_authentication_errors(text: str) -> None:
    with pytest.raises(AuthError, match=text):
        client(Server({"errors": [{"message": text}]})).execute_text(QUERY, {})


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": []}, {"errors": []}])
def test_an_answer_without_data_is_an_error(answer: object) -> None:
    with pytest.raises(ResponseError):
        client(Server(answer)).execute_text(QUERY, {})


def test_a_field_that_an_old_server_lacks_is_left_out_from_then_on() -> None:
    lacking = ["logLineCount", "exitcode"]

    class OldServer(Server):
        def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            answer = super().__call__(environ, start)
            unknown = [name for name in lacking if name in self.bodies[-1]["query"]]
            errors = (
                [{"message": f'Cannot query field "{unknown[0]}" on type "Run".'}]
                if unknown
                else None
            )
            return [json.dumps({"errors": errors}).encode()] if errors else answer

    server = OldServer({"data": {"project": None}})
    old = client(server)
    for sent in (3, 4):
        assert old.execute("RunHeaders", {}) == {"project": None}
        assert len(server.bodies) == sent
    assert "eventsLineCount" in server.bodies[-1]["query"]


def test_a_field_that_cannot_be_missed_stays_an_error() -> None:
    server = Server({"errors": [{"message": 'Cannot query field "config" on type "Run".'}]})
    with pytest.raises(GraphQLError, match="config"):
        client(server).execute("RunHeaders", {})
    assert len(server.bodies) == 1


def test_a_mutation_is_sent_once_even_if_the_server_fails() -> None:
    server = Server({"error": "down"}, "500 Oops")
    with pytest.raises(ServerError, match="down"):
        client(server).execute_text("mutation M { x }", {})
    assert len(server.bodies) == 1


def test_a_mutation_is_refused_under_read_only_settings() -> None:
    server = Server({"data": {}})
    with pytest.raises(InputError, match="read-only"):
        client(server, read_only=True).execute_text("mutation M { x }", {})
    assert server.bodies == []


@pytest.mark.parametrize(
    "text", ["", "{ viewer { id } }", "subscription S { x }", "fragment F on T { x }"]
)
def test_only_named_queries_and_mutations_are_sent(text: str) -> None:
    with pytest.raises(InputError, match="named"):
        client(Server({})).execute_text(text, {})
