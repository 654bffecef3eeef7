"""The real SDK logs artifacts to this server, uses, links, edits and deletes them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import xxhash

from tests.server import artifact_scripts as scripts

if TYPE_CHECKING:
    from collections.abc import Callable

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]


@pytest.fixture(scope="module")
def logged(log_run: LogRun) -> Answer:
    return log_run(scripts.LOG)


@pytest.fixture(scope="module")
def read(log_run: LogRun, logged: Answer) -> Answer:
    return log_run(scripts.READ)


@pytest.fixture(scope="module")
def edited(log_run: LogRun, read: Answer) -> Answer:
    return log_run(scripts.EDIT)


def md5(text: str) -> str:
    return b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


def test_a_new_artifact_becomes_version_zero(logged: Answer) -> None:
    version, aliases, tags, size, count = logged["first"]
    assert (version, sorted(aliases), tags, size, count) == (
        "v0",
        ["best", "latest"],
        ["fresh"],
        10,
        2,
    )


def test_the_same_content_is_the_same_version_with_more_aliases(logged: Answer) -> None:
    assert logged["same"] == ["v0", ["best", "latest", "twin"], True]


def test_new_content_is_the_next_version_and_takes_the_aliases(logged: Answer) -> None:
    assert logged["second"] == ["v1", ["best", "latest"]]


def test_a_file_keeps_the_version_in_which_it_came(logged: Answer) -> None:
    assert logged["births"] == [True, True]


def test_a_draft_changes_what_an_old_version_had(logged: Answer) -> None:
    assert logged["draft"] == ["a", "deep/c"]


def test_an_incremental_artifact_adds_to_the_latest_version(logged: Answer) -> None:
    assert logged["incremental"] == ["v3", ["a", "d", "deep/c"], True]


def test_references_keep_their_address_and_bring_their_bytes(logged: Answer) -> None:
    assert logged["refs"] == {
        "a": ["tagged", 5, {"etag": '"tagged"'}],
        "b": [md5("world"), 5, {}],
        "other": [md5("hello"), 0, {}],
    }
    assert logged["got refs"] == {"a": "hello", "b": "world", "other": "hello"}


def test_the_faster_digest_is_kept_and_verified(logged: Answer) -> None:
    texts = {"a": "hello", "b": "world", "c": "more"}
    digests = {
        name: b64encode(xxhash.xxh128(text.encode()).digest()).decode()
        for name, text in texts.items()
    }
    lines = "".join(f"{name}:{digest}\n" for name, digest in digests.items())
    whole = xxhash.xxh128(f"wandb-artifact-manifest-v1\n{lines}".encode()).hexdigest()
    assert logged["fast"] == [whole, ["XXH128"], texts]


def test_several_processes_fill_one_version(logged: Answer) -> None:
    assert logged["spread"] == ["a", "b"]


def test_another_type_and_an_unknown_artifact_are_refused_by_name(logged: Answer) -> None:
    assert "set" in logged["other type"]
    assert "dataset" in logged["other type"]
    assert "nothing:v0" in logged["no such"]


def test_what_a_version_is_comes_back(read: Answer) -> None:
    name, version, digest, kind, state, path = read["best"]
    lines = "".join(f"{name}:{md5(text)}\n" for name, text in (("a", "hello"), ("b", "world")))
    text = f"wandb-artifact-manifest-v1\n{lines}c:{md5('more')}\n"
    assert digest == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert (name, version, kind) == ("set:best", "v1", "dataset")
    assert (state, path) == ("COMMITTED", "local/art/set:best")
    assert read["first"] == [
        "about",
        {"rows": 2, "odd": None},
        ["fresh"],
        ["twin"],
        172800,
        None,
        False,
    ]


def test_files_are_listed_downloaded_and_verified(read: Answer) -> None:
    assert read["got"] == {"a": "hello", "b": "world"}
    assert "extra" in read["extra"]
    texts = {"a": "hello", "b": "world", "c": "more"}
    assert read["files"] == [[name, len(text), md5(text)] for name, text in texts.items()]
    assert (read["count"], read["named"]) == (3, ["a"])


def test_runs_know_what_they_logged_and_used(logged: Answer, read: Answer) -> None:
    assert read["lineage"] == ["writer", ["user"]]
    assert read["used"] == ["set:v0", "set:v1"]
    assert ["model:v0", "model"] in read["logged"]
    assert ["run-user-tab:v0", "run_table"] in read["logged"]


def test_tables_and_code_are_artifacts_too(read: Answer) -> None:
    assert read["table"] == ["run-user-tab:v0", [[1, "one"], [2, "two"]], "table-file"]
    assert read["code"] == ["a", "b", "c"]


def test_a_link_is_the_same_version_in_another_collection(logged: Answer, read: Answer) -> None:
    assert logged["linked"] == ["local/shelf/models:v0", ["candidate", "latest"], True]
    assert read["link"] == [True, "local/art/model:v0", ["candidate", "latest"]]
    assert read["links"] == ["local/shelf/models:v0"]


def test_versions_and_collections_are_listed_filtered_and_ordered(read: Answer) -> None:
    versions = ["v3", "v2", "v1", "v0"]
    assert read["versions"] == versions
    assert read["in order"] == versions[::-1]
    assert read["of page"] == [f"set:{version}" for version in versions]
    assert read["tagged"] == ["v0"]
    assert read["types"] == ["code", "dataset", "model", "run_table"]
    assert read["collections"] == ["fast", "refs", "set", "spread"]
    assert read["chosen"] == ["spread", "set"]


def test_missing_things_are_told_from_those_that_are_there(read: Answer) -> None:
    assert read["exists"] == [True, False, True, False]
    assert "type" in read["wrong type"]
    assert "set:nobody" in read["unknown"]


def test_a_version_can_be_edited_and_takes_an_alias_from_another(edited: Answer) -> None:
    description, metadata, aliases, tags, ttl = edited["edited"]
    assert (description, metadata) == ("edited", {"rows": 3, "odd": None})
    assert (aliases, tags, ttl) == (["best"], ["b", "two words"], None)
    assert edited["moved"] == []
    assert "v7" in edited["bad alias"]


def test_a_known_version_can_be_logged_and_used_by_other_runs(edited: Answer) -> None:
    assert edited["logged again"] == ["v0", ["kept", "latest"]]
    assert edited["used"] == ["writer"]


def test_links_and_their_collections_can_be_taken_away(edited: Answer) -> None:
    assert edited["link"] == ["prod:v0", "v0", ["latest", "staging"]]
    assert edited["shelf"] == [False, ["latest", "staging"]]
    assert edited["unlinked"] == ["local/shelf/models:v0"]
    assert edited["no shelf"] is False


def test_a_collection_can_be_described_tagged_renamed_and_moved(edited: Answer) -> None:
    assert edited["collection"] == ["all of it", ["x", "y"], ["best", "latest"], True]
    assert edited["tags"] == ["y"]
    assert edited["moved type"] == [["corpus"] * 4, False]
    assert "art/refs" in edited["taken"]


def test_a_version_with_aliases_is_deleted_only_with_them(edited: Answer) -> None:
    assert "latest" in edited["in use"]
    assert edited["after"] == ["v2", "v3"]
    assert "renamed:v3" in edited["gone"]
    assert edited["left"] == ["fast", "spread"]


def test_a_run_is_deleted_with_what_it_logged(edited: Answer) -> None:
    assert edited["with run"] == [False, True]
    assert edited["used by"] == []


def test_the_command_line_puts_gets_and_lists(log_run: LogRun) -> None:
    said = log_run(scripts.COMMANDS)
    assert [said[name][0] for name in ("put", "get", "ls")] == [0, 0, 0], said
    assert said["fetched"] == {"a": "hello", "b": "world"}
    assert "local/cli/files:v0" in said["put"][1]
    assert "files:v0" in said["ls"][1]
