"""Logging new versions: what the server has afterwards, and what is not sent twice."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.api.artifacts.conftest import FILES
from wbexport.api.artifacts import Artifact, ArtifactTTL
from wbexport.api.artifacts import uploads as uploads_module
from wbexport.errors import ConflictError, InputError, MissingEntryError, NotFoundError
from wbexport.settings import Settings
from wbexport.transport import Session

if TYPE_CHECKING:
    from pathlib import Path

    from wbexport.api.client import Api
    from wbexport.api.run import Run


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what is uploaded from now on."""
    sizes: list[int] = []
    upload = Session.upload

    def spy(self: Session, url: str, source: Any, *, size: int, **rest: Any) -> str | None:
        sizes.append(size)
        return upload(self, url, source, size=size, **rest)

    monkeypatch.setattr(Session, "upload", spy)
    return sizes


def contents(artifact: Artifact) -> dict[str, tuple[int | None, str]]:
    return {entry.path: (entry.size, entry.digest) for entry in artifact.manifest}


def test_a_folder_is_logged_with_all_its_files_and_fields(api: Api, logged: Artifact) -> None:
    got = api.artifact("vision/photos:latest")
    assert (got.name, got.version, got.type, got.state) == (
        "photos:latest",
        "v0",
        "dataset",
        "COMMITTED",
    )
    assert (got.description, got.metadata) == ("cats", {"lr": 0.1})
    assert (sorted(got.aliases), got.tags) == (["best", "latest"], ["reviewed"])
    assert got.file_count == len(FILES)
    assert got.size == sum(map(len, FILES.values()))
    assert sorted(contents(got)) == sorted(FILES)
    assert contents(got) == contents(logged)
    assert not logged.is_draft()
    assert logged.wait() is logged


def test_the_digest_is_that_of_paths_and_hashes(draft: Artifact) -> None:
    lines = "".join(f"{entry.path}:{entry.digest}\n" for entry in draft.manifest)
    text = f"wandb-artifact-manifest-v1\n{lines}"
    assert draft.digest == hashlib.md5(text.encode()).hexdigest()


def test_the_same_content_is_no_new_version(
    api: Api, run: Run, logged: Artifact, folder: Path, sent: list[int]
) -> None:
    again = Artifact("photos", "dataset")
    again.add_dir(folder)
    assert run.log_artifact(again, aliases=["again"]).version == "v0"
    assert sent == []
    assert set(api.artifact("vision/photos:v0").aliases) == {"again", "best", "latest"}


def test_only_new_bytes_are_uploaded_for_a_changed_draft(
    api: Api, run: Run, logged: Artifact, tmp_path: Path, sent: list[int]
) -> None:
    draft = logged.new_draft()
    assert draft.digest == logged.digest
    draft.remove("sub")
    new = tmp_path / "new.txt"
    new.write_text("something new")
    draft.add_file(new)
    run.log_artifact(draft)
    assert sorted(contents(draft)) == ["a.txt", "new.txt"]
    assert sent[0] == len("something new")
    assert len(sent) == 2, "one file and the manifest"
    entry = api.artifact("vision/photos:v1").get_entry("a.txt")
    assert entry.birth_artifact_id == logged.id
    assert draft.download(tmp_path / "out") == str(tmp_path / "out")
    assert (tmp_path / "out/a.txt").read_bytes() == FILES["a.txt"]


def test_a_collection_keeps_its_type(run: Run, logged: Artifact, folder: Path) -> None:
    other = Artifact("photos", "model")
    other.add_file(folder / "a.txt")
    with pytest.raises(ConflictError, match="'dataset', not 'model'"):
        run.log_artifact(other)


def test_nothing_is_written_under_read_only(api: Api, run: Run, draft: Artifact) -> None:
    object.__setattr__(api.settings, "read_only", True)
    with pytest.raises(InputError, match="read-only"):
        run.log_artifact(draft)
    assert draft.is_draft()
    assert not api.artifact_exists("vision/photos:latest")


def test_a_file_that_changed_since_it_was_added_is_not_logged(run: Run, folder: Path) -> None:
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt", policy="immutable")
    (folder / "a.txt").write_bytes(b"HELLO")
    with pytest.raises(ConflictError, match="changed since"):
        run.log_artifact(draft)


def test_a_copied_file_may_change_after_it_was_added(run: Run, folder: Path) -> None:
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt")
    (folder / "a.txt").write_bytes(b"HELLO")
    logged = run.log_artifact(draft)
    assert logged.file(folder / "out").endswith("a.txt")
    assert (folder / "out/a.txt").read_bytes() == b"hello"


def test_an_existing_version_is_logged_by_another_run(api: Api, logged: Artifact) -> None:
    other = api.create_run(run_id="two", project="vision")
    assert other.log_artifact(logged, aliases=["kept"], tags=["mine"]) is logged
    assert [each.name for each in other.logged_artifacts()] == ["photos:v0"]
    assert "kept" in api.artifact("vision/photos:v0").aliases
    elsewhere = api.create_run(run_id="three", project="speech")
    with pytest.raises(InputError, match="a run of local/speech"):
        elsewhere.log_artifact(logged)


def test_a_draft_is_saved_by_a_run_of_its_own(api: Api, draft: Artifact, token: str) -> None:
    draft._client = api.client
    draft.save(project="speech")
    run = draft.logged_by()
    assert run is not None
    assert (draft.qualified_name, run.job_type, run.state) == (
        "local/speech/photos:v0",
        "auto",
        "finished",
    )


