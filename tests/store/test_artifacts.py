"""Artifacts go into a store, over what is there, and come out with what they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from wbexport.arrow.manifests import MANIFEST, manifest_digest, parse_manifest, write_manifest
from wbexport.query.fields import COLLECTION_FIELDS, VERSION_FIELDS
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.store import artifact_listing, artifacts, lineage
from wbexport.store.check import check
from wbexport.store.writer import delete_runs, upsert_project

from .samples import PROJECT, add_runs

if TYPE_CHECKING:
    from wbexport.store.database import Store

NOON = datetime(2026, 1, 1, 12)


def collection(name: str, **columns: Any) -> dict[str, Any]:
    given = {"storage_id": f"C:{name}", "kind": "SEQUENCE", "type": "dataset", "name": name}
    return given | columns


def version(storage_id: str, **columns: Any) -> dict[str, Any]:
    return {"storage_id": storage_id, "state": "COMMITTED", "digest": storage_id} | columns


def files(**digests: str) -> pa.Table:
    rows = [{"path": path, "digest": digest} for path, digest in digests.items()]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def fill(store: Store, versions: int, aliases: dict[int, list[str]] | None = None) -> int:
    """Write a sequence with so many versions; return its number."""
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        (number,) = artifacts.write_collections(cursor, project_no, [collection("set")]).values()
        rows = [version(f"A{n}", version_index=n, size=n) for n in range(versions)]
        numbers = artifacts.write_versions(cursor, number, rows)
        members = [
            {
                "artifact_no": numbers[f"A{n}"],
                "storage_id": f"M{n}",
                "version_index": n,
                "aliases": (aliases or {}).get(n, []),
            }
            for n in range(versions)
        ]
        artifacts.write_members(cursor, number, members)
    return number


def aliases_of(store: Store, number: int) -> dict[int, list[str]]:
    members = artifact_listing.read_members(store.cursor(), collection_no=number).to_pylist()
    return {row["version_index"]: row["aliases"] for row in members if row["aliases"]}


def test_writing_again_changes_only_what_is_given(store: Store) -> None:
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        rows = [collection("a", tags=["x"], description="about"), collection("b")]
        first = artifacts.write_collections(cursor, project_no, rows)
        renamed = [{"storage_id": "C:a", "name": "renamed"}, {"storage_id": "C:b", "name": "b"}]
        assert artifacts.write_collections(cursor, project_no, renamed) == first
    found = artifact_listing.read_collections(store.cursor()).to_pylist()
    assert [row["name"] for row in found] == ["renamed", "b"]
    assert (found[0]["tags"], found[0]["description"]) == (["x"], "about")
    assert found[0]["project"]["entity"] == "team"


def test_the_same_id_in_another_project_is_another_thing(store: Store) -> None:
    fill(store, 1)
    with store.transaction() as cursor:
        other = upsert_project(cursor, type(PROJECT)("http://other", "p", "team", "other"))
        numbers = artifacts.write_collections(cursor, other, [collection("set")])
        artifacts.write_versions(cursor, numbers["C:set"], [version("A0")])
    assert artifact_listing.count_collections(store.cursor()) == 2
    assert artifact_listing.count_versions(store.cursor(), storage_id="A0") == 2


def test_a_version_comes_with_its_sequence_and_all_it_is_called(store: Store) -> None:
    number = fill(store, 2, {0: ["best", "old"], 1: ["latest"]})
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        shelf = collection("shelf", kind="PORTFOLIO")
        (shelf_no,) = artifacts.write_collections(cursor, project_no, [shelf]).values()
        link = {"artifact_no": 1, "storage_id": "L", "version_index": 0, "aliases": ["prod"]}
        artifacts.write_members(cursor, shelf_no, [link | {"created_at": NOON}])
    (found,) = artifact_listing.read_versions(store.cursor(), storage_id="A0").to_pylist()
    called = [(each["collection"]["name"], each["alias"]) for each in found["aliases"]]
    assert sorted(called) == [("set", "best"), ("set", "old"), ("shelf", "prod")]
    assert found["collection"]["name"] == "set"
    assert found["collection"]["project"]["project"] == "project"
    members = artifact_listing.read_members(store.cursor(), artifact_no=1).to_pylist()
    assert {row["collection"]["name"]: row["version_index"] for row in members} == {
        "set": 0,
        "shelf": 0,
    }
    assert aliases_of(store, number) == {0: ["best", "old"], 1: ["latest"]}
    assert check(store) == []


def test_an_alias_moves_to_the_version_that_is_written_last(store: Store) -> None:
    number = fill(store, 3, {0: ["a", "b"], 1: ["c"]})
    with store.transaction() as cursor:
        row = {"artifact_no": 3, "storage_id": "M2", "version_index": 2, "aliases": ["b", "c"]}
        artifacts.write_members(cursor, number, [row])
    assert aliases_of(store, number) == {0: ["a"], 2: ["b", "c"]}
    assert artifact_listing.count_members(store.cursor(), collection_no=number) == 3


def test_an_alias_that_two_rows_ask_for_goes_to_the_last_of_them(store: Store) -> None:
    number = fill(store, 3, {0: ["a", "b"], 1: ["b"], 2: ["a"]})
    assert aliases_of(store, number) == {1: ["b"], 2: ["a"]}
    assert check(store) == []


def test_filters_and_orders_reach_into_versions(store: Store) -> None:
    number = fill(store, 5, {3: ["x"]})

    def found(filters: dict[str, Any], order: str) -> list[int]:
        where = parse_filter(filters, VERSION_FIELDS)
        rows = artifact_listing.read_members(
            store.cursor(),
            where=where,
            order=parse_order(order, VERSION_FIELDS),
            collection_no=number,
        )
        total = artifact_listing.count_members(store.cursor(), where=where, collection_no=number)
        assert total == rows.num_rows
        indexes: list[int] = rows["version_index"].to_pylist()
        return indexes

    assert found({"size": {"$lt": 3}}, "-size") == [2, 1, 0]
    assert found({"alias": "x"}, "+created_at") == [3]
    assert found({"digest": {"$regex": "[24]"}}, "+digest") == [2, 4]


def test_collections_are_chosen_by_their_fields(store: Store) -> None:
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        rows = [
            collection(name, tags=tags, created_at=NOON.replace(hour=hour))
            for name, tags, hour in (("a", ["x"], 3), ("b", [], 2), ("c", ["x", "y"], 1))
        ]
        artifacts.write_collections(cursor, project_no, rows)
    where = parse_filter({"tag": "x"}, COLLECTION_FIELDS)
    order = parse_order("+createdAt", COLLECTION_FIELDS)
    rows_found = artifact_listing.read_collections(store.cursor(), where=where, order=order)
    assert rows_found["name"].to_pylist() == ["c", "a"]
    assert artifact_listing.count_collections(store.cursor(), where=where) == 2


def test_stored_bytes_are_known_by_their_digest(store: Store) -> None:
    fill(store, 2)
    with store.transaction() as cursor:
        artifacts.write_files(cursor, 1, files(a="d1", b="d2"))
        artifacts.set_blob(cursor, 1, "d1", "f" * 64, 3)
        artifacts.write_files(cursor, 2, files(z="d1", y="d3"), complete=True)
    first, second = (artifact_listing.read_files(store.cursor(), n).to_pylist() for n in (1, 2))
    assert [(row["path"], row["blob"]) for row in first] == [("a", "f" * 64), ("b", None)]
    assert [(row["path"], row["blob"], row["birth_artifact"]) for row in second] == [
        ("y", None, None),
        ("z", "f" * 64, "A0"),
    ]
    assert artifact_listing.missing_files(store.cursor(), 2) == ["y"]
    blob = artifact_listing.find_blob(store.cursor(), "d1", entity="team", project="project")
    assert blob == "f" * 64
    assert artifact_listing.find_blob(store.cursor(), "d1", entity="nobody") is None


def test_bytes_of_a_reference_are_nobodys(store: Store) -> None:
    fill(store, 1)
    row = {"path": "r", "digest": "d1", "ref": "s3://bucket/key"}
    with store.transaction() as cursor:
        artifacts.write_files(cursor, 1, files(a="d1"))
        artifacts.set_blob(cursor, 1, "d1", "f" * 64, 3)
        artifacts.write_files(cursor, 1, pa.Table.from_pylist([row], schema=MANIFEST))
    found = artifact_listing.read_files(store.cursor(), 1, names=["r"]).to_pylist()
    assert (found[0]["blob"], found[0]["ref"]) == (None, "s3://bucket/key")
    assert artifact_listing.missing_files(store.cursor(), 1) == []


def test_a_deleted_version_leaves_its_index_to_nobody(store: Store) -> None:
    number = fill(store, 2, {1: ["latest"]})
    (run,) = add_runs(store, 1)
    with store.transaction() as cursor:
        artifacts.write_files(cursor, 2, files(a="d1"))
        artifacts.write_lineage(cursor, run, 2, "input", created_at=NOON)
        artifacts.delete_versions(cursor, [2])
    assert artifact_listing.next_index(store.cursor(), number) == 2
    assert artifact_listing.read_files(store.cursor(), 2).num_rows == 0
    assert lineage.read_users(store.cursor(), [2]) == {2: []}
    assert aliases_of(store, number) == {}
    assert check(store) == []


def test_a_deleted_collection_leaves_nothing(store: Store) -> None:
    number = fill(store, 2, {1: ["latest"]})
    with store.transaction() as cursor:
        artifacts.write_files(cursor, 2, files(a="d1"))
        artifacts.write_manifest(cursor, 2, "W", kind="FULL", name="m")
        artifacts.delete_collections(cursor, [number])
    for table in ("collections", "members", "files", "manifests"):
        rows = store.cursor().execute(f"from stored.artifact_{table}").fetchall()
        assert rows == [], table
    assert artifact_listing.count_versions(store.cursor()) == 0


def test_runs_and_versions_know_each_other(store: Store) -> None:
    fill(store, 3)
    one, two = add_runs(store, 2)
    with store.transaction() as cursor:
        artifacts.write_lineage(cursor, one, 1, "output", created_at=NOON)
        for used_as in ("train", "test"):
            artifacts.write_lineage(cursor, two, 1, "input", used_as=used_as, created_at=NOON)
        artifacts.write_lineage(cursor, two, 3, "input", created_at=NOON)
    cursor = store.cursor()
    used = artifact_listing.read_versions(cursor, run=(two, "input"), limit=1)
    assert used["storage_id"].to_pylist() == ["A2"]
    assert artifact_listing.count_versions(cursor, run=(two, "input")) == 2
    assert artifact_listing.count_versions(cursor, run=(one, "input")) == 0
    assert lineage.read_users(cursor, [1]) == {1: ["s1"]}
    with store.transaction() as writing:
        delete_runs(writing, [two])
    assert lineage.read_users(store.cursor(), [1]) == {1: []}
    assert check(store) == []


def test_a_type_is_written_once(store: Store) -> None:
    with store.transaction() as cursor:
        project_no = upsert_project(cursor, PROJECT)
        for storage_id in ("T1", "T2"):
            artifacts.write_type(cursor, project_no, "model", storage_id=storage_id)
    found = artifact_listing.read_types(store.cursor(), project_no)
    assert found["storage_id"].to_pylist() == ["T1"]


def test_metadata_that_is_no_unicode_is_kept_as_text(store: Store) -> None:
    number = fill(store, 1)
    with store.transaction() as cursor:
        row = {"storage_id": "A0", "metadata": '{"x": NaN, "lone": "\\ud83d"}'}
        artifacts.write_versions(cursor, number, [row])
    (found,) = artifact_listing.read_versions(store.cursor(), storage_id="A0").to_pylist()
    assert found["metadata"] == '{"x": NaN, "lone": "\\ufffd"}'


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("delete from stored.artifacts", "strays"),
        ("delete from stored.artifact_collections", "strays"),
        ("update stored.artifact_members set aliases = ['same']", "shared_aliases"),
    ],
)
def test_contradictions_between_artifacts_are_found(
    store: Store, statement: str, found: str
) -> None:
    fill(store, 2)
    assert check(store) == []
    with store.transaction() as cursor:
        cursor.execute(statement)
    assert found in {problem.check for problem in check(store)}


def test_a_missing_blob_of_an_artifact_is_found(store: Store) -> None:
    number = fill(store, 1)
    with store.transaction() as cursor:
        artifacts.write_versions(cursor, number, [{"storage_id": "A0", "manifest": "a" * 64}])
        artifacts.write_files(cursor, 1, files(a="d1"))
        artifacts.set_blob(cursor, 1, "d1", "b" * 64, 1)
    assert [problem.detail for problem in check(store)] == [
        f"{name * 64} is missing" for name in "ab"
    ]


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    rows = [
        {"path": "a", "digest": "d1", "size": 1, "birth_artifact": "A0"},
        {"path": "b/c", "digest": "etag", "ref": "s3://x", "extra": '{"etag":"etag"}'},
    ]
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    assert parse_manifest(write_manifest(table)) == table


def test_the_digest_of_a_manifest_is_that_of_its_sorted_lines() -> None:
    entries = [("b", "2"), ("a", "1")]
    assert manifest_digest(entries) == manifest_digest(sorted(entries))
    assert manifest_digest([]) == "64e7c61456b10382e2f3b571ac24b659"
