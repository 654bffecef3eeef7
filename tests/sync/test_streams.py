"""Machine metrics, console lines and files, brought over on request and only when they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from wbexport.arrow.convert import rows_to_long
from wbexport.store.reader import read_long
from wbexport.store.writer import write_console, write_files, write_history

if TYPE_CHECKING:
    from .conftest import World

ALL = ("history", "system", "files", "console")


def add_system(world: World, run: str, count: int) -> None:
    rows = [{"system.cpu": number / 4 + 0.1, "_wandb": True} for number in range(count)]
    with world.truth.store.transaction() as cursor:
        number = world.truth._number(cursor, run)
        table = rows_to_long(rows, step_key=None)
        write_history(cursor, [(number, table, "replace")], stream="system")
    world.truth.edit(run, events_line_count=count)


def add_lines(world: World, run: str, lines: list[str]) -> None:
    table = pa.table({"number": range(len(lines)), "line": lines})
    with world.truth.store.transaction() as cursor:
        write_console(cursor, world.truth._number(cursor, run), table, mode="replace")
    world.truth.edit(run, log_line_count=len(lines))


def add_file(world: World, run: str, name: str, content: bytes) -> None:
    blob = world.truth.store.blobs.add(content)
    with world.truth.store.transaction() as cursor:
        columns = {"name": name, "size": blob.size, "md5": blob.md5, "blob": blob.sha256}
        number = world.truth._number(cursor, run)
        write_files(cursor, pa.Table.from_pylist([{"run_no": number, "uploaded": True, **columns}]))
    world.truth.log(run, [])


def files_of(world: World) -> dict[str, bytes]:
    rows = world.archive.cursor().execute("select name, blob from stored.files").fetchall()
    return {name: world.archive.blobs.path(blob).read_bytes() for name, blob in rows}


def lines_of(world: World) -> list[str]:
    query = "select line from stored.console_lines order by number"
    return [line for (line,) in world.archive.cursor().execute(query).fetchall()]


@pytest.fixture
def run(world: World) -> str:
    run = world.truth.new(world.truth.rows(5))
    add_system(world, run, 30)
    add_lines(world, run, ["epoch 1", "", "épöch 2"])
    add_file(world, run, "config.yaml", b"lr: 0.1\n")
    add_file(world, run, "media/../odd name", b"\x00\xff")
    return run


def test_every_stream_is_brought_over_as_it_is(world: World, run: str):
    assert world.sync(include=ALL).status == "ok"
    world.assert_equal()
    tables = [
        read_long(store.cursor(), [1], stream="system")
        for store in (world.archive, world.truth.store)
    ]
    assert tables[0].num_rows == 60
    assert tables[0].equals(tables[1])
    assert lines_of(world) == ["epoch 1", "", "épöch 2"]
    assert files_of(world) == {"config.yaml": b"lr: 0.1\n", "media/../odd name": b"\x00\xff"}


def test_streams_that_did_not_change_are_not_fetched_again(world: World, run: str):
    world.sync(include=ALL)
    assert world.sync(include=ALL).changed is False
    assert world.wire.requests == ["RunHeaders"]


def test_each_stream_is_fetched_again_when_it_changed(world: World, run: str):
    world.sync(include=ALL)
    add_lines(world, run, ["epoch 1", "epoch 2", "epoch 3", ""])
    assert world.sync(include=ALL).actions == {"edited": 1}
    assert set(world.wire.requests) == {"RunHeaders", "RunConsoleLines"}
    assert lines_of(world) == ["epoch 1", "epoch 2", "epoch 3", ""]
    add_system(world, run, 31)
    world.sync(include=ALL)
    assert set(world.wire.requests) == {"RunHeaders", "RunEvents"}


def test_only_changed_files_are_downloaded_again(world: World, run: str):
    world.sync(include=ALL)
    add_file(world, run, "config.yaml", b"lr: 0.2\n")
    world.sync(include=ALL)
    assert world.wire.requests.count("storage") == 1
    assert files_of(world)["config.yaml"] == b"lr: 0.2\n"


def test_a_stream_asked_for_later_is_added_to_a_complete_run(world: World, run: str):
    world.sync()
    report = world.sync(include=["history", "console"])
    assert report.actions == {"edited": 1}
    assert "RunHistorySource" not in world.wire.requests
    assert len(lines_of(world)) == 3


def test_a_file_that_cannot_be_had_costs_neither_the_history_nor_the_other_runs(
    world: World, run: str
):
    world.truth.new(world.truth.rows(2))
    with world.truth.store.transaction() as cursor:
        cursor.execute("update stored.files set blob = repeat('0', 64) where name = 'config.yaml'")
    report = world.sync(include=["history", "files"])
    assert list(report.failures) == ["e/p/r0001"]
    assert set(world.statuses().values()) == {"complete"}
    world.assert_equal()
    assert world.sync(include=["history", "files"]).actions["edited"] == 1


def test_files_that_are_all_gone_are_forgotten(world: World, run: str):
    world.sync(include=ALL)
    with world.truth.store.transaction() as cursor:
        cursor.execute("delete from stored.files")
    world.truth.log(run, [])
    world.sync(include=ALL)
    assert files_of(world) == {}
