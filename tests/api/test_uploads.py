"""Files that are uploaded to a run: their names, their bytes, and their end."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import connect_to
from tests.api.stub import Stub, run_node
from wbexport.api.client import Api
from wbexport.api.uploads import parse_upload_headers
from wbexport.errors import GraphQLError, InputError, NotFoundError, RequestError, ResponseError
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from wbexport.api.run import Run
    from wbexport.server.app import Application


@pytest.fixture
def run(api: Api) -> Run:
    return api.create_run(run_id="r1", project="vision", entity="team")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_dir").mkdir()
    (tmp_path / "my_dir" / "file é.txt").write_text("content")
    (tmp_path / "outside.txt").write_text("outside")
    monkeypatch.chdir(tmp_path / "my_dir")
    return tmp_path


def test_an_uploaded_file_is_returned_and_can_be_read_back(run: Run, folder: Path) -> None:
    file = run.upload_file("file é.txt")
    assert (file.name, file.size, file.read()) == ("file é.txt", 7, b"content")
    assert file.md5 == base64.b64encode(hashlib.md5(b"content").digest()).decode()
    assert run.file("file é.txt").id == file.id
    assert run.state == "running"


@pytest.mark.parametrize(
    ("path", "root", "name"),
    [
        ("file é.txt", "..", "my_dir/file é.txt"),
        ("{top}/my_dir/file é.txt", ".", "file é.txt"),
        ("{top}/my_dir/file é.txt", "{top}", "my_dir/file é.txt"),
        ("./../my_dir/file é.txt", ".", "file é.txt"),
    ],
)
def test_a_files_name_is_its_path_from_the_root_on(
    run: Run, folder: Path, path: str, root: str, name: str
) -> None:
    file = run.upload_file(path.format(top=folder), root=root.format(top=folder))
    assert (file.name, file.size) == (name, 7)


def test_paths_are_taken_as_well_as_texts(run: Run, folder: Path) -> None:
    assert run.upload_file(folder / "outside.txt", folder).name == "outside.txt"


@pytest.mark.parametrize("path", ["../outside.txt", "missing.txt", ".", "..", "/etc/hostname"])
def test_what_is_no_file_below_the_root_is_refused_before_a_request(
    api: Api, run: Run, folder: Path, path: str
) -> None:
    before = api.client.session.stats.requests
    with pytest.raises(InputError, match=r"below|not a file"):
        run.upload_file(path)
    assert api.client.session.stats.requests == before


def test_a_pipe_is_not_a_file(run: Run, folder: Path) -> None:
    os.mkfifo("pipe")
    with pytest.raises(InputError, match="not a file"):
        run.upload_file("pipe")


def test_a_link_is_uploaded_under_its_own_name_with_what_it_leads_to(
    run: Run, folder: Path
) -> None:
    Path("link.txt").symlink_to(folder / "outside.txt")
    file = run.upload_file("link.txt")
    assert (file.name, file.read()) == ("link.txt", b"outside")


def test_a_file_reached_by_a_link_above_the_root_is_below_it(run: Run, folder: Path) -> None:
    (folder / "alias").symlink_to(folder / "my_dir")
    assert run.upload_file(folder / "alias" / "file é.txt", ".").name == "file é.txt"


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_files_of_any_size_arrive_whole(run: Run, folder: Path, size: int) -> None:
    content = os.urandom(size)
    Path("data.bin").write_bytes(content)
    assert run.upload_file("data.bin").read() == content


def test_a_second_upload_of_a_name_replaces_the_first(run: Run, folder: Path) -> None:
    run.upload_file("file é.txt")
    Path("file é.txt").write_text("newer content")
    assert run.upload_file("file é.txt").read() == b"newer content"
    assert len(run.files()) == 1


def test_a_deleted_file_is_gone_and_the_others_stay(run: Run, folder: Path) -> None:
    Path("other").write_text("stays")
    run.upload_file("other")
    file = run.upload_file("file é.txt")
    file.delete()
    assert [each.name for each in run.files()] == ["other"]
    with pytest.raises(NotFoundError, match="file é"):
        run.file("file é.txt")
    with pytest.raises(GraphQLError, match="no file"):
        file.delete()


def test_a_file_of_a_deleted_run_has_nowhere_to_go(run: Run, folder: Path) -> None:
    run.delete()
    with pytest.raises(GraphQLError, match="r1"):
        run.upload_file("file é.txt")


def test_a_read_only_api_uploads_and_deletes_nothing(
    api: Api, app: Application, run: Run, folder: Path
) -> None:
    run.upload_file("file é.txt")
    settings = replace(api.settings, read_only=True)
    reader = Api(settings=settings, transport=wsgi_transport(app)).run("team/vision/r1")
    file = reader.file("file é.txt")
    session = reader.client.session
    before = session.stats.requests
    for write in (lambda: reader.upload_file("file é.txt"), file.delete):
        with pytest.raises(InputError, match="read-only"):
            write()
    with Path("file é.txt").open("rb") as source, pytest.raises(InputError, match="read-only"):
        session.upload("http://127.0.0.1/uploads", source, size=7)
    assert session.stats.requests == before


def upload_stub(**answer: Any) -> Stub:
    created = {"runID": "id-0", "uploadHeaders": [], "files": []} | answer
    return Stub(
        {
            "Run": lambda _: {"project": {"run": run_node(0)}},
            "CreateRunFiles": lambda _: {"createRunFiles": created},
        }
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"runID": "", "files": [{"name": "file é.txt", "uploadUrl": "/x"}]},
        {"files": []},
        {"files": [{"name": "file é.txt", "uploadUrl": None}]},
        {"files": [{"name": "another.txt", "uploadUrl": "/x"}]},
    ],
)
def test_a_server_that_names_no_place_is_an_error(folder: Path, answer: dict[str, Any]) -> None:
    run = connect_to(upload_stub(**answer)).run("team/vision/run-0")
    with pytest.raises(ResponseError, match="file é"):
        run.upload_file("file é.txt")


def test_bytes_that_are_not_taken_are_an_error(folder: Path) -> None:
    place = [{"name": "file é.txt", "uploadUrl": "/nowhere"}]
    run = connect_to(upload_stub(files=place)).run("team/vision/run-0")
    with pytest.raises((NotFoundError, RequestError)):
        run.upload_file("file é.txt")


def test_headers_of_an_upload_are_split_at_their_first_colon() -> None:
    lines = ["Content-Type: text/plain", "X-Sign:a:b"]
    assert parse_upload_headers(lines) == {"Content-Type": "text/plain", "X-Sign": "a:b"}
