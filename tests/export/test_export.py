"""Loads: complete, exact, and whole or not there at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from tests.sync.truth import Truth
from wbexport.errors import InputError, NotFoundError, StoreDamagedError, StoreError
from wbexport.export import tables as export_tables
from wbexport.export.csv import export_csv
from wbexport.export.manifest import read_manifest, staged
from wbexport.export.parquet import export_parquet
from wbexport.export.tables import TABLES
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

HISTORY = """
select r.run_id, k.key, h.step, h.value, h.text
from stored.history h
join stored.runs r on r.run_no = h.run_no
join stored.keys k on k.key_no = h.key_no
"""


@pytest.fixture
def filled(store: Store) -> Store:
    for name in ("p", "q/..", ".."):
        truth = Truth(store, name)
        truth.new_many([truth.rows(20), [{"_step": 0, "text": "", "d": {"a": [1, None]}}]])
    return store


def read_back(folder: Path, table: str) -> pl.DataFrame:
    """All files of a table, as an engine would find them."""
    files = sorted(folder.glob(f"{table}/*/*/*"))
    assert all(file.resolve().is_relative_to(folder.resolve()) for file in files)
    read: Any = pq.read_table if files[0].suffix == ".parquet" else pacsv.read_csv
    options = {"partitioning": None} if files[0].suffix == ".parquet" else {}
    return pl.concat([pl.DataFrame(read(file, **options)) for file in files])


def test_a_parquet_load_holds_every_value_as_it_is_stored(filled: Store, tmp_path: Path):
    manifest = export_parquet(filled, tmp_path / "load")
    stored = filled.cursor().sql(HISTORY).pl()
    columns = ["run_id", "key", "step", "value", "text"]
    loaded = read_back(tmp_path / "load", "history").select(columns)
    assert sorted(map(repr, loaded.rows())) == sorted(map(repr, stored.rows()))
    assert manifest.tables["history"].rows == len(stored)


def test_a_manifest_names_every_file_with_its_rows(filled: Store, tmp_path: Path):
    manifest = export_parquet(filled, tmp_path / "load")
    assert read_manifest(tmp_path / "load") == manifest
    assert set(manifest.tables) == set(TABLES)
    assert manifest.projects == ("e/..", "e/p", "e/q/..")
    listed = {
        path: rows for table in manifest.tables.values() for path, rows in table.files.items()
    }
    found = (tmp_path / "load").rglob("*.parquet")
    assert listed == {
        str(file.relative_to(tmp_path / "load")): pq.read_metadata(file).num_rows for file in found
    }


def test_a_csv_load_keeps_an_empty_text_and_a_missing_one_apart(filled: Store, tmp_path: Path):
    export_csv(filled, tmp_path / "load", tables=["history"], projects=["e/p"])
    lines = next((tmp_path / "load").rglob("*.csv")).read_text().splitlines()
    assert lines[0] == '"run_id","key","step","value","text"'
    assert sum(line.endswith(',,""""""') for line in lines) == 1
    assert sum(line.endswith(",") for line in lines) == len(lines) - 3


def test_a_large_table_is_cut_into_files(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(export_tables, "ROWS_PER_FILE", 10)
    monkeypatch.setattr(export_tables, "_BATCH_ROWS", 5)
    manifest = export_parquet(filled, tmp_path / "load", tables=["history"])
    entry = manifest.tables["history"]
    assert len(entry.files) > 3
    assert sum(entry.files.values()) == entry.rows == len(filled.cursor().sql(HISTORY).pl())


def test_a_second_load_takes_the_place_of_the_first(filled: Store, tmp_path: Path):
    export_parquet(filled, tmp_path / "load")
    manifest = export_csv(filled, tmp_path / "load", tables=["runs"])
    assert read_manifest(tmp_path / "load") == manifest
    assert not list((tmp_path / "load").rglob("*.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["load"]


def test_a_load_that_fails_leaves_the_one_before(filled: Store, tmp_path: Path):
    before = export_parquet(filled, tmp_path / "load", tables=["runs"])

    def fail() -> None:
        with staged(tmp_path / "load") as folder:
            (folder / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert read_manifest(tmp_path / "load") == before
    assert [path.name for path in tmp_path.iterdir()] == ["load"]


@pytest.mark.parametrize("content", [None, "{}", "[]", json.dumps({"wbexport_load": 99})])
def test_what_is_no_load_is_never_replaced(filled: Store, tmp_path: Path, content: str | None):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    if content is not None:
        (mine / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match="choose another folder"):
        export_parquet(filled, mine)
    assert (mine / "thesis.tex").read_text() == "years of work"


def test_unknown_tables_and_projects_are_named(filled: Store, tmp_path: Path):
    with pytest.raises(InputError, match="histroy"):
        export_parquet(filled, tmp_path / "load", tables=["histroy"])
    with pytest.raises(NotFoundError, match="e/x"):
        export_parquet(filled, tmp_path / "load", projects=["e/x"])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_named_and_the_older_load_stays(tmp_path: Path):
    path, load = tmp_path / "wb.duckdb", tmp_path / "load"
    with Store.open_writer(path) as store:
        truth = Truth(store)
        truth.new_many([truth.rows(3000) for _ in range(5)])
        store.publish()
        before = export_parquet(store, load)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 5, len(content) * 4 // 5, 10_000):
        content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError), Store.open_reader(path) as store:
        export_parquet(store, load)
    assert read_manifest(load) == before
