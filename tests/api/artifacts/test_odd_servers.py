"""What no honest server answers, and what few do: typed errors, and nothing half done."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import xxhash

from tests.api.artifacts.test_downloads import below
from tests.api.conftest import connect_to
from tests.api.stub import Stub, run_answer, run_node
from wbexport.api.artifacts import Artifact
from wbexport.api.artifacts import uploads as uploads_module
from wbexport.api.artifacts.manifest import ArtifactManifest
from wbexport.api.organizations import find_organization
from wbexport.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    ResponseError,
    WbexportError,
)
from wbexport.transport import Session

if TYPE_CHECKING:
    from pathlib import Path

    from wbexport.api.client import Api

CREATED = {"createArtifact": {"artifact": {"id": "QQ==", "state": "PENDING"}}}
MANIFEST = {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": {}}}}
NODE = {"uploadUrl": None, "artifact": {"id": "QQ=="}}


def uploading(**answers: Any) -> Api:
    """A server that takes a version up to the answers given."""
    told = {
        "ServerFeatures": {"serverInfo": {"features": []}},
        "Run": run_answer(**run_node(0)),
        "ArtifactCollectionKind": {"project": {"artifactCollection": None}},
        "CreateArtifact": CREATED,
        "CreateArtifactManifest": MANIFEST,
        "CreateArtifactFiles": {"createArtifactFiles": {"files": {"edges": [{"node": NODE}]}}},
        **answers,
    }
    return connect_to(Stub({name: lambda _, told=each: told for name, each in told.items()}))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"CreateArtifact": {"createArtifact": None}}, "did not create"),
        ({"CreateArtifactManifest": {"createArtifactManifest": None}}, "manifest"),
        ({"CreateArtifactFiles": {"createArtifactFiles": None}}, "all files"),
        (
            {"CreateArtifactFiles": {"createArtifactFiles": {"files": {"edges": [None]}}}},
            "all files",
        ),
    ],
)
def test_an_upload_that_is_not_taken_is_an_error(
    answers: dict[str, Any], said: str, folder: Path
) -> None:
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt")
    run = uploading(**answers).run("team/vision/run-0")
    with pytest.raises(ResponseError, match=said):
        run.log_artifact(draft)
    assert draft.is_draft()


def test_a_part_that_the_storage_does_not_confirm_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "_MULTIPART_BYTES", 1)
    monkeypatch.setattr(Session, "upload", lambda *_, **__: None)
    parts = {"uploadID": "u", "uploadUrlParts": [{"partNumber": 1, "uploadUrl": "/part"}]}
    node = NODE | {"uploadMultipartUrls": parts, "storagePath": "p"}
    answer = {"createArtifactFiles": {"files": {"edges": [{"node": node}]}}}
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt")
    run = uploading(CreateArtifactFiles=answer).run("team/vision/run-0")
    with pytest.raises(ResponseError, match="ETag"):
        run.log_artifact(draft)


def test_a_version_that_is_gone_after_it_was_logged_is_told(folder: Path) -> None:
    committed = {"createArtifact": {"artifact": {"id": "QQ==", "state": "COMMITTED"}}}
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt")
    run = uploading(CreateArtifact=committed, ArtifactById={"artifact": None}).run(
        "team/vision/run-0"
    )
    with pytest.raises(NotFoundError, match="log it once more"):
        run.log_artifact(draft)


def test_a_failed_save_ends_its_run_as_failed(
    shared: Api, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Artifact("photos", "model")
    draft.add_file(folder / "a.txt")
    draft._client = shared.client
    with pytest.raises(ConflictError, match="'dataset', not 'model'"):
        draft.save(project="vision")
    (failed,) = shared.runs("vision", filters={"jobType": "auto"})
    assert failed.state == "failed"


def test_xxhash_digests_of_others_are_verified(shared: Api, tmp_path: Path) -> None:
    version = shared.artifact("vision/photos:v0")
    entries = version.manifest.entries
    good = xxhash.xxh128(b"hello").digest()
    for digest, fits in ((good, True), (bytes(16), False)):
        text = base64.b64encode(digest).decode()
        entries["a.txt"] = replace(entries["a.txt"], digest=text, extra={"alg": "XXH128"})
        folder = tmp_path / str(fits)
        if fits:
            version.verify(version.download(folder))
            assert version.get_entry("a.txt").digest_algorithm() == "MANIFEST_XXH128"
        else:
            with pytest.raises(IntegrityError, match=r"'a\.txt'"):
                version.download(folder)
            assert "a.txt" not in below(folder)
    manifest = ArtifactManifest(entries, "MANIFEST_XXH128")
    assert len(manifest.digest()) == 32


def test_a_listed_file_is_fetched_with_a_new_address_when_the_old_one_expired(
    shared: Api, tmp_path: Path
) -> None:
    (file,) = shared.artifact("vision/photos:v0").files(["a.txt"])
    for field in ("url", "directUrl"):
        file._attrs[field] = str(file._attrs[field]).replace("signature=", "signature=0")
    assert file.read() == b"hello"


def organizations(*names: str) -> Api:
    found = [
        {"id": name, "name": name, "orgEntity": {"id": f"e-{name}", "name": f"{name}-org"}}
        for name in names
    ]
    answer = {"entity": {"organization": None, "user": {"organizations": found}}}
    return connect_to(Stub({"EntityOrganizations": lambda _: answer}))


def test_one_of_several_organizations_has_to_be_named() -> None:
    api = organizations("acme", "other")
    assert find_organization(api.client, "ada", "acme").org_entity.name == "acme-org"
    assert find_organization(api.client, "ada", "other-org").name == "other"
    assert find_organization(organizations("acme").client, "ada").name == "acme"
    with pytest.raises(InputError, match="acme, other"):
        find_organization(api.client, "ada")
    for known in (organizations(), organizations("acme")):
        with pytest.raises(NotFoundError):
            find_organization(known.client, "ada", "nobody")


def test_a_version_without_a_visible_project_is_not_opened(shared: Api) -> None:
    node = shared.artifact("vision/photos:v0")._node
    hidden = {**node, "artifactSequence": {"name": "photos", "project": None}}
    with pytest.raises(ResponseError, match="does not say where"):
        Artifact.from_node(shared.client, hidden)


def test_a_link_to_the_old_model_registry_has_its_page(shared: Api) -> None:
    link = shared.artifact("vision/photos:v0").link("model-registry/best")
    assert link.url.startswith(f"{shared.settings.app_url}/local/registry/model?selectionPath=")
    assert "local%2Fmodel-registry%2Fbest&view=membership&version=v0" in link.url


def test_every_error_is_one_of_ours(shared: Api) -> None:
    version = shared.artifact("vision/photos:v0")
    for call in (
        lambda: version.get_entry("nothing"),
        lambda: version.unlink(),
        lambda: shared.artifact("vision/photos:nothing"),
        lambda: shared.artifact_type("nothing", "vision"),
    ):
        with pytest.raises(WbexportError):
            call()


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"storagePolicy": "another"},
        {"contents": None},
        {"contents": {"a.txt": 5}},
        {"contents": {"a.txt": {"size": 5}}},
    ],
)
def test_a_manifest_of_another_form_is_no_answer(changed: dict[str, Any]) -> None:
    written = ArtifactManifest().to_json()
    assert ArtifactManifest.from_json(json.dumps(written).encode()) == ArtifactManifest()
    with pytest.raises(ResponseError, match="The manifest"):
        ArtifactManifest.from_json(json.dumps(written | changed).encode())
