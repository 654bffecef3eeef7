"""What commands print: tables for people, and five formats for programs."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from wbexport.cli.terminal import printable, render_table
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = ["Format", "choose_format", "note", "write_json", "write_record", "write_table"]

Format = Literal["table", "csv", "json", "parquet", "arrow"]


def choose_format(asked: Format | None, *, as_json: bool = False) -> Format:
    """Settles the format of a table: as asked, else a table on a terminal and CSV in a pipe.

    Args:
        asked: Value of `--format`.
        as_json: Whether `--json` was given.

    Raises:
        InputError: `--json` contradicts `--format`, or bytes would go to a terminal.
    """
    if as_json and asked not in {None, "json"}:
        raise InputError(f"--json and --format {asked} contradict each other; give one of them")
    if asked in {"parquet", "arrow"} and sys.stdout.isatty():
        raise InputError(f"--format {asked} writes bytes; send it to a file with > or to a pipe")
    default: Format = "table" if sys.stdout.isatty() else "csv"
    return asked or ("json" if as_json else default)


def write_table(table: pa.Table, form: Format) -> None:
    """Writes an Arrow table to standard output.

    Args:
        table: What to write.
        form: One of the formats.
    """
    if form == "table":
        print(_as_text(table))
        if table.num_rows != 1:
            note(f"{table.num_rows} rows")
    elif form == "json":
        write_json(table.to_pylist())
    elif form == "csv":
        _write_csv(table)
    else:
        _write_bytes(table, form)


def write_record(record: Mapping[str, object], *, as_json: bool) -> None:
    """Writes one set of named facts: aligned lines for people, one object for programs.

    Args:
        record: Names and values.
        as_json: Whether to write JSON.
    """
    if as_json:
        write_json(record)
        return
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        print(f"{name:<{width}}  {printable(_cell(value))}".rstrip())


def write_json(value: object) -> None:
    """Writes JSON that any parser takes: NaN and infinities become strings, as on W&B's wire.

    Args:
        value: Dicts, lists and scalars; times become ISO text in UTC.
    """
    print(json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False))


def note(text: str) -> None:
    """Writes a line for people to standard error, unless it is not a terminal."""
    if sys.stderr.isatty():
        print(printable(text), file=sys.stderr)


def _as_text(table: pa.Table) -> str:
    import pyarrow as pa

    right = [
        pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        for field in table.schema
    ]
    rows = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    return render_table(table.column_names, rows, right=right)


def _cell(value: object) -> str:
    """Text of one value: six digits of a float, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _write_csv(table: pa.Table) -> None:
    """CSV by Arrow; lists, which CSV has no word for, become JSON text."""
    import pyarrow as pa
    from pyarrow import csv

    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(_plain(value), ensure_ascii=False)
                for value in table.column(index).to_pylist()
            ]
            table = table.set_column(index, field.name, pa.array(texts, pa.string()))
    sys.stdout.flush()
    csv.write_csv(table, sys.stdout.buffer)


def _write_bytes(table: pa.Table, form: Format) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.PythonFile(sys.stdout.buffer, mode="w")
    if form == "parquet":
        parquet.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    sys.stdout.buffer.flush()
