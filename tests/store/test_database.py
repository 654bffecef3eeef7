"""One file that is only ever replaced, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import wbexport
from wbexport.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreMissingError,
    StoreSpaceError,
    StoreVersionError,
)
from wbexport.store.database import STORAGE_VERSION, Store
from wbexport.store.exchange import fetch_arrow, incoming
from wbexport.store.faults import store_faults
from wbexport.store.migrations import write_meta

from .samples import add_runs, log


def count_rows(store: Store) -> int:
    ((count,),) = store.cursor().execute("select count(*) from stored.history").fetchall()
    return int(count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "it's one" / "wb.duckdb"


def test_a_reader_sees_what_is_published_and_nothing_else(path: Path) -> None:
    with Store.open_writer(path) as writer, Store.open_reader(path) as reader:
        (run,) = add_runs(writer, 1)
        log(writer, run, [{"_step": 0, "loss": 1.0}])
        assert (reader.refresh(), count_rows(reader)) == (False, 0)
        assert writer.publish()
        assert count_rows(reader) == 0
        assert (reader.refresh(), count_rows(reader)) == (True, 1)


@pytest.mark.parametrize(
    "last",
    [
        "from range(10_000_000)",
        "from range(2)",
        "create temp table other as select 1",
        "select case when range > 5_000 then error('late') end from range(100_000)",
        "select no_such_column",
    ],
)
def test_a_cursor_lets_go_of_what_was_not_read_to_its_end(last: str) -> None:
    with Store.in_memory() as store:
        cursor = store.cursor()
        with suppress(duckdb.Error):
            cursor.execute(last).fetchone()
        with incoming(cursor, pa.table({"a": [1]})):
            assert cursor.execute("select a from incoming").fetchall() == [(1,)]
        with suppress(duckdb.Error):
            cursor.execute(last)
        assert fetch_arrow(cursor, "select 2 as b").to_pylist() == [{"b": 2}]


def test_publishing_twice_without_a_change_does_nothing(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 1)
        assert [writer.publish(), writer.publish()] == [True, False]
    with Store.open_writer(path) as writer:
        assert writer.publish() is False


def test_a_cursor_handed_out_before_a_refresh_keeps_its_snapshot(path: Path) -> None:
    with Store.open_writer(path) as writer, Store.open_reader(path) as reader:
        before = reader.cursor()
        add_runs(writer, 3)
        writer.publish()
        reader.refresh()
        assert before.execute("select count(*) from runs").fetchall() == [(0,)]
        assert reader.cursor().execute("select count(*) from runs").fetchall() == [(3,)]


def test_publishing_waits_for_what_is_being_read(path: Path) -> None:
    with Store.open_writer(path) as writer:
        reading = writer.cursor()
        reading.execute("begin")
        reading.execute("from stored.runs").fetchall()
        add_runs(writer, 1)
        end = threading.Timer(0.1, reading.execute, ["commit"])
        end.start()
        assert writer.publish()
        end.join()


def test_no_statement_is_left_open() -> None:
    """An open statement holds up every checkpoint; `fetch_row` reads one row and closes it."""
    package = Path(wbexport.__file__).parent
    texts = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    assert [path for path, text in texts.items() if ".fetchone(" in text] == []


def test_the_published_file_stands_alone_and_has_the_promised_version(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 2)
        writer.publish()
        assert not path.with_name("wb.duckdb.wal").exists()
        with duckdb.connect(str(path), read_only=True) as plain:
            assert plain.execute("select count(*) from runs").fetchall() == [(2,)]
            tags = plain.execute("select tags from duckdb_databases()").fetchall()
        assert STORAGE_VERSION in str(tags)


def test_unpublished_commits_survive_closing(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 2)
    with Store.open_writer(path) as writer:
        assert writer.publish()
    with Store.open_reader(path) as reader:
        assert reader.cursor().execute("select count(*) from runs").fetchall() == [(2,)]


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    with Store.open_writer(path) as writer:
        (run,) = add_runs(writer, 1)
        with pytest.raises(duckdb.ConversionException), writer.transaction() as cursor:
            cursor.execute("delete from stored.runs; select cast('x' as integer)").fetchall()
        assert writer.cursor().execute("select run_no from runs").fetchall() == [(run,)]


def test_a_missing_or_damaged_working_copy_is_made_anew(path: Path) -> None:
    working = path.with_name(".wb.duckdb.writer")
    with Store.open_writer(path) as writer:
        add_runs(writer, 2)
        writer.publish()
    for spoil in (working.unlink, lambda: working.write_bytes(b"no database")):
        spoil()
        with Store.open_writer(path) as writer:
            assert writer.cursor().execute("select count(*) from runs").fetchall() == [(2,)]


def test_a_restored_backup_wins_over_the_working_copy(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 1)
        writer.publish()
        backup = path.read_bytes()
        add_runs(writer, 5)
        writer.publish()
    path.write_bytes(backup)
    with Store.open_writer(path) as writer:
        assert writer.cursor().execute("select count(*) from runs").fetchall() == [(1,)]


def test_a_damaged_published_file_is_replaced_by_its_writer(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 4)
        writer.publish()
    path.write_bytes(b"x" * 9000)
    with pytest.raises(StoreDamagedError):
        Store.open_reader(path)
    Store.open_writer(path).close()
    with Store.open_reader(path) as reader:
        assert reader.cursor().execute("select count(*) from runs").fetchall() == [(4,)]


def test_writing_in_place_takes_over_the_working_copy_and_back(path: Path) -> None:
    with Store.open_writer(path) as writer:
        add_runs(writer, 1)
    with Store.open_writer(path, in_place=True) as writer:
        assert not path.with_name(".wb.duckdb.writer").exists()
        add_runs(writer, 2)
        writer.publish()
    with Store.open_writer(path) as writer:
        assert writer.cursor().execute("select count(*) from runs").fetchall() == [(2,)]


def test_a_published_file_keeps_its_permissions_and_may_be_a_link(path: Path) -> None:
    Store.open_writer(path).close()
    path.chmod(0o600)
    link = path.with_name("link.duckdb")
    link.symlink_to(path)
    with Store.open_writer(link) as writer:
        add_runs(writer, 1)
        writer.publish()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_reader_cannot_leave_its_file(path: Path) -> None:
    Store.open_writer(path).close()
    with Store.open_reader(path) as reader:
        for statement in (
            "from read_csv('/etc/passwd')",
            "copy (select 1) to '/tmp/out.csv'",
            "attach '/tmp/other.duckdb'",
            "set enable_external_access = true",
            "delete from stored.runs",
        ):
            with pytest.raises(duckdb.Error):
                reader.cursor().execute(statement)
        with pytest.raises(StoreError, match="open_writer"), reader.transaction():
            pass


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_of_another_kind_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for opening in (Store.open_reader, Store.open_writer):
        with pytest.raises(StoreDamagedError, match="not a wbexport store"):
            opening(path)
    assert path.read_bytes() == content


def test_a_duckdb_file_of_something_else_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    with duckdb.connect(str(path)) as other:
        other.execute("create table runs as select 1 as mine")
    content = path.read_bytes()
    for opening in (Store.open_reader, Store.open_writer):
        with pytest.raises(StoreDamagedError, match="not a wbexport store"):
            opening(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    Store.open_writer(path).close()
    Store.open_reader(path).close()


def test_a_newer_format_is_refused(path: Path) -> None:
    with Store.open_writer(path) as writer:
        with writer.transaction() as cursor:
            write_meta(cursor, "format", "99")
        writer.publish()
    for opening in (Store.open_reader, Store.open_writer):
        with pytest.raises(StoreVersionError, match="update wbexport"):
            opening(path)


def test_a_missing_store_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(StoreMissingError, match="sync"):
        Store.open_reader(path)
    assert not path.parent.exists()


def test_a_name_that_duckdb_could_not_tell_from_the_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another name"):
        Store.open_writer(tmp_path / "Stored.duckdb")


def test_a_second_writer_learns_who_holds_the_store(path: Path) -> None:
    with Store.open_writer(path), pytest.raises(StoreBusyError) as caught:
        Store.open_writer(path, wait=0.1)
    assert caught.value.pid == os.getpid()
    assert str(os.getpid()) in str(caught.value)


def test_a_store_does_not_work_after_a_fork(path: Path) -> None:
    with Store.open_writer(path) as writer:
        child = os.fork()
        if child == 0:
            try:
                writer.cursor()
            except StoreError as error:
                os._exit(0 if "fork" in str(error) else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_a_closed_store_says_so(path: Path) -> None:
    store = Store.open_writer(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.cursor()


def test_a_transaction_inside_another_is_an_error_instead_of_a_deadlock(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError, match="already"), store.transaction():
        pass


def test_threads_write_one_after_another(store: Store) -> None:
    runs = add_runs(store, 8)
    threads = [
        threading.Thread(target=log, args=(store, run, [{"_step": n, "x": n} for n in range(50)]))
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_rows(store) == 8 * 50


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreSpaceError),
        (errno.EDQUOT, StoreSpaceError),
        (errno.EROFS, StoreSpaceError),
        (errno.EACCES, StoreError),
        (errno.EIO, StoreError),
    ],
)
def test_faults_of_the_file_system_are_named(number: int, kind: type[StoreError]) -> None:
    with pytest.raises(kind, match=r"wb\.duckdb") as caught, store_faults(Path("wb.duckdb")):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind


_FILL = """
import resource, sys
import pyarrow as pa
from wbexport.errors import StoreSpaceError
from wbexport.store.database import Store
from wbexport.arrow.schema import LONG
from wbexport.store.writer import write_history
from tests.store.samples import add_runs

