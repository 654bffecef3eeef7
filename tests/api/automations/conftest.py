"""Two servers over equal stores: one for the real SDK, one for this client."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.automations.scripts import LOG
from wbexport.server.serve import LocalServer
from wbexport.server.service import utc_now
from wbexport.store.database import Store
from wbexport.store.integrations import add_slack_integration, add_webhook_integration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    LogRun = Callable[..., dict[str, Any]]
    #: What each side saw, and the documents that its server then held.
    Sides = dict[str, tuple[dict[str, Any], list[Any]]]

CLIENTS = ("wandb", "wbexport")


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with integrations."""
    folder = tmp_path_factory.mktemp("filled")
    with Store.open_writer(folder / "wb.duckdb") as store, store.transaction() as cur:
        add_slack_integration(cur, "local", "acme", "#ml", now=utc_now())
        address = {"urlEndpoint": "https://example.com/hook"}
        add_webhook_integration(cur, "local", "hook", address, now=utc_now())
    return folder


@pytest.fixture(scope="module")
def run_both(
    filled: Path, log_run: LogRun, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Sides]:
    """Run a script with each client on a copy of one store; give what was seen and kept."""
    place = tmp_path_factory.mktemp("both")
    with LocalServer(filled / "wb.duckdb", writable=True) as server:
        log_run(LOG, WANDB_BASE_URL=server.url, WANDB_API_KEY=server.token)

    def run(script: str) -> Sides:
        found = {}
        for client in CLIENTS:
            folder = place / f"{client}-{len(list(place.iterdir()))}"
            shutil.copytree(filled, folder)
            with ExitStack() as stack:
                server = stack.enter_context(LocalServer(folder / "wb.duckdb", writable=True))
                env = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.token}
                seen = log_run(script.format(package=client), **env)
            found[client] = seen, documents(folder / "wb.duckdb")
        return found

    return run


def documents(path: Path) -> list[Any]:
    """What a store keeps of automations and queues, without what differs between servers."""
    with Store.open_reader(path) as store:
        rows = store.cursor().execute(
            "select kind, storage_id, scope, name, body::varchar from stored.documents"
        )
        found = rows.fetchall()
    numbers = {row[1]: f"{row[0]} {row[3]}" for row in found}
    kept = []
    for kind, _, scope, name, body in found:
        text = body
        for storage_id, spelled in numbers.items():
            text = text.replace(storage_id, spelled)
        kept.append([kind, numbers.get(scope, scope), name, json.loads(text)])
    return sorted(kept, key=json.dumps)