def test_a_ttl_goes_with_the_draft(api: Api, run: Run, draft: Artifact) -> None:
    with pytest.raises(ConflictError):
        _ = draft.ttl
    draft.ttl = timedelta(days=3)
    run.log_artifact(draft)
    assert api.artifact("vision/photos:v0").ttl == timedelta(days=3)


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(days=-1), 5, "1d"])
def test_an_impossible_ttl_is_refused(draft: Artifact, ttl: Any) -> None:
    with pytest.raises(InputError):
        draft.ttl = ttl
    draft.ttl = ArtifactTTL.INHERIT


def test_a_new_file_is_written_into_the_artifact(run: Run, tmp_path: Path) -> None:
    draft = Artifact("notes", "text")
    with draft.new_file("sub/notes.md") as file:
        file.write("hé")
    with draft.new_file("raw", mode="wb") as file:
        file.write(b"\0")
    with pytest.raises(InputError, match="already"), draft.new_file("raw", mode="xb"):
        pass
    logged = run.log_artifact(draft)
    logged.download(tmp_path)
    assert (tmp_path / "sub/notes.md").read_text("utf-8") == "hé"
    assert (tmp_path / "raw").read_bytes() == b"\0"


def test_paths_are_added_once_replaced_and_removed(folder: Path) -> None:
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "a.txt", name="x/y.txt")
    draft.add_file(folder / "a.txt", name="x/y.txt")
    with pytest.raises(InputError, match="overwrite=True"):
        draft.add_file(folder / "sub/b.bin", name="x/y.txt")
    draft.add_file(folder / "sub/b.bin", name="x/y.txt", overwrite=True)
    assert draft.manifest.entries["x/y.txt"].size == len(FILES["sub/b.bin"])
    assert draft.get_added_local_path_name(str(folder / "sub/b.bin")) == "x/y.txt"
    assert draft.get_added_local_path_name("elsewhere") is None
    draft.remove("x")
    assert len(draft.manifest) == 0
    with pytest.raises(NotFoundError, match="nothing at"):
        draft.remove("x")


def test_a_file_may_be_named_after_its_content(folder: Path) -> None:
    draft = Artifact("photos", "dataset")
    entry = draft.add_file(folder / "a.txt", name="in/a.tar.gz", is_tmp=True)
    assert entry.path == f"in/{hashlib.md5(b'hello').hexdigest()[:20]}.tar.gz"


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "", "."])
def test_a_path_that_leaves_the_artifact_is_refused(folder: Path, name: str) -> None:
    draft = Artifact("photos", "dataset")
    with pytest.raises(InputError), draft.new_file(name):
        pass
    if name:
        with pytest.raises(InputError):
            draft.add_file(folder / "a.txt", name=name)


def test_what_is_not_there_cannot_be_added(tmp_path: Path) -> None:
    draft = Artifact("photos", "dataset")
    with pytest.raises(InputError, match="no file"):
        draft.add_file(tmp_path / "missing")
    with pytest.raises(InputError, match="no folder"):
        draft.add_dir(tmp_path / "missing")
    with pytest.raises(InputError, match="policy"):
        draft.add_file(__file__, policy="odd")  # type: ignore[arg-type]


def test_a_folder_with_a_link_that_leads_back_is_added_once(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    draft = Artifact("photos", "dataset")
    draft.add_dir(folder)
    assert sorted(draft.manifest.entries) == sorted(FILES)


def test_a_logged_artifact_keeps_its_contents(logged: Artifact, folder: Path) -> None:
    for change in (
        lambda: logged.add_file(folder / "a.txt"),
        lambda: logged.add_dir(folder),
        lambda: logged.add_reference("s3://bucket/key"),
        lambda: logged.remove("a.txt"),
    ):
        with pytest.raises(ConflictError, match="new_draft"):
            change()
    with pytest.raises(MissingEntryError, match="no file") as caught:
        logged.get_entry("z")
    assert isinstance(caught.value, KeyError)


def test_a_draft_has_no_place_yet(draft: Artifact) -> None:
    assert (draft.id, draft.name, draft.is_draft(), draft.state) == (
        None,
        "photos",
        True,
        "PENDING",
    )
    for field in ("entity", "version", "qualified_name", "aliases", "created_at", "file_count"):
        with pytest.raises(ConflictError, match="has not been logged"):
            getattr(draft, field)
    with pytest.raises(ConflictError):
        draft.download()
    with pytest.raises(ConflictError):
        draft.wait()
    assert repr(draft) == "<Artifact photos>"


def test_large_files_go_up_in_parts(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, sent: list[int]
) -> None:
    monkeypatch.setattr(uploads_module, "_MULTIPART_BYTES", 4000)
    monkeypatch.setattr(uploads_module, "_PART_BYTES", 2000)
    draft = Artifact("photos", "dataset")
    draft.add_file(folder / "sub/b.bin")
    logged = run.log_artifact(draft)
    assert sent[:3] in ([2000, 2000, 1120], [5120, *sent[1:3]])
    logged.verify(logged.download(folder / "out"))


def test_new_artifacts_are_hashed_with_md5(run: Run, folder: Path) -> None:
    draft = wbexport.Artifact("fast", "dataset", digest_algorithm="XXH128")
    draft.add_file(folder / "a.txt")
    assert run.log_artifact(draft).digest_algorithm == "MANIFEST_MD5"


def test_the_environment_leads_to_the_server_of_a_saved_draft(draft: Artifact) -> None:
    with pytest.raises(wbexport.errors.SettingsError, match="No API key"):
        draft.save(settings=Settings())


def test_names_types_and_metadata_of_other_types_are_refused() -> None:
    for given in ((5, "dataset"), ("photos", 5), ("photos", "")):
        with pytest.raises(InputError, match="is not a"):
            Artifact(*given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"is a dict, not \[1\]"):
        Artifact("photos", "dataset", metadata=[1])  # type: ignore[arg-type]
