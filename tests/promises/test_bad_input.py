"""Promise: what goes wrong is said in a line, with the right exit code, and nothing is lost.

Every mistake is made through the command line and has to name the thing concerned and what to do
next. The store that is there before is there afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from wbexport import errors
from wbexport.api import Api
from wbexport.cli.main import run as run_command
from wbexport.data import DEMO_PROJECT
from wbexport.settings import Settings
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.store.migrations import write_meta

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promises.conftest import Command, Start
    from wbexport.server.serve import LocalServer

SYNC = ["sync", DEMO_PROJECT]
KEY = "local-" + "0" * 40

#: Arguments, changes of the environment, exit code, and words that have to be said.
MISTAKES: dict[str, tuple[list[str], dict[str, str], int, tuple[str, ...]]] = {
    "wrong key": (SYNC, {"WANDB_API_KEY": KEY}, 1, ("401", "Check the API key")),
    "malformed key": (SYNC, {"WANDB_API_KEY": "short"}, 2, ("WANDB_API_KEY",)),
    "no key": (SYNC, {"WANDB_API_KEY": ""}, 2, ("WANDB_API_KEY",)),
    "no key file": ([*SYNC, "--api-key-file", "none"], {}, 2, ("none",)),
    "wrong host": (SYNC, {"WANDB_BASE_URL": "http://127.0.0.1:9"}, 1, ("127.0.0.1:9",)),
    "plain http": (SYNC, {"WANDB_BASE_URL": "http://example.com"}, 2, ("example.com", "https")),
    "no URL": (SYNC, {"WANDB_BASE_URL": "nonsense"}, 2, ("WANDB_BASE_URL", "https://host")),
    "bad path": (["sync", "a/b/c/d/e"], {}, 2, ("a/b/c/d/e", "entity/project")),
    "missing project": (["sync", "demo/nope"], {}, 1, ("demo/nope",)),
    "unknown stream": ([*SYNC, "--include", "histry"], {}, 2, ("histry", "history")),
    "no jobs": ([*SYNC, "--jobs", "0"], {}, 2, ("jobs",)),
    "filter is no JSON": ([*SYNC, "--filters", "{"], {}, 2, ("--filters",)),
    "unknown operator": ([*SYNC, "--filters", '{"state": {"$eqq": 1}}'], {}, 2, ("$eqq", "$eq")),
    "unknown field": (["runs", "--filters", '{"stat": 1}'], {}, 2, ("stat", "state")),
    "unknown order": (["runs", "--order=-creted_at"], {}, 2, ("creted_at", "created_at")),
    "unknown column": (["runs", "-c", "run_idd"], {}, 2, ("run_idd", "run_id")),
    "unknown key": (["history", DEMO_PROJECT, "-k", "trian/loss"], {}, 2, ("train/loss",)),
    "unknown project": (["runs", "demo/digit"], {}, 1, ("demo/digits",)),
    "unknown run": (["history", f"{DEMO_PROJECT}/none", "-k", "lr"], {}, 2, ("lr",)),
    "bad how": (["history", DEMO_PROJECT, "--how", "some"], {}, 2, ("--how",)),
    "no samples": (["history", DEMO_PROJECT, "--samples", "0"], {}, 2, ("--samples",)),
    "bad SQL": (["sql", "selec 1"], {}, 2, ("selec",)),
    "unknown table": (["sql", "from run"], {}, 2, ("runs",)),
    "SQL that writes": (["sql", "drop view runs"], {}, 2, ("DROP", "read-only")),
    "SQL that reads files": (["sql", "from read_text('/etc/hostname')"], {}, 2, ("disabled",)),
    "no SQL": (["sql"], {}, 2, ("SQL",)),
    "unknown option": (["runs", "--ordr", "x"], {}, 2, ("--ordr", "--help")),
    "unknown command": (["snyc"], {}, 2, ("snyc", "--help")),
    "missing store": (["runs", "-s", "none.duckdb"], {}, 1, ("none.duckdb", "sync")),
    "store is a folder": (["runs", "-s", "."], {}, 1, ("a folder", "wb.duckdb")),
}


@pytest.fixture(scope="module")
def origin(demo: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was synced well."""
    path = tmp_path_factory.mktemp("origin") / "wb.duckdb"
    overrides = {"base_url": demo.url}
    settings = Settings.load(api_key=demo.token, overrides=overrides, environ={})
    filters = {"config.optimizer": "sgd"}
    assert wbexport.sync(DEMO_PROJECT, path, filters=filters, settings=settings).runs == 20
    return path


@pytest.fixture
def store(origin: Path, tmp_path: Path) -> Path:
    return shutil.copy(origin, tmp_path / "wb.duckdb")