path, limit = sys.argv[1], int(sys.argv[2])
store = Store.open_writer(path)
runs = add_runs(store, 50)
store.publish()
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
import random
acknowledged = published = 0
try:
    for place, run in enumerate(runs, start=1):
        values = [random.random() for _ in range(40_000)]
        table = pa.table(
            [["k"] * 40_000, range(40_000), values, pa.nulls(40_000, pa.string())], schema=LONG
        )
        with store.transaction() as cursor:
            write_history(cursor, [(run, table, "append")])
        acknowledged = place
        if store.publish():
            published = place
except StoreSpaceError as error:
    assert "free some space" in str(error), error
    print(acknowledged, published)
"""


@pytest.mark.parametrize("megabytes", [2, 4, 7])
def test_a_full_disk_is_an_error_that_loses_nothing(path: Path, megabytes: int) -> None:
    """A limit on the size of files stands in for the disk: DuckDB's writes fail the same way."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(path), str(megabytes << 20)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    acknowledged, published = map(int, done.stdout.split())
    with Store.open_reader(path) as reader:
        assert count_rows(reader) == published * 40_000
    with Store.open_writer(path) as writer:
        assert count_rows(writer) == acknowledged * 40_000


def _kept(store: Store) -> int:
    """Bytes of a file that DuckDB keeps."""
    ((kept,),) = (
        store.cursor()
        .execute("select sum(memory_usage_bytes) from duckdb_memory() where tag = 'BASE_TABLE'")
        .fetchall()
    )
    return int(kept)


def test_released_memory_is_given_back_and_nothing_is_lost(path: Path) -> None:
    make = "create table stored.large as select hash(range) as n from range(2_000_000)"
    check = "select bit_xor(n) from stored.large"
    with Store.open_writer(path) as store:
        with store.transaction() as cursor:
            cursor.execute(make)
        found = store.cursor().execute(check).fetchall()
        before = _kept(store)
        store.release_memory()
        assert _kept(store) < before / 2
        assert store.cursor().execute(check).fetchall() == found
        limit = store.cursor().execute("select current_setting('memory_limit')").fetchall()
        assert limit == [("122.0 MiB",)]


def test_a_store_in_memory_releases_nothing() -> None:
    with Store.in_memory() as store:
        before = store.cursor().execute("select current_setting('memory_limit')").fetchall()
        store.release_memory()
        assert store.cursor().execute("select current_setting('memory_limit')").fetchall() == before
