"""Files of a run: safe names, whole files or none, and what is there is kept."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import connect_to
from tests.api.stub import BASE, Stub, connection, run_answer, run_node
from wbexport.api.files import File
from wbexport.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    UnsafeNameError,
)

if TYPE_CHECKING:
    from wbexport.api.run import Run

CONTENT = b'{"lr": 0.1}\n'


def file_node(name: str, content: bytes = CONTENT, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"file-{name}",
        "name": name,
        "url": f"{BASE}/content/{name}",
        "directUrl": "https://models.s3.us-west-2.amazonaws.com/a/b.json?sig=1",
        "sizeBytes": str(len(content)),
        "mimetype": "application/json",
        "md5": base64.b64encode(hashlib.md5(content).digest()).decode(),
        "updatedAt": "2026-01-01T00:00:00Z",
        **fields,
    }


def files_stub(*nodes: dict[str, Any]) -> Stub:
    def answer(v: dict[str, Any]) -> Any:
        wanted = [node for node in nodes if not v["fileNames"] or node["name"] in v["fileNames"]]
        page = {"cursor": v["fileCursor"], "perPage": v["fileLimit"]}
        return run_answer(fileCount=len(nodes), files=connection(wanted, page))

    stub = Stub({"RunFiles": answer, "Run": lambda _: {"project": {"run": run_node(0)}}})
    stub.files = {f"/content/{node['name']}": CONTENT for node in nodes}
    return stub


def run_with(*nodes: dict[str, Any]) -> Run:
    return connect_to(files_stub(*nodes)).run("team/vision/run-0")


def test_files_are_listed_page_by_page_and_counted() -> None:
    run = run_with(*[file_node(f"f{i}.json") for i in range(7)])
    files = run.files(per_page=3)
    assert len(files) == 7
    assert [file.name for file in files] == [f"f{i}.json" for i in range(7)]
    assert (files[0].size, files[0].mimetype) == (len(CONTENT), "application/json")
    assert files[0].path_uri == "s3://models/a/b.json"


def test_names_and_a_pattern_together_are_refused() -> None:
    with pytest.raises(InputError, match="both"):
        run_with().files(names=["a"], pattern="%.json")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"nothing\.txt"):
        run_with(file_node("a.json")).file("nothing.txt")


def test_a_download_is_opened_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = run_with(file_node("media/a.json")).file("media/a.json")
    with file.download(str(tmp_path)) as handle:
        assert handle.read() == CONTENT.decode()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "media" / "a.json"]


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file = run_with(file_node("a.json")).file("a.json")
    (tmp_path / "a.json").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        file.download(str(tmp_path))
    with file.download(str(tmp_path), exist_ok=True) as handle:
        assert handle.read() == "mine"
    with file.download(str(tmp_path), replace=True, exist_ok=True) as handle:
        assert handle.read() == CONTENT.decode()


@pytest.mark.parametrize("wrong", [{"sizeBytes": 3}, {"md5": "0" * 32}])
def test_what_was_not_promised_is_not_saved(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = run_with(file_node("a.json", **wrong)).file("a.json")
    with pytest.raises(IntegrityError):
        file.download(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


HOSTILE = st.lists(st.sampled_from(["..", ".", "/", "\\", "C:", "a", "%2e", "\0", "~"]), min_size=1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE.map("".join))
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "inner" / "root"
    root.mkdir(parents=True, exist_ok=True)
    run = run_with(file_node("a.json"))
    file = File(run.client, {**file_node("a.json"), "name": name}, run)
    try:
        with file.download(str(root), replace=True) as handle:
            place = Path(handle.name)
    except (ConflictError, UnsafeNameError, OSError):
        place = root
    assert place.resolve().is_relative_to(root.resolve())
    assert [p.name for p in tmp_path.iterdir()] == ["inner"]
    assert [p.name for p in (tmp_path / "inner").iterdir()] == ["root"]


@pytest.mark.parametrize("name", ["link", "folder/a.json"])
def test_links_in_the_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside / "a.json")
    (root / "folder").symlink_to(outside)
    with pytest.raises(UnsafeNameError, match="symbolic link"):
        run_with(file_node(name)).file(name).download(str(root), replace=True)
    assert list(outside.iterdir()) == []


def test_metadata_is_none_only_when_there_is_no_such_file() -> None:
    name = "wandb-metadata.json"
    assert run_with().metadata is None
    assert run_with(file_node(name)).metadata == {"lr": 0.1}
    with pytest.raises(IntegrityError):
        _ = run_with(file_node(name, sizeBytes=3)).metadata
