"""Artifacts by the raw protocol: what is refused, kept, answered and downloaded."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import xxhash

from tests.server.artifact_client import Logger, md5
from tests.server.client import Raw, application
from wbexport.server.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: dict[str, bytes | dict[str, Any]] = {"a.txt": b"one", "deep/b.txt": b"two"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Raw]:
    with application() as client:
        yield client


@pytest.fixture
def raw(shared: Raw) -> Raw:
    return shared.elsewhere()


def hex_md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def problem(answer: dict[str, Any]) -> str:
    """The one error of an answer."""
    (error,) = answer["errors"]
    message: str = error["message"]
    return message


def mutate(raw: Raw, name: str, fields: str = "success", **given: Any) -> dict[str, Any]:
    kind = name[0].upper() + name[1:]
    text = f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ {fields} }} }}"
    return raw.graphql(text, input=given)


def version(raw: Raw, storage_id: str, fields: str) -> dict[str, Any]:
    data = raw.data(f"query ($id: ID!) {{ artifact(id: $id) {{ {fields} }} }}", id=storage_id)
    found: dict[str, Any] = data["artifact"]
    return found


def alias(raw: Raw, name: str, collection: str = "set") -> dict[str, str]:
    path = {"entityName": "team", "projectName": raw.project}
    return path | {"artifactCollectionName": collection, "alias": name}


def member(raw: Raw, name: str) -> dict[str, Any] | None:
    fields = "versionIndex aliases { alias } artifact { id }"
    text = f"artifactCollectionMembership(name: {json.dumps(name)}) {{ {fields} }}"
    found: dict[str, Any] | None = raw.in_project(text)["artifactCollectionMembership"]
    return found


def aliases_of(raw: Raw, name: str) -> list[str]:
    found = member(raw, name)
    assert found is not None
    return [each["alias"] for each in found["aliases"]]


def test_a_version_shows_only_once_it_is_committed(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    logger.create(alias="best")
    logger.upload(logger.declare())
    logger.send_manifest()
    assert member(raw, "set:best") is None
    assert logger.commit()["data"]["commitArtifact"]["artifact"]["versionIndex"] == 0
    assert aliases_of(raw, "set:v0") == ["best", "latest"]
    assert member(raw, "set") == member(raw, "set:latest") == member(raw, "set:best")


def test_committing_twice_changes_nothing(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    logger.log()
    assert logger.commit() == logger.commit()
    assert member(raw, "set:v1") is None


def test_creating_again_under_a_client_id_finds_the_same_version(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    first = logger.create(clientID="mine")["data"]
    assert logger.create(clientID="mine")["data"] == first
    logger.log(clientID="mine")
    mapping = "query ($id: ID!) { clientIDMapping(clientID: $id) { serverID } }"
    assert raw.data(mapping, id="mine")["clientIDMapping"] == {"serverID": logger.id}
    assert raw.data(mapping, id="other")["clientIDMapping"] is None
    same = Logger(raw, "set", FILES)
    same.log(clientID="again")
    assert raw.data(mapping, id="again")["clientIDMapping"] == {"serverID": logger.id}


def test_without_deduplication_equal_content_is_a_new_version(raw: Raw) -> None:
    first = Logger(raw, "set", FILES).log()
    second = Logger(raw, "set", FILES).log(enableDigestDeduplication=False)
    assert first != second
    assert member(raw, "set:v1") is not None


def test_bytes_that_are_here_are_not_asked_for_again(raw: Raw) -> None:
    first = Logger(raw, "set", FILES).log()
    logger = Logger(raw, "set", FILES | {"c.txt": f"three {raw.project}".encode()})
    logger.create()
    nodes = logger.declare()
    assert [node["uploadUrl"] is None for node in nodes] == [True, True, False]
    assert [node["storagePath"] for node in nodes] == ["a.txt", "deep/b.txt", "c.txt"]
    assert nodes[2]["artifact"]["id"] == logger.id
    assert version(raw, first, "state") == {"state": "COMMITTED"}


def test_other_bytes_than_announced_are_refused(raw: Raw) -> None:
    logger = Logger(raw, "set", {"a.txt": f"mine {raw.project}".encode()})
    logger.create()
    (node,) = logger.declare()
    answer = raw.follow("PUT", node["uploadUrl"], data=b"not mine")
    assert answer.status_code == 400
    logger.send_manifest()
    assert "'a.txt'" in problem(logger.commit())


def test_other_bytes_than_the_manifest_that_was_announced_are_refused(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    logger.create()
    assert logger.send_manifest(digest=md5(b"something else")).status_code == 400
    assert "no manifest" in problem(logger.commit())


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON",
        b"[]",
        b'{"version": 2, "storagePolicy": "wandb-storage-policy-v1", "contents": {}}',
        b'{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {"a": {}}}',
        b'{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {"a": 1}}',
    ],
)
def test_what_is_no_manifest_is_refused(raw: Raw, content: bytes) -> None:
    logger = Logger(raw, "set", FILES)
    logger.create()
    logger.send_manifest(content)
    assert "manifest" in problem(logger.commit())


def test_a_manifest_that_memory_could_not_hold_is_refused() -> None:
    with application() as raw:
        raw.app.service.limits = Limits(manifest_body=10)
        logger = Logger(raw, "set", FILES)
        logger.create()
        assert logger.send_manifest().status_code == 413
        assert logger.upload(logger.declare()) == [200, 200]


def test_a_manifest_of_other_files_than_announced_is_refused(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    logger.create()
    logger.upload(logger.declare())
    logger.entries.pop("a.txt")
    logger.send_manifest()
    assert "digest" in problem(logger.commit())


def test_bytes_are_verified_by_the_digest_that_was_announced(raw: Raw) -> None:
    content = f"fast {raw.project}".encode()
    digest = base64.b64encode(xxhash.xxh128(content).digest()).decode()
    entry = {"digest": digest, "size": len(content), "extra": {"alg": "XXH128"}}
    logger = Logger(raw, "set", {"a": content})
    logger.entries["a"] = entry
    lines = f"wandb-artifact-manifest-v1\na:{digest}\n".encode()
    whole = xxhash.xxh128(lines).hexdigest()
    logger.create(digest=whole, digestAlgorithm="MANIFEST_XXH128")
    (node,) = logger.declare(digest=digest)
    assert raw.follow("PUT", node["uploadUrl"], data=content).status_code == 400
    (node,) = logger.declare(algorithm="MANIFEST_XXH128", digest=digest)
    assert raw.follow("PUT", node["uploadUrl"], data=b"other").status_code == 400
    assert logger.upload([node]) == [200]
    logger.send_manifest()
    assert logger.commit()["data"]["commitArtifact"]["artifact"]["digest"] == whole
    fields = "digestAlgorithm files { edges { node { digest md5 } } }"
    found = version(raw, logger.id, fields)
    assert found["digestAlgorithm"] == "MANIFEST_XXH128"
    assert found["files"]["edges"] == [{"node": {"digest": digest, "md5": None}}]


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a//b", "..\\a", "./a", "a\0b", ""])
def test_names_that_would_leave_their_folder_are_refused(raw: Raw, name: str) -> None:
    logger = Logger(raw, "set", {name: {"digest": "x", "ref": "s3://bucket/key"}})
    logger.create()
    logger.send_manifest()
    assert "folder" in problem(logger.commit())
    text = "mutation ($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) {"
    files = [{"artifactID": logger.id, "name": name, "md5": md5(b"")}]
    answer = raw.graphql(text + " files { totalCount } } }", input={"artifactFiles": files})
    assert "folder" in problem(answer)


@pytest.mark.parametrize("name", ["2024-01-31T12:00.txt", "ünï/cødé ☃", "a\\b", "con", "x" * 300])
def test_odd_names_are_data(raw: Raw, name: str) -> None:
    storage_id = Logger(raw, "set", {name: b"odd"}).log()
    files = version(raw, storage_id, "files { edges { node { name displayName directUrl } } }")
    (edge,) = files["files"]["edges"]
    assert edge["node"]["name"] == edge["node"]["displayName"] == name
    assert raw.follow("GET", edge["node"]["directUrl"]).data == b"odd"


def test_files_of_a_committed_version_never_change(raw: Raw) -> None:
    logger = Logger(raw, "set", FILES)
    logger.log()
    text = "mutation ($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) {"
    files = [{"artifactID": logger.id, "name": "c", "md5": md5(b"")}]
    answer = raw.graphql(text + " files { totalCount } } }", input={"artifactFiles": files})
    assert "set:v0 is committed" in problem(answer)


def test_a_reference_has_no_bytes_here_and_no_link_that_leads_away(raw: Raw) -> None:
    entry = {"digest": "etag", "size": 7, "ref": "s3://bucket/key", "extra": {"etag": "etag"}}
    storage_id = Logger(raw, "set", {"a.txt": b"one", "r": entry}).log()
    fields = "name digest md5 sizeBytes directUrl"
    found = version(raw, storage_id, f"size fileCount files {{ edges {{ node {{ {fields} }} }} }}")
    assert (found["size"], found["fileCount"]) == (10, 2)
    node = found["files"]["edges"][1]["node"]
    assert raw.follow("GET", node.pop("directUrl")).status_code == 404
    assert node == {"name": "r", "digest": "etag", "md5": None, "sizeBytes": 7}


def test_files_come_page_by_page_and_by_name(raw: Raw) -> None:
    files = {f"{n:03}": f"{n}".encode() for n in range(25)}
    Logger(raw, "set", files).log()
    text = """artifactCollection(name: "set") { artifactMembership(aliasName: "v0") {
        files(first: %s, after: %s, names: %s) {
            totalCount pageInfo { endCursor hasNextPage } edges { node { name } } } } }"""
    seen, after, more = [], "null", True
    while more:
        found = raw.in_project(text % (10, after, "null"))["artifactCollection"]
        page = found["artifactMembership"]["files"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        after, more = json.dumps(page["pageInfo"]["endCursor"]), page["pageInfo"]["hasNextPage"]
        assert page["totalCount"] == 25
    assert seen == list(files)
    found = raw.in_project(text % (10, "null", '["003", "none"]'))["artifactCollection"]
    assert found["artifactMembership"]["files"]["totalCount"] == 1


def test_files_are_found_by_the_entries_of_a_manifest(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    text = """query ($id: ID!, $entries: [ArtifactManifestEntryInput!]) { artifact(id: $id) {
        filesByManifestEntries(storageLayout: "V2", manifestVersion: "1", entries: $entries) {
            edges { node { name directUrl } } } } }"""
    entries = [{"name": "deep/b.txt", "digest": md5(b"two")}, {"name": "none", "digest": ""}]
    found = raw.data(text, id=storage_id, entries=entries)["artifact"]["filesByManifestEntries"]
    (edge,) = found["edges"]
    part = raw.follow("GET", edge["node"]["directUrl"], headers={"Range": "bytes=1-1"})
    assert (part.status_code, part.data) == (206, b"w")


def test_a_link_for_an_upload_is_good_for_its_file_alone(raw: Raw) -> None:
    mine = Logger(raw, "set", {"a": f"mine {raw.project}".encode()})
    other = Logger(raw, "other", {"a": f"other {raw.project}".encode()})
    for logger in (mine, other):
        logger.create()
    (link,), (foreign,) = (logger.declare() for logger in (mine, other))
    url = link["uploadUrl"]
    for forged in (
        url.replace(quote(mine.id), quote(other.id)),
        url.replace("MANIFEST_MD5", "MANIFEST_XXH128"),
        url.partition("&signature")[0],
        foreign["uploadUrl"].replace(quote(other.id), quote(mine.id)),
    ):
        assert raw.follow("PUT", forged, data=mine.contents["a"]).status_code == 403
    assert raw.follow("GET", url).status_code == 405
    assert mine.upload([link]) == [200]


def test_bytes_are_downloaded_by_digest_with_the_token_alone(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    digest = hex_md5(b"one")
    for path in (
        f"/artifacts/team/{digest}",
        f"/artifactsV2/default/team/{raw.project}/set/{storage_id}/{digest}/a.txt",
        f"/artifactsV2/eu/team/{raw.project}/set/{storage_id}/{storage_id}/{digest}/a.txt",
    ):
        assert raw.call("GET", path).status_code == 401
        whole = raw.call("GET", path, headers=raw.headers)
        part = raw.call("GET", path, headers=raw.headers | {"Range": "bytes=1-"})
        assert (whole.status_code, whole.data) == (200, b"one")
        assert (part.status_code, part.data) == (206, b"ne")
        unknown = path.replace(digest, "0" * 32)
        assert raw.call("GET", unknown, headers=raw.headers).status_code == 404
    assert raw.call("GET", "/artifacts/team/nothex", headers=raw.headers).status_code == 404
    assert raw.call("GET", f"/artifacts/x/{digest}", headers=raw.headers).status_code == 404


def test_a_large_file_may_come_in_parts(raw: Raw) -> None:
    parts = [b"first " * 10, b"second " * 10, raw.project.encode()]
    logger = Logger(raw, "set", {"big": b"".join(parts)})
    logger.create()
    spec = [{"partNumber": number, "hexMD5": hex_md5(part)} for number, part in enumerate(parts, 1)]
    (node,) = logger.declare(uploadPartsInput=spec)
    upload = node["uploadMultipartUrls"]
    given = {"artifactID": logger.id, "storagePath": "big", "uploadID": upload["uploadID"]}
    given |= {"completedParts": spec}
    urls = [part["uploadUrl"] for part in upload["uploadUrlParts"]]
    assert raw.follow("PUT", urls[0], data=b"other").status_code == 400
    complete = "completeMultipartUploadArtifact"
    answer = mutate(raw, complete, "digest", **given, completeMultipartAction="Complete")
    assert "part 1" in problem(answer)
    etags = [raw.follow("PUT", url, data=part) for url, part in zip(urls, parts, strict=True)]
    assert [etag.headers["ETag"].strip('"') for etag in etags] == [s["hexMD5"] for s in spec]
    other = given | {"uploadID": "0" * 64}
    answer = mutate(raw, complete, "digest", **other, completeMultipartAction="Complete")
    assert "big" in problem(answer)
    answer = mutate(raw, complete, "digest", **given, completeMultipartAction="Complete")
    assert answer["data"][complete]["digest"] == md5(b"".join(parts))
    logger.send_manifest()
    logger.commit()
    assert member(raw, "set:v0") is not None


def test_parts_that_are_given_up_are_forgotten(raw: Raw) -> None:
    content = f"parted {raw.project}".encode()
    logger = Logger(raw, "set", {"big": content})
    logger.create()
    spec = [{"partNumber": 1, "hexMD5": hex_md5(content)}]
    (node,) = logger.declare(uploadPartsInput=spec)
    upload = node["uploadMultipartUrls"]
    raw.follow("PUT", upload["uploadUrlParts"][0]["uploadUrl"], data=content)
    given = {"artifactID": logger.id, "storagePath": "big", "uploadID": upload["uploadID"]}
    given |= {"completedParts": spec}
    complete = "completeMultipartUploadArtifact"
    answer = mutate(raw, complete, "digest", **given, completeMultipartAction="Abort")
    assert answer["data"][complete] == {"digest": None}
    answer = mutate(raw, complete, "digest", **given, completeMultipartAction="Complete")
    assert "part 1" in problem(answer)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"artifactCollectionName": "a/b"}, "'a/b'"),
        ({"artifactCollectionName": "a:b"}, "'a:b'"),
        ({"artifactCollectionName": "x" * 129}, "128"),
        ({"artifactCollectionName": ""}, "''"),
        ({"artifactTypeName": "a:b"}, "'a:b'"),
        ({"artifactCollectionNames": ["a", "b"]}, "one collection"),
        ({"alias": "v3"}, "'v3'"),
        ({"alias": "a:b"}, "'a:b'"),
        ({"aliases": [{"artifactCollectionName": "x", "alias": "y"}]}, "'y'"),
        ({"tags": [{"tagName": "no/slash"}]}, "'no/slash'"),
        ({"metadata": "[1]"}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"digest": "short"}, "'short'"),
        ({"runName": "nobody"}, "nobody"),
    ],
)
def test_malformed_versions_are_refused_by_name(
    raw: Raw, given: dict[str, Any], message: str
) -> None:
    assert message in problem(Logger(raw, "set", FILES).create(**given))
    raw.upsert("makes the project")
    assert raw.in_project("artifactCollections { totalCount }") == {
        "artifactCollections": {"totalCount": 0}
    }


def test_a_collection_holds_one_type(raw: Raw) -> None:
    Logger(raw, "set", FILES).log()
    answer = Logger(raw, "set", FILES).create(artifactTypeName="model")
    assert f"team/{raw.project}/set holds artifacts of type 'dataset'" in problem(answer)


def test_a_portfolio_takes_links_only(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    target = {"entityName": "team", "projectName": raw.project}
    link = {"artifactID": storage_id, "artifactPortfolioName": "shelf"} | target
    assert "errors" not in mutate(raw, "linkArtifact", "versionIndex", **link)
    assert "portfolio" in problem(Logger(raw, "shelf", FILES).create())
    link["artifactPortfolioName"] = "set"
    assert "sequence" in problem(mutate(raw, "linkArtifact", "versionIndex", **link))


def test_a_link_has_an_index_and_aliases_of_its_own(raw: Raw) -> None:
    first = Logger(raw, "set", FILES).log()
    second = Logger(raw, "set", {"a": b"other"}).log(clientID="mine" + raw.project)
    target = {"entityName": "team", "projectName": f"{raw.project}-shelf"}
    target |= {"artifactPortfolioName": "shelf"}
    fields = "versionIndex artifactMembership { id artifactCollection { id } aliases { alias } }"
    linked = mutate(raw, "linkArtifact", fields, clientID="mine" + raw.project, **target)
    assert linked["data"]["linkArtifact"]["versionIndex"] == 0
    names = [{"artifactCollectionName": "shelf", "alias": "prod"}]
    linked = mutate(raw, "linkArtifact", fields, artifactID=first, aliases=names, **target)
    assert linked["data"]["linkArtifact"]["versionIndex"] == 1
    again = mutate(raw, "linkArtifact", fields, artifactID=second, **target)["data"]
    assert again["linkArtifact"]["versionIndex"] == 0
    membership = again["linkArtifact"]["artifactMembership"]
    assert membership["aliases"] == [{"alias": "latest"}]
    assert aliases_of(raw, "set:v0") == []
    shelf = membership["artifactCollection"]["id"]
    own = {"artifactPortfolioID": shelf}
    unlinked = mutate(raw, "unlinkArtifact", "success artifactID", artifactID=second, **own)
    assert unlinked["data"]["unlinkArtifact"] == {"success": True, "artifactID": second}
    answer = mutate(raw, "unlinkArtifact", artifactID=second, **own)
    assert "shelf" in problem(answer)
    anew = mutate(raw, "linkArtifact", fields, artifactID=second, **target)["data"]
    assert anew["linkArtifact"]["versionIndex"] == 2
    memberships = version(raw, first, "artifactMemberships { totalCount }")
    assert memberships == {"artifactMemberships": {"totalCount": 2}}


def test_a_version_cannot_be_taken_out_of_its_sequence(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    own = version(raw, storage_id, "artifactSequence { id }")["artifactSequence"]["id"]
    answer = mutate(raw, "unlinkArtifact", artifactID=storage_id, artifactPortfolioID=own)
    assert "set:v0" in problem(answer)


def test_an_alias_belongs_to_one_version_of_a_collection(raw: Raw) -> None:
    first = Logger(raw, "set", FILES).log(alias="best")
    second = Logger(raw, "set", {"a": b"x"}).log()
    aliases = [alias(raw, "best"), alias(raw, "new")]
    mutate(raw, "addAliases", artifactID=second, aliases=aliases)
    assert aliases_of(raw, "set:v0") == []
    assert aliases_of(raw, "set:v1") == ["best", "latest", "new"]
    mutate(raw, "deleteAliases", artifactID=second, aliases=[alias(raw, "new")])
    answer = mutate(raw, "deleteAliases", artifactID=second, aliases=[alias(raw, "new")])
    assert "'new'" in problem(answer)
    answer = mutate(raw, "addAliases", artifactID=first, aliases=[alias(raw, "x", "none")])
    assert "none" in problem(answer)
    assert "'v1'" in problem(
        mutate(raw, "addAliases", artifactID=first, aliases=[alias(raw, "v1")])
    )


def test_an_index_is_never_given_twice(raw: Raw) -> None:
    Logger(raw, "set", FILES).log()
    second = Logger(raw, "set", {"a": b"x"}).log()
    deleted = mutate(raw, "deleteArtifact", "artifact { state }", artifactID=second)
    assert "'latest'" in problem(deleted)
    mutate(raw, "deleteArtifact", "artifact { state }", artifactID=second, deleteAliases=True)
    assert aliases_of(raw, "set:v0") == ["latest"]
    Logger(raw, "set", {"a": b"x"}).log()
    assert member(raw, "set:v1") is None
    assert member(raw, "set:v2") is not None


def test_what_is_deleted_is_said_to_be(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    gone = mutate(
        raw, "deleteArtifact", "artifact { state }", artifactID=storage_id, deleteAliases=True
    )
    assert gone["data"]["deleteArtifact"]["artifact"]["state"] == "DELETED"
    assert raw.data("query ($id: ID!) { artifact(id: $id) { id } }", id=storage_id) == {
        "artifact": None
    }
    answer = mutate(raw, "updateArtifact", "artifact { id }", artifactID=storage_id)
    assert "set:v0 has been deleted" in problem(answer)
    answer = mutate(raw, "updateArtifact", "artifact { id }", artifactID="nonsense")
    assert "nonsense" in problem(answer)


def test_metadata_keeps_numbers_that_json_lacks(raw: Raw) -> None:
    text = '{"nan": NaN, "big": 12345678901234567890123, "text": "\\ud83d\\ude00"}'
    storage_id = Logger(raw, "set", FILES).log(metadata=text)
    assert version(raw, storage_id, "metadata") == {"metadata": text}
    assert version(raw, storage_id, "ttlDurationSeconds ttlIsInherited") == {
        "ttlDurationSeconds": -1,
        "ttlIsInherited": True,
    }


def test_collections_are_filtered_ordered_and_counted(raw: Raw) -> None:
    for name in ("b", "a", "c"):
        Logger(raw, name, FILES).log()
    text = """artifactCollections(first: 2, filters: %s, order: %s) {
        totalCount edges { node { name __typename tags { edges { node { name } } } } } }"""

    def names(filters: Any, order: str) -> tuple[int, list[str]]:
        spelled = text % (json.dumps(json.dumps(filters)), json.dumps(order))
        page = raw.in_project(spelled)["artifactCollections"]
        return page["totalCount"], [edge["node"]["name"] for edge in page["edges"]]

    assert names({}, "name") == (3, ["a", "b"])
    assert names({}, "-name") == (3, ["c", "b"])
    assert names({}, "") == (3, ["b", "a"])
    assert names({"name": {"$ne": "a"}, "type": "dataset"}, "+createdAt") == (2, ["b", "c"])
    path = {"entityName": "team", "projectName": raw.project, "artifactCollectionName": "c"}
    tags = [{"tagName": "x"}, {"tagName": "two words"}]
    tagged = mutate(
        raw, "createArtifactCollectionTagAssignments", "tags { name }", **path, tags=tags
    )
    assert len(tagged["data"]["createArtifactCollectionTagAssignments"]["tags"]) == 2
    assert names({"tag": "two words"}, "") == (1, ["c"])
    mutate(raw, "deleteArtifactCollectionTagAssignments", **path, tags=tags)
    assert names({"tags": {"$in": ["x"]}}, "") == (0, [])
    answer = raw.graphql(
        f'{{ project(name: "{raw.project}", entityName: "team") {{'
        ' artifactCollections(filters: "{\\"nmae\\": 1}") { totalCount } } }'
    )
    assert "did you mean 'name'" in problem(answer)


def test_versions_are_filtered_by_what_they_are_and_are_called(raw: Raw) -> None:
    for number in range(4):
        metadata = json.dumps({"n": number, "deep": {"x": number % 2}})
        name = [{"alias": "even"}, {}][number % 2]
        Logger(raw, "set", {"a": f"{number}".encode()}).log(metadata=metadata, **name)
    text = """artifactCollection(name: "set") {
        artifacts(filters: %s, order: %s) { totalCount edges { version node { id } } } }"""

    def versions(filters: Any, order: str = "") -> list[str]:
        spelled = text % (json.dumps(json.dumps(filters)), json.dumps(order))
        page = raw.in_project(spelled)["artifactCollection"]["artifacts"]
        assert page["totalCount"] == len(page["edges"])
        return [edge["version"] for edge in page["edges"]]

    assert versions({"state": "COMMITTED"}) == ["v3", "v2", "v1", "v0"]
    assert versions({"metadata.n": {"$gte": 2}}, "+versionIndex") == ["v2", "v3"]
    assert versions({"metadata.deep.x": 1}) == ["v3", "v1"]
    assert versions({"alias": "even"}) == ["v2"]
    assert versions({"aliases": {"$in": ["latest", "even"]}}) == ["v3", "v2"]
    assert versions({"size": 1}, "+createdAt") == ["v0", "v1", "v2", "v3"]


def test_a_sequence_and_its_versions_go_together(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    target = {"entityName": "team", "projectName": raw.project}
    link = {"artifactID": storage_id, "artifactPortfolioName": "shelf"} | target
    mutate(raw, "linkArtifact", "versionIndex", **link)
    own = version(raw, storage_id, "artifactSequence { id }")["artifactSequence"]["id"]
    answer = mutate(raw, "deleteArtifactPortfolio", fields_of_gone(), artifactPortfolioID=own)
    assert "sequence" in problem(answer)
    gone = mutate(raw, "deleteArtifactSequence", fields_of_gone(), artifactSequenceID=own)
    assert gone["data"]["deleteArtifactSequence"]["artifactCollection"] == {
        "__typename": "ArtifactSequence",
        "state": "DELETED",
    }
    assert member(raw, "set") is None
    assert member(raw, "shelf") is None
    answer = mutate(raw, "deleteArtifactSequence", fields_of_gone(), artifactSequenceID=own)
    assert own in problem(answer)


def fields_of_gone() -> str:
    return "artifactCollection { __typename state }"


def test_a_portfolio_keeps_its_type(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    target = {"entityName": "team", "projectName": raw.project, "artifactPortfolioName": "shelf"}
    fields = "artifactMembership { artifactCollection { id defaultArtifactType { name } } }"
    linked = mutate(raw, "linkArtifact", fields, artifactID=storage_id, **target)["data"]
    shelf = linked["linkArtifact"]["artifactMembership"]["artifactCollection"]
    assert shelf["defaultArtifactType"] == {"name": "dataset"}
    answer = mutate(
        raw,
        "moveArtifactSequence",
        "artifactCollection { id }",
        artifactSequenceID=shelf["id"],
        destinationArtifactTypeName="model",
    )
    assert "portfolio" in problem(answer)


def test_a_sequence_that_is_linked_keeps_its_type(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    target = {"entityName": "team", "projectName": raw.project, "artifactPortfolioName": "shelf"}
    fields = "artifactMembership { artifactCollection { id } }"
    linked = mutate(raw, "linkArtifact", fields, artifactID=storage_id, **target)["data"]
    shelf = linked["linkArtifact"]["artifactMembership"]["artifactCollection"]["id"]
    own = version(raw, storage_id, "artifactSequence { id }")["artifactSequence"]["id"]
    move = {"artifactSequenceID": own, "destinationArtifactTypeName": "model"}
    collection = "artifactCollection { defaultArtifactType { name } }"
    answer = mutate(raw, "moveArtifactSequence", collection, **move)
    assert f"linked to team/{raw.project}/shelf" in problem(answer)
    mutate(raw, "unlinkArtifact", artifactID=storage_id, artifactPortfolioID=shelf)
    moved = mutate(raw, "moveArtifactSequence", collection, **move)["data"]["moveArtifactSequence"]
    assert moved["artifactCollection"]["defaultArtifactType"] == {"name": "model"}
    assert version(raw, storage_id, "artifactType { name }")["artifactType"] == {"name": "model"}


def test_who_made_a_version_is_a_run_or_a_user(raw: Raw) -> None:
    run = raw.upsert("maker")["bucket"]
    by_run = Logger(raw, "set", FILES).log(runName="maker")
    by_hand = Logger(raw, "other", FILES).log()
    fields = "createdBy { __typename ... on Run { name } ... on User { username } }"
    assert version(raw, by_run, fields)["createdBy"] == {"__typename": "Run", "name": "maker"}
    assert version(raw, by_hand, fields)["createdBy"] == {"__typename": "User", "username": "local"}
    raw.data(
        "mutation ($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }", id=run["id"]
    )
    assert version(raw, by_run, fields) == {"createdBy": None}


def test_using_a_version_needs_the_run_and_the_version(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    raw.upsert("user")
    path = {"entityName": "team", "projectName": raw.project, "runName": "user"}
    fields = "artifact { id }"
    for _ in range(2):
        mutate(raw, "useArtifact", fields, **path, artifactID=storage_id, usedAs="train")
    used = raw.run("user", "inputArtifacts { totalCount edges { node { id } } }")
    assert used == {"inputArtifacts": {"totalCount": 1, "edges": [{"node": {"id": storage_id}}]}}
    answer = mutate(raw, "useArtifact", fields, **path | {"runName": "x"}, artifactID=storage_id)
    assert "/x" in problem(answer)
    assert "none" in problem(mutate(raw, "useArtifact", fields, **path, artifactID="none"))


def test_a_server_that_only_reads_takes_no_artifact(raw: Raw) -> None:
    storage_id = Logger(raw, "set", FILES).log()
    raw.app.service.writable = False
    try:
        answer = mutate(raw, "deleteArtifact", "artifact { id }", artifactID=storage_id)
    finally:
        raw.app.service.writable = True
    assert "reads" in problem(answer)
    assert version(raw, storage_id, "state") == {"state": "COMMITTED"}
