"""Downloading: every file whole and right, nothing fetched twice, nothing outside of the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.artifacts.conftest import FILES
from wbexport.api.artifacts import Artifact
from wbexport.api.artifacts import downloads as downloads_module
from wbexport.api.artifacts import files as files_module
from wbexport.api.client import Api
from wbexport.api.service import Service
from wbexport.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    MissingEntryError,
    NotFoundError,
    ResponseError,
    UnsafeNameError,
    UnsupportedError,
)
from wbexport.settings import Settings
from wbexport.transport import Session

if TYPE_CHECKING:
    from wbexport.api.run import Run
    from wbexport.server.serve import LocalServer


@pytest.fixture
def api(shared: Api) -> Api:
    return shared


@pytest.fixture
def run(api: Api) -> Run:
    return api.run("vision/one")


@pytest.fixture
def logged(api: Api) -> Artifact:
    return api.artifact("vision/photos:v0")


def doomed(run: Run, folder: Path) -> Artifact:
    """Log a version that may be deleted."""
    draft = Artifact("doomed", "dataset")
    draft.add_dir(folder)
    return run.log_artifact(draft)


def below(root: Path | str) -> dict[str, bytes]:
    paths = [path for path in Path(root).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def requests(api: Api) -> int:
    return api.client.session.stats.requests


def rename(artifact: Artifact, old: str, new: str) -> None:
    """Let the server's manifest name a file as no honest client would."""
    entries = artifact.manifest.entries
    entries[new] = replace(entries.pop(old), path=new)


def test_all_files_arrive_and_are_not_fetched_again(
    api: Api, logged: Artifact, tmp_path: Path
) -> None:
    root = logged.download(tmp_path / "out")
    assert below(root) == FILES
    logged.verify(root)
    before = requests(api)
    assert logged.download(root) == root
    assert requests(api) == before


def test_only_what_is_missing_or_damaged_is_fetched(
    api: Api, logged: Artifact, tmp_path: Path
) -> None:
    root = Path(logged.download(tmp_path / "out"))
    (root / "a.txt").write_bytes(b"hellO")
    (root / "sub/deep/c.txt").unlink()
    (root / "mine.txt").write_text("kept")
    before = requests(api)
    logged.download(root)
    assert requests(api) - before == 3, "one page of addresses and two files"
    assert below(root) == FILES | {"mine.txt": b"kept"}


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"path_prefix": "sub/"}, ["sub/b.bin", "sub/deep/c.txt"]),
        ({"path_prefix": "sub/b"}, ["sub/b.bin"]),
        ({"glob": "*.txt"}, ["a.txt", "sub/deep/c.txt"]),
        ({"glob": "sub/*", "path_prefix": "sub/d", "jobs": 1}, ["sub/deep/c.txt"]),
        ({"glob": "nothing"}, []),
    ],
)
def test_a_part_of_the_files_is_chosen_by_path(
    logged: Artifact, tmp_path: Path, chosen: dict[str, Any], names: list[str]
) -> None:
    assert sorted(below(logged.download(tmp_path / "out", **chosen))) == names


def test_files_come_page_by_page(
    logged: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "_URLS_PER_PAGE", 1)
    monkeypatch.setattr(downloads_module, "_MOST_NAMES", 0)
    assert below(logged.download(tmp_path / "out")) == FILES


def test_the_default_folder_is_named_after_the_version(
    api: Api, run: Run, logged: Artifact, tmp_path: Path
) -> None:
    object.__setattr__(api.settings, "artifact_dir", tmp_path / "artifacts")
    link = logged.link("vision/shelf")
    assert link.download() == str(tmp_path / "artifacts/photos:v0")
    assert logged.checkout() == str(tmp_path / "artifacts/photos")
    logged.verify()


def test_one_file_is_fetched_by_its_entry(logged: Artifact, tmp_path: Path) -> None:
    entry = logged.get_entry("sub/b.bin")
    out = tmp_path / "out"
    assert entry.download(str(out)) == str(out / "sub/b.bin")
    assert below(out) == {"sub/b.bin": FILES["sub/b.bin"]}
    assert entry.parent_artifact() is logged
    with pytest.raises(InputError, match="not a reference"):
        entry.ref_target()
    with pytest.raises(InputError, match="3 files"):
        logged.file(tmp_path)


