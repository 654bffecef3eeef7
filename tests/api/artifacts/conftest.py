"""A run, and an artifact that it logged."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

import wbexport
from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wbexport.api.artifacts import Artifact
    from wbexport.api.run import Run

FILES = {"a.txt": b"hello", "sub/b.bin": bytes(range(256)) * 20, "sub/deep/c.txt": b""}


@pytest.fixture
def run(api: Api) -> Run:
    return api.create_run(run_id="one", project="vision")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos")


def fill(folder: Path) -> Path:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server for all tests of a module, with the version that `logged` is."""
    token = new_token()
    with Store.in_memory() as store:
        app = create_app(store, token=token, writable=True)
        settings = Settings.load(
            api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={}
        )
        api = Api(settings=settings, transport=wsgi_transport(app))
        draft = wbexport.Artifact("photos", "dataset", description="cats", metadata={"lr": 0.1})
        draft.add_dir(fill(tmp_path_factory.mktemp("filled")))
        run = api.create_run(run_id="one", project="vision")
        run.log_artifact(draft, aliases=["best"], tags=["reviewed"])
        yield api


@pytest.fixture
def draft(folder: Path) -> Artifact:
    made = wbexport.Artifact("photos", "dataset", description="cats", metadata={"lr": 0.1})
    made.add_dir(folder)
    return made


@pytest.fixture
def logged(run: Run, draft: Artifact) -> Artifact:
    return run.log_artifact(draft, aliases=["best"], tags=["reviewed"])


@pytest.fixture
def page() -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a page of four bytes, and its headers, which may be changed."""
    headers = {"ETag": '"one"', "Content-Length": "4"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/page.bin" else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"page")

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/page.bin", headers
        server.shutdown()
        thread.join()
