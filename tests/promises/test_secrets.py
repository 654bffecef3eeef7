"""Promise: a key goes to its server and nowhere else, and no signed URL is kept.

Canaries stand for the key, a netrc password, and the signature of every URL the server signs.
Whatever the program says, logs, raises, pickles, writes or sends elsewhere is searched for them.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.promises.conftest import ROOT
from tests.transport.fault_server import FaultServer, Reply
from wbexport.data import DEMO_PROJECT, DEMO_STORE
from wbexport.errors import WbexportError
from wbexport.server.serve import LocalServer
from wbexport.server.signing import Signer
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.sync.engine import sync

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEY = "canarykey" + "0123456789abcdef" * 2
PASSWORD = "canarynetrc" + "fedcba9876543210" * 2
CANARIES = [
    *(KEY, KEY[9:], PASSWORD, PASSWORD[11:]),
    *(base64.b64encode(f"{user}:{KEY}".encode()).decode() for user in ("api", "user")),
    base64.b64encode(f"api:{PASSWORD}".encode()).decode(),
]
_SIGNED = re.compile(rb"[?&](?:X-Amz-[A-Za-z]+|[Ss]ignature|sig|token|expires)=[\w%-]{8,}")


def leaks(data: bytes | str) -> list[str]:
    """Canaries and signatures in some bytes, plain or packed."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    found = [canary for canary in CANARIES if canary.encode() in raw]
    return found + [match.decode() for match in _SIGNED.findall(raw)]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """A server whose token is the canary, and whose runs come by signed URLs."""
    with LocalServer(DEMO_STORE, token=KEY) as running:
        yield running


@pytest.fixture
def settings(server: LocalServer) -> Settings:
    return Settings.load(api_key=KEY, overrides={"base_url": server.url}, environ={})