def test_a_checkout_leaves_nothing_else_in_the_folder(logged: Artifact, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/stale.txt").write_text("old")
    (tmp_path / "elsewhere").symlink_to("/etc/hostname")
    logged.checkout(tmp_path)
    assert below(tmp_path) == FILES
    assert Path("/etc/hostname").exists()


@pytest.mark.parametrize("damage", ["other", "missing", "extra"])
def test_verify_finds_every_kind_of_damage(logged: Artifact, tmp_path: Path, damage: str) -> None:
    root = Path(logged.download(tmp_path))
    match damage:
        case "other":
            (root / "a.txt").write_bytes(b"hellO")
        case "missing":
            (root / "a.txt").unlink()
        case "extra":
            (root / "b.txt").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"[ab]\.txt") as caught:
        logged.verify(root)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "name", ["../out", "/etc/out", "a/../../out", "C:out", "a\\b", "a\0b", "", "..", "a//b"]
)
def test_a_path_of_the_manifest_that_leaves_the_folder_is_refused(
    api: Api, logged: Artifact, tmp_path: Path, name: str
) -> None:
    rename(logged, "a.txt", name)
    before = requests(api)
    (tmp_path / "in").mkdir()
    with pytest.raises(UnsafeNameError):
        logged.download(tmp_path / "in")
    assert requests(api) == before
    assert list(tmp_path.rglob("*out*")) == []


