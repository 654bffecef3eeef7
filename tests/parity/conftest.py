"""One store that the real SDK has filled, and servers over copies of it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sdk import run_program, sdk_environment
from tests.server.client import Raw
from wbexport.server.app import create_app
from wbexport.server.serve import LocalServer, new_token
from wbexport.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = os.fspath(Path(__file__).parents[2])


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a published store that holds what `scenario` logs."""
    folder = tmp_path_factory.mktemp("filled")
    with LocalServer(folder / "wb.duckdb", writable=True) as server:
        home = tmp_path_factory.mktemp("scenario")
        env = sdk_environment(home, server.url, server.token) | {"PYTHONPATH": ROOT}
        done = run_program("from tests.parity.scenario import main; main()", env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@contextmanager
def serve_copy(filled: Path, place: Path, token: str | None = None) -> Iterator[LocalServer]:
    """Serve a copy of the filled store, which may be changed."""
    shutil.copytree(filled, place)
    with LocalServer(place / "wb.duckdb", writable=True, token=token) as server:
        yield server


@pytest.fixture(scope="module")
def raw(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    """A client of a server over a copy of the filled store."""
    place = tmp_path_factory.mktemp("documents") / "copy"
    shutil.copytree(filled, place)
    token = new_token()
    with Store.open_writer(place / "wb.duckdb") as store:
        yield Raw(create_app(store, token=token, writable=True), token)
