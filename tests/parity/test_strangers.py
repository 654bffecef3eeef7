"""A stranger sends every document of the SDK, and learns nothing and changes nothing of others."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.test_documents import DOCUMENTS, variables
from tests.server.client import Raw, authorization
from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATE_USER = """mutation { createUser(input: {email: "eve@example.org"}) {
    user { apiKeys { edges { node { name } } } } } }"""

#: What only members of `local` and `lab` may know; none of it is in any request.
PRIVATE = ("notes of", "baseline", "weights.bin", "try-1", "ada@example.org", "Train 2")

#: Variables that would leave little to be told.
_NARROWING = ("cursor", "after", "order", "pattern", "names", "filenames", "viewname", "query")

TABLES = {
    "projects": "project_no", "runs": "project_no", "files": "run_no", "history": "run_no",
    "console_lines": "run_no", "sweeps": "project_no", "reports": "project_no",
    "artifact_types": "project_no", "artifact_collections": "project_no",
    "artifacts": "collection_no", "artifact_members": "collection_no",
    "artifact_files": "artifact_no", "run_artifacts": "run_no", "project_members": "project_no",
    "members": "entity", "documents": "scope", "users": None, "api_keys": None, "entities": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def owner(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    place = tmp_path_factory.mktemp("strangers") / "copy"
    shutil.copytree(filled, place)
    token = new_token()
    with Store.open_writer(place / "wb.duckdb") as store:
        yield Raw(create_app(store, token=token, writable=True), token)


@pytest.fixture(scope="module")
def eve(owner: Raw) -> Raw:
    user = owner.data(CREATE_USER)["createUser"]["user"]
    (key,) = user["apiKeys"]["edges"]
    return owner.with_headers(authorization(key["node"]["name"]))


def rows(owner: Raw) -> dict[str, Counter[str]]:
    """Every row of the tables as text, and how often it is there."""
    cursor = owner.app.service.store.cursor()
    return {
        table: Counter(map(str, cursor.execute(f"from stored.{table}").fetchall()))
        for table in TABLES
    }


def keys(owner: Raw, table: str) -> Counter[Any]:
    """How many rows of a table each owner has."""
    found = owner.app.service.store.cursor().execute(
        f"select {TABLES[table]}, count(*) from stored.{table} group by all"
    )
    return Counter(dict(found.fetchall()))


def ids(owner: Raw) -> list[str]:
    """An id of each kind of object that is not the stranger's."""
    cursor = owner.app.service.store.cursor()
    tables = ("projects", "runs", "files", "sweeps", "reports", "artifacts", "artifact_collections")
    found = [
        cursor.execute(f"select any_value(storage_id) from stored.{table}").fetchall()[0][0]
        for table in (*tables, "documents", "members", "api_keys", "artifact_members")
    ]
    return [storage_id for storage_id in found if storage_id is not None]


def with_id(values: Any, storage_id: str) -> Any:
    """The same variables with an id in place of each text that stands where one belongs."""
    if isinstance(values, dict):
        return {
            name: storage_id
            if isinstance(value, str) and name.lower().endswith("id")
            else [storage_id]
            if isinstance(value, list) and name.lower().endswith(("ids", "files"))
            else with_id(value, storage_id)
            for name, value in values.items()
        }
    return [with_id(each, storage_id) for each in values] if isinstance(values, list) else values


def send_all(client: Raw, storage_id: str | None = None) -> Iterator[tuple[str, str]]:
    """Send the queries, then the mutations; of an id those that have a place for it."""
    for place, text in sorted(DOCUMENTS.items(), key=lambda item: "mutation" in item[1]):
        likely = {
            name: value
            for name, value in variables(text, "likely").items()
            if not name.lower().endswith(_NARROWING)
        }
        given = likely if storage_id is None else with_id(likely, storage_id)
        if storage_id is not None and given == likely:
            continue
        body = {"query": text, "variables": given}
        yield place, client.call("POST", "/graphql", json=body, headers=client.headers).text


def test_a_stranger_learns_and_changes_nothing(owner: Raw, eve: Raw) -> None:
    known, before = ids(owner), rows(owner)
    owned = {table: keys(owner, table) for table, key in TABLES.items() if key}
    told = [
        (place, word)
        for storage_id in (None, *known)
        for place, answer in send_all(eve, storage_id)
        for word in PRIVATE
        if word in answer
    ]
    assert told == []
    after = rows(owner)
    assert {table: list(before[table] - after[table])[:3] for table in TABLES} == {
        table: [] for table in TABLES
    }
    for table, count in owned.items():
        grown = keys(owner, table)
        assert {key: grown[key] for key in count} == dict(count), table


def test_what_is_private_is_told_to_the_owner(owner: Raw) -> None:
    answers = "".join(answer for _, answer in send_all(owner))
    assert [word for word in PRIVATE if word not in answers] == []