@pytest.mark.parametrize("place", ["sub", "sub/b.bin", "a.txt"])
def test_nothing_is_written_over_a_link(logged: Artifact, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = tmp_path / "in" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside if place == "sub" else outside / "b.bin")
    with pytest.raises(UnsafeNameError, match="symbolic link"):
        logged.download(tmp_path / "in")
    assert list(outside.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_told(logged: Artifact, tmp_path: Path) -> None:
    (tmp_path / "one/a.txt").mkdir(parents=True)
    with pytest.raises(ConflictError, match=r"a\.txt"):
        logged.download(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/sub").write_text("a file")
    with pytest.raises(ConflictError, match="sub"):
        logged.download(tmp_path / "two")


def test_bytes_that_are_not_those_of_the_manifest_are_not_kept(
    logged: Artifact, tmp_path: Path
) -> None:
    entry = logged.manifest.entries["a.txt"]
    entry.digest = logged.manifest.entries["sub/b.bin"].digest
    with pytest.raises(IntegrityError, match="MD5"):
        logged.download(tmp_path)
    assert "a.txt" not in below(tmp_path)
    assert not list(tmp_path.rglob("*.partial"))


def test_a_file_that_the_server_lacks_is_named(logged: Artifact, tmp_path: Path) -> None:
    entries = logged.manifest.entries
    entries["z.txt"] = replace(entries["a.txt"], path="z.txt")
    with pytest.raises(NotFoundError, match=r"z\.txt"):
        logged.download(tmp_path)


def test_an_expired_address_is_renewed(
    api: Api, logged: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = downloads_module.iter_urls
    stale = iter([True])

    def aged(artifact: Artifact, names: Any = None) -> Any:
        pages = list(listed(artifact, names))
        if next(stale, False):
            pages = [
                {name: url.replace("signature=", "signature=0") for name, url in page.items()}
                for page in pages
            ]
        return iter(pages)

    monkeypatch.setattr(downloads_module, "iter_urls", aged)
    assert below(logged.download(tmp_path / "out")) == FILES


def test_a_deleted_version_is_not_found(api: Api, run: Run, folder: Path, tmp_path: Path) -> None:
    doomed(run, folder).delete(delete_aliases=True)
    with pytest.raises(NotFoundError):
        api.artifact("vision/doomed:v0")
    left = doomed(run, folder)
    api.artifact("vision/doomed:latest").delete(delete_aliases=True)
    with pytest.raises(NotFoundError, match="doomed:v1"):
        left.download(tmp_path)
    with pytest.raises(NotFoundError):
        list(left.files())


def test_the_files_of_the_server_are_listed_counted_and_read(
    api: Api, logged: Artifact, tmp_path: Path
) -> None:
    files = logged.files(per_page=2)
    assert (len(files), files.length) == (3, 3)
    assert [(file.name, file.size) for file in files] == [(n, len(c)) for n, c in FILES.items()]
    assert files.path == ["local", "vision", "photos:v0"]
    assert [file.name for file in logged.files(names=["a.txt", "nothing"])] == ["a.txt"]
    assert files[0].read() == b"hello"
    with files[0].download(str(tmp_path)) as opened:
        assert opened.read() == "hello"
    rest = logged.files(per_page=2, start=_cursor_after_one_page(logged))
    assert [file.name for file in rest] == ["sub/deep/c.txt"]
    assert repr(files) == "<ArtifactFiles local/vision/photos:v0>"
    with pytest.raises(InputError, match="artifact"):
        files[0].delete()


def _cursor_after_one_page(artifact: Artifact) -> str | None:
    files = artifact.files(per_page=2)
    files.next()
    return files.cursor


def test_a_manifest_of_another_form_is_refused(
    logged: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged._manifest = None
    for content in (b"{}", b"[]", b'{"version": 2}', b"<html>"):
        monkeypatch.setattr(Session, "get_bytes", lambda *_, content=content, **__: content)
        with pytest.raises(ResponseError):
            _ = logged.manifest


def referring(run: Run, *addresses: str, name: str = "refs", **options: Any) -> Artifact:
    draft = Artifact(name, "dataset")
    for address in addresses:
        draft.add_reference(address, **options)
    return run.log_artifact(draft)


def test_references_are_noted_and_left_alone(run: Run, tmp_path: Path) -> None:
    logged = referring(run, "s3://bucket/cat.png", "gs://bucket/dog.png", "odd:thing/x")
    cat = logged.get_entry("cat.png")
    assert (cat.ref, cat.digest, cat.size) == ("s3://bucket/cat.png",) * 2 + (0,)
    with pytest.warns(UserWarning, match="3 references"):
        assert below(logged.download(tmp_path)) == {}
    with pytest.raises(UnsupportedError, match="s3://bucket/cat"):
        cat.download(str(tmp_path))
    with pytest.warns(UserWarning, match="left out"):
        logged.download(tmp_path, allow_missing_references=True, fetch_references=True)
    logged.verify(tmp_path)


@pytest.mark.parametrize("address", ["just/a/path", "s3://bucket/", "file://host/a"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        Artifact("refs", "dataset").add_reference(address)


def test_a_local_file_is_copied_only_when_that_is_allowed(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    logged = referring(run, folder.as_uri(), name="local")
    assert sorted(logged.manifest.entries) == sorted(FILES)
    out = tmp_path / "out"
    with pytest.warns(UserWarning, match="3 references"):
        logged.download(out, fetch_references=True)
    assert below(out) == {}
    with pytest.raises(InputError, match="allow_file_references"):
        logged.get_entry("a.txt").download(str(out))
    assert below(logged.download(out, allow_file_references=True)) == FILES
    (folder / "a.txt").write_bytes(b"hellO")
    with pytest.raises(IntegrityError, match="not the one"):
        logged.download(tmp_path / "again", allow_file_references=True)
    (folder / "a.txt").unlink()
    with pytest.raises(NotFoundError):
        logged.download(tmp_path / "again", allow_file_references=True)


def test_a_local_file_that_was_not_looked_at_is_copied_as_it_is(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    logged = referring(run, (folder / "a.txt").as_uri(), name="unseen", checksum=False)
    (folder / "a.txt").write_bytes(b"hellO")
    out = logged.download(tmp_path / "out", allow_file_references=True)
    assert below(out) == {"a.txt": b"hellO"}


def test_no_files_at_once_is_refused(logged: Artifact, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs"):
        logged.download(tmp_path, jobs=0)


def test_a_local_file_is_noted_by_content_or_by_place(folder: Path) -> None:
    draft = Artifact("refs", "dataset")
    address = (folder / "a.txt").as_uri()
    (by_content,) = draft.add_reference(address)
    (by_place,) = draft.add_reference(address, name="other.txt", checksum=False)
    assert (by_content.digest, by_content.size) == ("XUFAKrxLKna5cZ2REBfFkg==", 5)
    assert (by_place.digest != by_content.digest, by_place.path) == (True, "other.txt")
    with pytest.raises(InputError, match="max_objects"):
        draft.add_reference(folder.as_uri(), max_objects=2)
    with pytest.raises(NotFoundError):
        draft.add_reference((folder / "missing").as_uri())


def test_a_reference_to_another_artifact_is_followed(
    api: Api, run: Run, folder: Path, tmp_path: Path
) -> None:
    logged = doomed(run, folder)
    draft = Artifact("pointing", "dataset")
    draft.add_reference(logged.get_entry("a.txt"), name="x/hello.txt")
    draft._client = api.client
    draft.add_reference(logged.get_entry("sub/b.bin").ref_url())
    first = run.log_artifact(draft)
    assert first.get_entry("x/hello.txt").size == 5
    second = Artifact("pointing-again", "dataset")
    second.add_reference(first.get_entry("x/hello.txt"))
    run.log_artifact(second)
    assert second.get_entry("a.txt").ref == logged.get_entry("a.txt").ref_url()
    assert below(first.download(tmp_path / "first")) == {
        "x/hello.txt": b"hello",
        "b.bin": FILES["sub/b.bin"],
    }
    assert below(second.download(tmp_path / "second")) == {"a.txt": b"hello"}
    logged.delete(delete_aliases=True)
    with pytest.raises((NotFoundError, MissingEntryError)):
        api.artifact("vision/pointing:latest").download(tmp_path / "third")


def test_a_web_page_is_fetched_only_when_asked_to(
    server: LocalServer, tmp_path: Path, page: tuple[str, dict[str, str]]
) -> None:
    address, headers = page
    api = Api({"base_url": server.url}, api_key=server.token)
    logged = referring(api.create_run(project="vision"), address, name="pages")
    entry = logged.get_entry("page.bin")
    assert (entry.digest, entry.size, entry.extra) == ("one", 4, {"etag": '"one"'})
    with pytest.warns(UserWarning, match="1 references"):
        logged.download(tmp_path)
    assert below(logged.download(tmp_path, fetch_references=True)) == {"page.bin": b"page"}
    headers["ETag"] = '"two"'
    with pytest.raises(IntegrityError, match="ETag"):
        logged.download(tmp_path, fetch_references=True)


def test_a_page_inside_a_private_network_is_not_fetched_for_a_public_server(
    api: Api, logged: Artifact, tmp_path: Path, page: tuple[str, dict[str, str]]
) -> None:
    address, _ = page
    public = Settings.load(
        api_key="0123456789" * 4, overrides={"base_url": "https://93.184.215.14"}, environ={}
    )
    entry = replace(logged.get_entry("a.txt"), ref=address, path="page.bin")
    out = tmp_path / "out"
    logged._client = Service(Session(public), api)
    with pytest.raises(ResponseError, match="private network"):
        logged.download_entries([entry], out)
    assert below(out) == {}


def test_a_table_is_read_from_its_file(run: Run) -> None:
    draft = Artifact("tables", "table")
    contents = {
        "good": '{"columns": ["a", "b"], "data": [[1, "x"], [2, null]]}',
        "uneven": '{"columns": ["a"], "data": [[1, 2]]}',
        "odd": "[1]",
    }
    for name, content in contents.items():
        with draft.new_file(f"{name}.table.json") as file:
            file.write(content)
    with pytest.raises(ConflictError):
        draft.get("good")
    logged = run.log_artifact(draft)
    table = logged["good"]
    assert table is not None
    assert (len(table), table.get_column("b")) == (2, ["x", None])
    assert table.to_polars().to_dicts() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert list(table.get_dataframe().columns) == ["a", "b"]
    assert repr(table) == "<ArtifactTable 2 rows, 2 columns>"
    assert logged.get("nothing") is None
    with pytest.raises(InputError, match="no column"):
        table.get_column("c")
    for name in ("uneven", "odd"):
        with pytest.raises(IntegrityError, match=name):
            logged.get(name)
