"""Finding the SQL files."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbexport.sqlfiles import list_sql, read_sql

SQL = Path(__file__).parents[1] / "sql"


@pytest.mark.parametrize("folder", ["schema", "views", "queries"])
def test_every_sql_file_of_the_checkout_is_listed_and_read(folder: str) -> None:
    expected = {f"{folder}/{path.name}": path.read_text() for path in (SQL / folder).glob("*.sql")}
    assert {name: read_sql(name) for name in list_sql(folder)} == expected
    assert list_sql(folder) == sorted(expected)


def test_a_folder_that_is_not_there_has_no_files() -> None:
    assert list_sql("nothing") == []


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        read_sql("schema/none.sql")