def assert_whole(store: Path, runs: int = 20) -> None:
    with Store.open_reader(store) as opened:
        assert check(opened, read_data=True) == []
        assert opened.cursor().execute("select count(*) from runs").fetchall() == [(runs,)]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_exit_code(
    name: str,
    store: Path,
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, changes, code, words = MISTAKES[name]
    for variable, value in (env | changes).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(store.parent)
    assert (run_command(arguments), capsys.readouterr()) == (code, Said(words))
    assert_whole(store)


class Said:
    """Equal to the output of a command that failed well: words in a line or two, no more."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def __eq__(self, said: Any) -> bool:
        out, err = said
        return (
            out == ""
            and err.startswith("wbexport: ")
            and "Traceback" not in err
            and "unexpected" not in err
            and all(word in err for word in self.words)
        )

    def __repr__(self) -> str:
        return f"wbexport: … {self.words}"


def damaged(store: Path) -> None:
    data = bytearray(store.read_bytes())
    for place in range(8_192, len(data), 4_096):
        data[place] ^= 0xFF
    store.write_bytes(data)


def cut(store: Path) -> None:
    os.truncate(store, store.stat().st_size // 2)


def foreign(store: Path) -> None:
    store.write_bytes(b"not a database" * 1000)


def newer(store: Path) -> None:
    with Store.open_writer(store) as writer:
        with writer.transaction() as cursor:
            write_meta(cursor, "format", "99")
        writer.publish()


STORES = {
    "damaged": (damaged, errors.StoreDamagedError, "damaged"),
    "cut": (cut, errors.StoreDamagedError, "damaged"),
    "foreign": (foreign, errors.StoreDamagedError, "not a wbexport store"),
    "newer": (newer, errors.StoreVersionError, "newer"),
}


@pytest.mark.parametrize("name", STORES)
def test_a_store_that_cannot_be_read_is_told_and_left_alone(
    name: str, store: Path, command: Command
) -> None:
    spoil, error, word = STORES[name]
    spoil(store)
    before = store.read_bytes()
    with pytest.raises(error, match=word), wbexport.open(store) as archive:
        archive.scan_histories(DEMO_PROJECT).collect()
    for arguments in (["history", DEMO_PROJECT, "-s", store], [*SYNC, "-s", store]):
        done = command(*arguments)
        assert (done.returncode, word in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda api: api.runs("e/p", {"$nope": 1}), errors.QueryError),
        (lambda api: api.runs("e/p", order="-nope"), errors.QueryError),
        (lambda api: api.runs("e/p", per_page=0), errors.InputError),
        (lambda api: api.run("e/p/r/s/t"), errors.PathError),
        (lambda api: api.run(f"{DEMO_PROJECT}/none"), errors.NotFoundError),
        (lambda api: len(api.runs("demo/none")), errors.NotFoundError),
        (lambda api: list(api.run(RUN).scan_history(min_step=-1)), errors.InputError),
        (lambda api: list(api.run(RUN).scan_history(page_size=0)), errors.InputError),
        (lambda api: api.run(RUN).history(samples=0), errors.InputError),
        (lambda api: api.run(RUN).history(keys="loss"), errors.InputError),
        (lambda api: api.runs(DEMO_PROJECT).scan_histories(keys=["nope"]), errors.QueryError),
    ],
)
def test_a_mistake_in_python_has_a_type(call: Any, error: type[Exception], demo: Any) -> None:
    settings = Settings.load(api_key=demo.token, overrides={"base_url": demo.url}, environ={})
    with pytest.raises(error) as caught:
        call(Api(settings=settings))
    assert str(caught.value)


RUN = f"{DEMO_PROJECT}/digits00"

#: Runs a command on a disk of its own: a mount that only its process sees.
ON_A_DISK = """
mount -t tmpfs -o size={size} none "$1" && cp "$2" "$1/wb.duckdb" && {then}
shift 2; code=0
"$@" || code=$?
cp "$DISK/wb.duckdb" "$DISK/../after.duckdb"; exit $code
"""


def on_a_disk(
    env: dict[str, str], store: Path, size: str, then: str = "true"
) -> subprocess.CompletedProcess[str]:
    disk = store.parent / "disk"
    disk.mkdir()
    script = ON_A_DISK.format(size=size, then=then)
    sync = [sys.executable, "-m", "wbexport", *SYNC, "--store", f"{disk}/wb.duckdb"]
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", disk, store, *sync],
        env=env | {"DISK": f"{disk}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def can_mount() -> bool:
    try:
        done = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0


def test_a_full_disk_is_told_and_nothing_stored_is_lost(env: dict[str, str], store: Path) -> None:
    room = store.stat().st_size * 2 + (200 << 10)
    if can_mount():
        done = on_a_disk(env, store, str(room))
        after = store.parent / "after.duckdb"
    else:
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room // 2},) * 2)"
        program = f"{limit}; from wbexport.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *SYNC, "--store", store],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        after = store
    assert done.returncode == 1, done.stderr
    assert "wb.duckdb" in done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert_whole(after)


def test_a_folder_that_cannot_be_written_is_told(
    env: dict[str, str], store: Path, command: Command
) -> None:
    if can_mount():
        done = on_a_disk(env, store, "64m", 'mount -o remount,ro "$1"')
    else:
        store.parent.chmod(0o500)
        done = command(*SYNC, "--store", store)
        store.parent.chmod(0o700)
    assert done.returncode == 1, done.stderr
    assert "wb.duckdb" in done.stderr
    assert "choose" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_in_use_is_told(store: Path, command: Command) -> None:
    with Store.open_writer(store):
        done = command(*SYNC, "--store", store)
    assert done.returncode == 11
    assert f"process {os.getpid()}" in done.stderr
    assert "Traceback" not in done.stderr


#: A sync whose every run takes a while.
SLOW = """
import sys, time
from wbexport.sync import engine, fetch
plain = engine.fetch_run
def slow(*arguments, **options):
    print("fetching", flush=True)
    time.sleep(0.2)
    return plain(*arguments, **options)
engine.fetch_run = slow
from wbexport.cli.main import main
main()
"""


def test_an_interrupted_sync_says_how_to_go_on(store: Path, start: Start, command: Command) -> None:
    process = start("-c", SLOW, *SYNC, "--store", store, "--jobs", "2")
    assert process.stdout
    assert "fetching" in process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert f"wbexport sync {DEMO_PROJECT} --store {store}" in said
    assert "Traceback" not in said
    with Store.open_reader(store) as opened:
        assert check(opened, read_data=True) == []
    assert json.loads(command(*SYNC, "--store", store, "--json").stdout)["runs"] == 60
    assert_whole(store, 60)
