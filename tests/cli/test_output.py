from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from wbexport.cli.output import choose_format, write_json, write_record, write_table
from wbexport.errors import InputError

if TYPE_CHECKING:
    from wbexport.cli.output import Format

TABLE = pa.table(
    {
        "run_id": ["a", "b\x1b[2J"],
        "acc": [0.5, None],
        "tags": pa.array([["x", "y"], []], pa.list_(pa.string())),
        "created_at": pa.array([datetime(2026, 1, 2, 3, 4, 5), None], pa.timestamp("us")),
    }
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Pipe(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def received(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()  # type: ignore[attr-defined]


def written(monkeypatch: pytest.MonkeyPatch, form: Format) -> bytes:
    pipe = Pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    write_table(TABLE, form)
    return pipe.received()


def test_a_table_escapes_hostile_names(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(TABLE, "table")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run_id", "acc", "tags", "created_at"]
    assert lines[2].split() == ["a", "0.5", "x,", "y", "2026-01-02", "03:04:05"]
    assert "\x1b" not in lines[3]


def test_csv_keeps_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    table = csv.read_csv(io.BytesIO(written(monkeypatch, "csv")))
    assert table.column("run_id").to_pylist() == ["a", "b\x1b[2J"]
    assert [json.loads(text) for text in table.column("tags").to_pylist()] == [["x", "y"], []]


def test_parquet_and_arrow_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parquet.read_table(io.BytesIO(written(monkeypatch, "parquet"))).equals(TABLE)
    stream = pa.ipc.open_stream(written(monkeypatch, "arrow"))
    assert stream.read_all().equals(TABLE)


def test_json_is_strict_and_names_what_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": float("nan"), "b": [float("inf"), -float("inf")], "t": datetime(2026, 1, 2)})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": "NaN",
        "b": ["Infinity", "-Infinity"],
        "t": "2026-01-02T00:00:00Z",
    }


def test_a_record_is_aligned_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    write_record({"runs": 3, "last step": None}, as_json=False)
    assert capsys.readouterr().out == "runs       3\nlast step\n"


def test_the_default_is_a_table_on_a_terminal_and_csv_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert choose_format(None) == "table"
    assert choose_format(None, as_json=True) == "json"
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert choose_format(None) == "csv"


def test_bytes_are_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    with pytest.raises(InputError, match="send it to a file"):
        choose_format("parquet")


def test_json_and_another_format_contradict_each_other() -> None:
    with pytest.raises(InputError, match="contradict"):
        choose_format("csv", as_json=True)
