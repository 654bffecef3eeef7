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
    from collections.abc import Iterable, Iterator, Mapping

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


def write_table(
    table: pa.Table | pa.RecordBatchReader, form: Format, *, limit: int | None = None
) -> None:
    """Writes an Arrow table, or batches as they come, to standard output.

    Args:
        table: What to write.
        form: One of the formats; CSV, Parquet and Arrow hold one batch at a time.
        limit: At most so many rows.
    """
    import pyarrow as pa

    batches = _first_rows(table.to_batches() if isinstance(table, pa.Table) else table, limit)
    if form in {"table", "json"}:
        whole = pa.Table.from_batches(batches, table.schema)
        write_json(whole.to_pylist()) if form == "json" else _print_table(whole)
    elif form == "csv":
        _write_csv(batches, table.schema)
    else:
        _write_bytes(batches, table.schema, form)


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


def _first_rows(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if limit is not None:
            batch, limit = batch.slice(0, limit), max(0, limit - batch.num_rows)
        yield batch
        if limit == 0:
            return


def _print_table(table: pa.Table) -> None:
    import pyarrow as pa

    right = [
        pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        for field in table.schema
    ]
    rows = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    print(render_table(table.column_names, rows, right=right))
    if table.num_rows != 1:
        note(f"{table.num_rows} rows")


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


def _write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    """CSV by Arrow; lists, which CSV has no word for, become JSON text."""
    import pyarrow as pa
    from pyarrow import csv

    nested = [index for index, field in enumerate(schema) if pa.types.is_nested(field.type)]
    for index in nested:
        schema = schema.set(index, pa.field(schema.field(index).name, pa.string()))
    sys.stdout.flush()
    with csv.CSVWriter(sys.stdout.buffer, schema) as writer:
        for batch in batches:
            columns = batch.columns
            for index in nested:
                columns[index] = pa.array(map(_json_text, columns[index].to_pylist()), pa.string())
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _json_text(value: object) -> str | None:
    return None if value is None else json.dumps(_plain(value), ensure_ascii=False)


def _write_bytes(batches: Iterable[pa.RecordBatch], schema: pa.Schema, form: Format) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.PythonFile(sys.stdout.buffer, mode="w")
    opened = parquet.ParquetWriter if form == "parquet" else pa.ipc.new_stream
    with opened(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    sys.stdout.buffer.flush()
