"""Stores, servers over them, and clients of the servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.sdk import run_program, sdk_environment
from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.server.serve import LocalServer, new_token
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wbexport.server.app import Application

    LogRun = Callable[..., dict[str, Any]]

# The same examples every time, and no deadlines: a busy machine is no failure. Other examples are
# had with --hypothesis-profile=random.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("fixed")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.in_memory() as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    with Store.open_writer(tmp_path / "wb.duckdb") as opened:
        yield opened


@pytest.fixture
def token() -> str:
    return new_token()


@pytest.fixture
def app(store: Store, token: str) -> Application:
    return create_app(store, token=token, writable=True)


@pytest.fixture
def api(app: Application, token: str) -> Api:
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    return Api(settings=settings, transport=wsgi_transport(app))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("server")
    with LocalServer(folder / "wb.duckdb", writable=True) as running:
        yield running


@pytest.fixture(scope="module")
def sdk_env(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the real SDK talks to `server` and touches only its own folder."""
    return sdk_environment(tmp_path_factory.mktemp("sdk"), server.url, server.token)


@pytest.fixture(scope="module")
def log_run(sdk_env: dict[str, str]) -> LogRun:
    """Run a script with the real SDK; return the JSON object it prints last.

    The script's exit code comes back under `"exit_code"` when it is not 0.
    """

    def run(script: str, *arguments: str, **env: str) -> dict[str, Any]:
        done = run_program(script, *arguments, env=sdk_env | env)
        lines = done.stdout.strip().splitlines()
        if done.returncode and not env.get("MAY_FAIL"):
            raise AssertionError(f"the script failed:\n{done.stdout}\n{done.stderr}")
        answer = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        return answer | ({"exit_code": done.returncode} if done.returncode else {})

    return run