@pytest.fixture
def env(server: LocalServer, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    netrc = home / ".netrc"
    netrc.write_text(f"machine 127.0.0.2 login user password {PASSWORD}\n")
    netrc.chmod(0o600)
    kept = {"PATH": os.environ["PATH"], "HOME": os.fspath(home), "PYTHONPATH": ROOT}
    return kept | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged where every logger takes everything."""
    for name in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def test_a_search_finds_what_it_looks_for() -> None:
    assert leaks(f"x{KEY}y")
    assert leaks("https://s/x?a=1&X-Amz-Signature=0123456789abcdef")
    assert leaks(Signer(KEY).sign("GET", "/storage/x"))


def test_a_sync_says_logs_and_stores_no_secret(
    settings: Settings,
    tmp_path: Path,
    everything: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "wb.duckdb"
    api = wbexport.Api(settings=settings)
    with closing(api.client.session), Store.open_writer(path) as store:
        report = sync(DEMO_PROJECT, store, api=api, include=("history", "files", "console"))
        run = api.runs(DEMO_PROJECT)[0]
        rows = list(run.scan_history())
        objects = [api, api.settings, api.settings.credential, api.client, api.client.session]
        objects += [report, run, api.runs(DEMO_PROJECT), run.files(), store, store.blobs]
        texts = [text for each in objects for text in faces(each)]
    wbexport.open(path).close()
    texts += ["".join(capfd.readouterr()), everything.text, *map(repr, vars_of_logs(everything))]
    assert rows
    assert len(everything.records) > 10
    assert [leak for text in texts for leak in leaks(text)] == []
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) >= 2
    assert [(each.name, leak) for each in files for leak in leaks(each.read_bytes())] == []
    assert stored_texts(path) == []


def vars_of_logs(caplog: pytest.LogCaptureFixture) -> Iterable[Any]:
    return [(record.args, record.msg) for record in caplog.records]


def faces(value: Any) -> list[str]:
    """Every way in which an object shows itself or goes elsewhere."""
    found = [repr(value), str(value), repr(getattr(value, "__dict__", None))]
    for pack in (pickle.dumps, copy.deepcopy):
        try:
            found.append(pack(value) if pack is pickle.dumps else repr(vars(pack(value))))
        except (TypeError, AttributeError, pickle.PicklingError, WbexportError):
            continue
    return [each.decode("latin-1") if isinstance(each, bytes) else each for each in found]


def stored_texts(path: Path) -> list[str]:
    """Leaks in the values of a store, which compression hides from a search of its bytes."""
    found = []
    with Store.open_reader(path) as store:
        cursor = store.cursor()
        tables = cursor.execute(
            "select table_name from duckdb_tables() where schema_name = 'stored'"
            " or database_name = 'stored' or not internal"
        ).fetchall()
        assert tables
        for (name,) in set(tables):
            for row in cursor.execute(f'select * from stored."{name}"').fetchall():
                found += leaks(repr(row))
    return found


def frames_shown(error: BaseException) -> str:
    """Show what a crash reporter sees: the local values of all frames, through all causes."""
    shown = []
    cause: BaseException | None = error
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            if frame.f_globals["__name__"].startswith("wbexport"):
                shown.append(repr(frame.f_locals))
        cause = cause.__cause__ or cause.__context__
    return "\n".join(shown)


REPLIES = {
    "refused": Reply(401, body=f'{{"error": "bad key {KEY}"}}'.encode()),
    "page": Reply(body=f"<html><title>{KEY}</title>".encode()),
    "GraphQL": Reply(
        body=json.dumps({"errors": [{"message": f"no key {KEY}"}]}).encode(),
        headers={"Content-Type": "application/json"},
    ),
    "missing": Reply(404, body=KEY.encode()),
    "elsewhere": Reply(302, headers={"Location": f"http://u:{PASSWORD}@127.0.0.3:9/x?sig={KEY}"}),
}


@pytest.mark.parametrize("name", REPLIES)
def test_no_error_holds_a_secret(
    name: str, tmp_path: Path, everything: pytest.LogCaptureFixture
) -> None:
    with FaultServer(lambda request: REPLIES[name]) as server:
        overrides = {"base_url": server.url}
        settings = Settings.load(api_key=KEY, overrides=overrides, environ={}, timeout=2)
        with pytest.raises(WbexportError) as caught:
            sync("e/p", tmp_path / "wb.duckdb", settings=settings)
    error = caught.value
    texts = ["".join(traceback.format_exception(error)), repr(vars(error))]
    if name != "GraphQL":  # There the parsed answer, in which the server repeats the key, is one.
        texts.append(frames_shown(error))
    texts += [repr(error), pickle.dumps(error.args).decode("latin-1"), everything.text]
    assert [leak for text in texts for leak in leaks(text)] == []


def test_nothing_secret_reaches_a_second_origin(tmp_path: Path) -> None:
    seen: list[str] = []

    def note(request: Any) -> Reply:
        seen.append(repr(request))
        return Reply(404)

    with FaultServer(note) as second:
        for code in (301, 302, 303, 307, 308):
            target = second.url.replace("127.0.0.1", "localhost")
            reply = Reply(code, headers={"Location": f"{target}/graphql", "Set-Cookie": "k=v"})
            with FaultServer(lambda request, reply=reply: reply) as first:
                overrides = {"base_url": first.url}
                settings = Settings.load(api_key=KEY, overrides=overrides, environ={}, timeout=2)
                api = wbexport.Api(settings=settings)
                with closing(api.client.session) as session:
                    with pytest.raises(WbexportError):
                        len(api.runs("e/p"))
                    with pytest.raises(WbexportError):
                        session.get_bytes(f"{first.url}/file")
    assert seen
    assert [leak for text in seen for leak in leaks(text)] == []
    assert not any("authorization" in text.lower() for text in seen)


#: A program that runs a command and logs everything, and at its end tells its own arguments.
LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from pathlib import Path
from wbexport.cli.main import run
code = run(sys.argv[1:])
sys.stderr.write(repr(Path("/proc/self/cmdline").read_bytes()) if Path("/proc").exists() else "")
sys.exit(code)
"""

COMMANDS = {
    "sync": (["sync", DEMO_PROJECT, "-vv"], 0),
    "plan": (["plan", DEMO_PROJECT, "-vv"], 0),
    "doctor": (["doctor"], 0),
    "missing project": (["sync", "demo/nope", "-vv"], 1),
    "missing host": (["sync", DEMO_PROJECT, "-vv", "--base-url", "http://127.0.0.2:9"], 1),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_says_a_secret(name: str, env: dict[str, str], tmp_path: Path) -> None:
    arguments, code = COMMANDS[name]
    done = subprocess.run(
        [sys.executable, "-c", LOUD, *arguments],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert leaks(done.stdout + done.stderr) == []
    made = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != ".netrc"]
    assert [leak for each in made for leak in leaks(each.read_bytes())] == []


def test_keys_made_by_the_server_and_links_to_artifacts_are_kept_nowhere(
    tmp_path: Path, everything: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wb.duckdb"
    (tmp_path / "photo.txt").write_text("a photo")
    with LocalServer(path, writable=True, token=KEY) as server:
        overrides = {"base_url": server.url}
        settings = Settings.load(api_key=KEY, overrides=overrides, environ={})
        api = wbexport.Api(settings=settings)
        with closing(api.client.session):
            robot = api.create_team("lab").create_service_account("robot")
            made = [api.viewer.generate_api_key("mine"), robot.api_key]
            run = api.create_run(run_id="one", project="p", entity="local")
            photos = wbexport.Artifact("photos", "dataset")
            photos.add_file(str(tmp_path / "photo.txt"))
            logged = run.log_artifact(photos)
            fetched = api.artifact("local/p/photos:v0")
            fetched.download(root=str(tmp_path / "copy"))
            objects = [api, api.client, run, photos, logged, fetched, fetched.manifest]
            objects += [api.team("lab"), wbexport.Api(settings=settings).viewer, fetched.files()]
            texts = [text for each in objects for text in faces(each)]
    texts += ["".join(capfd.readouterr()), everything.text, *map(repr, vars_of_logs(everything))]
    keys = [key for key in made if key]
    assert len(set(keys)) == len(made)
    assert len(everything.records) > 10
    assert [leak for text in texts for leak in leaks(text)] == []
    assert [text for key in keys for text in texts if key in text] == []
    files = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    assert [each.name for each, data in files.items() for key in keys if key.encode() in data] == []
    assert stored_texts(path) == []
    with Store.open_reader(path) as store:
        assert not any(key in repr(rows) for key in keys for rows in everything_stored(store))


def everything_stored(store: Store) -> Iterator[list[Any]]:
    """The rows of every table."""
    cursor = store.cursor()
    listed = "select table_name from duckdb_tables() where schema_name = 'stored'"
    for (name,) in cursor.execute(listed).fetchall():
        yield cursor.execute(f'select * from stored."{name}"').fetchall()
