"""A run, and an artifact that it logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import wbexport

if TYPE_CHECKING:
    from pathlib import Path

    from wbexport.api.artifacts import Artifact
    from wbexport.api.client import Api
    from wbexport.api.run import Run

FILES = {"a.txt": b"hello", "sub/b.bin": bytes(range(256)) * 20, "sub/deep/c.txt": b""}


@pytest.fixture
def run(api: Api) -> Run:
    return api.create_run(run_id="one", project="vision")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def draft(folder: Path) -> Artifact:
    made = wbexport.Artifact("photos", "dataset", description="cats", metadata={"lr": 0.1})
    made.add_dir(folder)
    return made


@pytest.fixture
def logged(run: Run, draft: Artifact) -> Artifact:
    return run.log_artifact(draft, aliases=["best"], tags=["reviewed"])
