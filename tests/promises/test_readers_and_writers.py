"""Promise: readers and a sync never wait for each other, and there is one writer at a time.

Readers, the "notebook" and the syncs are processes of their own. Every answer has to come within
`SOON`, whoever else has the store open.
"""

from __future__ import annotations

import json
import select
import time
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from wbexport.api import Api
from wbexport.data import DEMO_PROJECT
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.sync.engine import sync

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.promises.conftest import Command, Start
    from wbexport.server.serve import LocalServer

SOON = 20.0
SGD, ADAM = ({"config.optimizer": name} for name in ("sgd", "adam"))

#: Readers that open the store, then answer each line of input with the runs they see.
READERS = {
    "duckdb": """
import duckdb, json, sys
def see(): return connection.sql("select count(*), sum(stored_rows) from runs").fetchall()[0]
connection = duckdb.connect(sys.argv[1], read_only=True)
""",
    "wbexport.open": """
import json, sys, wbexport
archive = wbexport.open(sys.argv[1])
def see(): return archive.sql("select count(*), sum(stored_rows) from runs").fetchall()[0]
""",
    "a read-only attach": """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute(f"attach '{sys.argv[1]}' as store (read_only)")
def see(): return connection.sql("select count(*), sum(stored_rows) from store.runs").fetchall()[0]
""",
}
ANSWER = """
for line in sys.stdin: print(json.dumps([int(number) for number in see()]), flush=True)
"""


class Reader:
    """A process that has a store open.

    Args:
        process: It.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def see(self) -> list[int]:
        """Ask what it sees; fail when it does not say so soon."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], SOON)[0], "the reader waits"
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        found: list[int] = json.loads(line)
        return found


@pytest.fixture
def api(demo: LocalServer) -> Api:
    overrides = {"base_url": demo.url}
    return Api(settings=Settings.load(api_key=demo.token, overrides=overrides, environ={}))


@pytest.fixture
def store(api: Api, tmp_path: Path) -> Path:
    """A store that holds a third of the sample project."""
    path = tmp_path / "wb.duckdb"
    assert sync(DEMO_PROJECT, path, filters=SGD, api=api).runs == 20
    return path


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, start: Start, store: Path) -> Reader:
    return Reader(start("-c", READERS[request.param] + ANSWER, store))


def seen(path: Path) -> list[int]:
    with wbexport.open(path) as archive:
        query = "select count(*), sum(stored_rows)::bigint from runs"
        return list(archive.sql(query).fetchall()[0])


def test_a_reader_keeps_its_snapshot_while_syncs_write_and_publish(
    reader: Reader, store: Path, api: Api
) -> None:
    before = reader.see()
    assert before[0] == 20
    began = time.monotonic()
    with Store.open_writer(store) as writer:
        assert sync(DEMO_PROJECT, writer, filters=ADAM, api=api).actions == {"new": 20}
        assert reader.see() == before
        assert seen(store)[0] == 40
    assert sync(DEMO_PROJECT, store, api=api).runs == 60
    assert time.monotonic() - began < SOON
    assert reader.see() == before
    assert seen(store)[0] == 60


def test_a_new_reader_opens_while_a_writer_holds_the_store(
    start: Start, store: Path, api: Api
) -> None:
    with Store.open_writer(store) as writer, writer.transaction() as cursor:
        cursor.execute("update stored.runs set notes = 'not yet'")
        for program in READERS.values():
            assert Reader(start("-c", program + ANSWER, store)).see()[0] == 20


def test_a_sync_by_command_ends_while_a_notebook_stays_open(
    reader: Reader, store: Path, command: Command
) -> None:
    before = reader.see()
    done = command("sync", DEMO_PROJECT, "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"] == 60
    assert reader.see() == before


def test_an_open_archive_sees_the_new_file_when_it_looks_again(store: Path, api: Api) -> None:
    with wbexport.open(store) as archive:
        runs = archive.runs(DEMO_PROJECT)
        assert len(runs) == 20
        sync(DEMO_PROJECT, store, filters=ADAM, api=api)
        assert (len(runs), archive.refresh()) == (20, True)
        assert (len(archive.runs(DEMO_PROJECT)), archive.refresh()) == (40, False)


#: Takes the store as a sync does, says so, and keeps it until its input ends.
HOLDER = """
import sys
from wbexport.store.database import Store
with Store.open_writer(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_sync_is_told_who_has_the_store(
    start: Start, store: Path, command: Command, tmp_path: Path
) -> None:
    program = tmp_path / "nightly.py"
    program.write_text(HOLDER)
    holder = start(program, "sync", store)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    idle = timed(command, "--help")[0]
    seconds, done = timed(command, "sync", DEMO_PROJECT, "--store", store)
    assert done.returncode == 11
    assert f"process {holder.pid} (nightly.py sync)" in done.stderr
    assert "Traceback" not in done.stderr
    assert seconds - idle < 2 + 3 * idle  # Starting Python and listing takes a while, too.
    holder.communicate("")
    assert command("sync", DEMO_PROJECT, "--store", store).returncode == 0


def timed(command: Command, *arguments: Any) -> tuple[float, subprocess.CompletedProcess[str]]:
    began = time.monotonic()
    done = command(*arguments)
    return time.monotonic() - began, done


def test_the_lock_of_a_killed_writer_is_free_at_once(
    start: Start, store: Path, api: Api, tmp_path: Path
) -> None:
    holder = start("-c", HOLDER, "sync", store)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    began = time.monotonic()
    Store.open_writer(store).close()
    assert time.monotonic() - began < 2
