"""Paths that people write, and names that servers send."""

from __future__ import annotations

import itertools
import os
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import PathError, UnsafeNameError
from wbexport.paths import (
    ArtifactPath,
    ProjectPath,
    RunPath,
    check_name,
    check_run_id,
    parse_artifact_path,
    parse_project_path,
    parse_run_path,
    resolve_inside,
    safe_relative_path,
)

RUN = RunPath("team", "vision", "1mb3xqzp")
WORDS = st.text(st.characters(exclude_characters="/:", exclude_categories=["C", "Z"]), min_size=1)
WORD = WORDS.filter(lambda word: word.strip(".") and word not in ("runs", "sweeps"))


@pytest.mark.parametrize(
    "text",
    [
        "team/vision/1mb3xqzp",
        "team/vision:1mb3xqzp",
        "team/vision/runs/1mb3xqzp",
        "/team/vision/runs/1mb3xqzp/",
        " team/vision/sweeps/1mb3xqzp ",
        "vision/1mb3xqzp",
        "vision:1mb3xqzp",
        "1mb3xqzp",
        "https://wandb.ai/team/vision/runs/1mb3xqzp",
        "https://wandb.ai/team/vision/runs/1mb3xqzp/overview?nw=x#y",
        "http://127.0.0.1:8080/team/vision/sweeps/1mb3xqzp",
    ],
)
def test_every_form_of_a_run_path_means_the_same_run(text: str) -> None:
    assert parse_run_path(text, "team", "vision") == RUN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/b/c/d",
        "a//c",
        "a/../c",
        "a/b/.",
        "a/b\0/c",
        "a:b:c",
        "https://wandb.ai/team/vision",
        "https://wandb.ai/team/vision/reports/x",
        "https://wandb.ai/a%2Fb/vision/runs/x",
        "https://[broken/a/b/runs/c",
    ],
)
def test_what_is_no_run_path_is_an_error(text: str) -> None:
    with pytest.raises(PathError):
        parse_run_path(text, "team", "vision")


def test_a_run_path_without_a_known_project_is_an_error_that_says_so() -> None:
    with pytest.raises(PathError, match="names no project"):
        parse_run_path("1mb3xqzp", "team")


def test_a_project_path_is_split_at_its_first_slash_or_read_from_the_web() -> None:
    expected = ProjectPath("team", "vision")
    for text in ("team/vision", " /team/vision/ ", "https://wandb.ai/team/vision/workspace?x=1"):
        assert parse_project_path(text) == expected
    assert parse_project_path("vision", "team") == expected
    assert parse_project_path(None, "team", "vision") == expected
    assert parse_project_path("", "team") == ProjectPath("team", "uncategorized")
    assert parse_project_path("https://wandb.ai/team/my%20project").project == "my project"


@pytest.mark.parametrize("text", ["a/b/c", "a/", "../b", "https://wandb.ai/team", "a/b\0"])
def test_what_is_no_project_path_is_an_error(text: str) -> None:
    with pytest.raises(PathError):
        parse_project_path("." if text == "a/" else text, "team")


def test_the_default_entity_is_asked_for_only_when_it_is_needed() -> None:
    asked: list[str] = []

    def viewer() -> str:
        asked.append("viewer")
        return "team"

    assert parse_run_path("team/vision/1mb3xqzp", viewer) == RUN
    assert asked == []
    assert parse_run_path("vision/1mb3xqzp", viewer) == RUN
    assert asked == ["viewer"]


def test_what_is_no_text_is_no_path_and_no_name() -> None:
    for read in (parse_project_path, parse_run_path, parse_artifact_path, check_name, check_run_id):
        with pytest.raises(PathError, match=r"^5 is no"):
            read(5)  # type: ignore[arg-type]


def test_a_name_that_is_refused_is_called_a_name() -> None:
    for name in ("", "..", "a/b", "a\n"):
        with pytest.raises(PathError, match=r"is no name: .* no slash and no control character"):
            check_name(name)


@pytest.mark.parametrize("entity", [None, "", lambda: None])
def test_a_path_without_any_entity_is_an_error(entity: object) -> None:
    with pytest.raises(PathError, match="WANDB_ENTITY"):
        parse_run_path("vision/1mb3xqzp", entity)  # type: ignore[arg-type]


@given(WORD, WORD, WORD)
def test_a_printed_path_is_read_back(entity: str, project: str, run_id: str) -> None:
    path = RunPath(entity, project, run_id)
    assert parse_run_path(str(path)) == path
    assert parse_project_path(str(path.parent)) == path.parent


def stays_inside(name: str) -> bool:
    """Say whether a name means something strictly below a folder on POSIX and on Windows."""
    posix = os.path.normpath(f"/base/{name}")
    windows = PureWindowsPath("C:\\root") / name
    steps = [part.rstrip(" .") for part in windows.parts[2:]]
    return (
        not PurePosixPath(name).is_absolute()
        and posix.startswith("/base/")
        and windows.parts[:2] == ("C:\\", "root")
        and len(steps) > 0
        and all(steps)
        and ":" not in name
    )


def test_every_short_name_stays_inside_or_is_refused() -> None:
    accepted = 0
    for length in range(6):
        for letters in itertools.product("./\\C:x%", repeat=length):
            name = "".join(letters)
            try:
                path = safe_relative_path(name)
            except UnsafeNameError:
                continue
            accepted += 1
            assert stays_inside(name), name
            assert str(path) == name
    assert accepted > 1000


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "media/images/a b.png",
        ".hidden",
        "a/..b/c..",
        "100%",
        "%2e%2e/x",
        "é/ü",
        "．．/x",
        "-rf",
        "x" * 255,
    ],
)
def test_a_harmless_name_is_kept_as_it_is(name: str) -> None:
    assert safe_relative_path(name) == PurePosixPath(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/../b",
        "/etc/passwd",
        "//host/share",
        "\\\\host\\share",
        "C:x",
        "a:stream",
        "a\0b",
        "a\nb",
        "a//b",
        "a/",
        ". .",
        "... /x",
        "\ud800",
        "x" * 256,
        "é" * 128,
    ],
)
def test_a_dangerous_name_is_refused(name: str) -> None:
    with pytest.raises(UnsafeNameError):
        safe_relative_path(name)


@given(st.text(max_size=20))
def test_any_name_is_refused_or_stays_inside_even_when_normalised(name: str) -> None:
    try:
        path = safe_relative_path(name)
    except UnsafeNameError:
        return
    assert stays_inside(str(path))
    assert not unicodedata.normalize("NFC", name).startswith("/")


def test_a_place_inside_is_given_without_creating_anything(tmp_path: Path) -> None:
    assert resolve_inside(tmp_path, "a/b.txt") == tmp_path / "a/b.txt"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_link_at_any_level_is_refused(level: int, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    parts = ["a", "b", "c.txt"]
    outside.mkdir()
    link = root.joinpath(*parts[:level])
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(UnsafeNameError, match="symbolic link"):
        resolve_inside(root, "a/b/c.txt")


def test_a_folder_that_is_itself_a_link_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert resolve_inside(tmp_path / "link", "a") == tmp_path / "link/a"


PHOTOS = ArtifactPath("team", "vision", "photos", "latest")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("team/vision/photos:latest", PHOTOS),
        ("vision/photos:latest", PHOTOS),
        ("photos:latest", PHOTOS),
        (" /team/vision/photos:latest ", PHOTOS),
        ("https://wandb.ai/team/vision/artifacts/dataset/photos/latest", PHOTOS),
        ("photos", ArtifactPath("team", "vision", "photos")),
        ("photos:v3", ArtifactPath("team", "vision", "photos", "v3")),
        ("photos:a/b:c", ArtifactPath("team", "vision", "photos", "a/b:c")),
        ("https://x.io/o/p/artifacts/t/n", ArtifactPath("o", "p", "n")),
        ("org/wandb-registry-m/n:v0", ArtifactPath("org", "wandb-registry-m", "n", "v0")),
    ],
)
def test_an_artifact_is_found_from_every_form_of_its_path(text: str, path: ArtifactPath) -> None:
    assert parse_artifact_path(text, "team", "vision") == path
    assert parse_artifact_path(str(path)) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":v0",
        "photos:",
        "a/b/c/d:v0",
        "../photos:v0",
        "team//photos",
        "photos:a\nb",
        "https://wandb.ai/team/vision/runs/x",
        "https://wandb.ai/team/vision/artifacts/dataset",
    ],
)
def test_what_is_no_path_of_an_artifact_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_artifact_path(text, "team", "vision")


def test_an_artifact_path_knows_its_names() -> None:
    assert (PHOTOS.name, str(PHOTOS.parent)) == ("photos:latest", "team/vision")
    assert (PHOTOS.is_registry, ArtifactPath("o", "wandb-registry-m", "n").is_registry) == (
        False,
        True,
    )
    assert parse_artifact_path("photos", lambda: "team").project == "uncategorized"
    with pytest.raises(PathError, match="names no entity"):
        parse_artifact_path("vision/photos")
