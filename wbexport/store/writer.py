"""Writes projects, runs, histories, files and console lines, inside a `Store.transaction`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.key_statistics import KEY_STATISTICS, key_statistics
from wbexport.arrow.promote import key_runs
from wbexport.arrow.schema import RUNS
from wbexport.errors import InputError
from wbexport.store.exchange import incoming
from wbexport.store.statistics import update_history_keys, update_run_keys, update_stored_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

__all__ = [
    "PART_ROWS",
    "Mode",
    "ProjectRow",
    "Stream",
    "delete_runs",
    "upsert_project",
    "upsert_runs",
    "with_legal_json",
    "write_console",
    "write_files",
    "write_history",
]

#: How new values join those stored: after them, by step, or instead of all of them.
Mode = Literal["append", "replace"]
Stream = Literal["history", "system"]

#: So many rows are inserted at once: a whole row group of DuckDB for each of two threads.
PART_ROWS = 2 * 122_880

_OF_RUNS = ("history", "system", "run_keys", "files", "console_lines", "run_artifacts", "runs")
_JSON = {"config", "wandb_config", "summary", "system_metrics", "history_keys"}
_LEDGER = {
    "generation",
    "status",
    "streams",
    "fingerprint",
    "synced_at",
    "sync_no",
    "missing_since",
}
# Half of a surrogate pair without the other is legal in JSON text, and refused by DuckDB's JSON
# type. Whole pairs and other escapes are matched too, so that a search steps over them.
_ESCAPE = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(?P<lone>\\u[dD][89a-fA-F]\w\w)|\\.")


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """What a server says of a project.

    Args:
        origin: The server, as `scheme://host[:port]`.
        storage_id: The project's identity there, whatever it is called.
        entity: Its owner.
        project: Its name.
        internal_id: A second identity that some servers give.
        description: What its page says.
        access: Who may see it.
        created_at: When it was made, in UTC.
        attributes: Anything else, as a JSON object.
    """

    origin: str
    storage_id: str
    entity: str
    project: str
    internal_id: str | None = None
    description: str | None = None
    access: str | None = None
    created_at: datetime | None = None
    attributes: str | None = None


def upsert_project(cursor: duckdb.DuckDBPyConnection, row: ProjectRow) -> int:
    """Write a project, over the one with the same origin and storage id if there is one."""
    ((known, fresh),) = cursor.execute(
        """
        select
            max(project_no) filter (where origin = $origin and storage_id = $storage_id),
            coalesce(max(project_no), 0) + 1
        from stored.projects
        """,
        {"origin": row.origin, "storage_id": row.storage_id},
    ).fetchall()
    number = int(known or fresh)
    values = {"project_no": number, **asdict(row)}
    if known:
        changes = ", ".join(f"{name} = ${name}" for name in values)
        cursor.execute(
            f"update stored.projects set {changes} where project_no = $project_no", values
        )
    else:
        names = ", ".join(values)
        places = ", ".join(f"${name}" for name in values)
        cursor.execute(f"insert into stored.projects ({names}) values ({places})", values)
    return number


def upsert_runs(
    cursor: duckdb.DuckDBPyConnection, project_no: int, runs: pa.Table
) -> dict[str, int]:
    """Write run headers, over those with the same storage id if there are any.

    A column that the table does not have keeps its stored value. New runs start with status
    `header` unless the table says otherwise.

    Args:
        cursor: The cursor of a transaction.
        project_no: The project, from `upsert_project`.
        runs: Columns of `RUNS`, at least `storage_id`, and any of `status`, `fingerprint`,
            `generation`, `sync_no`, `synced_at` and `missing_since`; one row per run.

    Returns:
        Storage id to run number, in the order of the table.

    Raises:
        InputError: A column is none of these.
    """
    if unknown := set(runs.column_names) - set(RUNS.names) - _LEDGER:
        raise InputError(f"runs have no column {sorted(unknown)[0]!r}")
    runs = with_legal_json(runs, _JSON)
    storage_ids = runs["storage_id"].to_pylist()
    known, last = _numbers_of(cursor, project_no, storage_ids)
    if known:
        with incoming(cursor, runs):
            _update_runs(cursor, project_no, runs.column_names)
    fresh = [storage_id for storage_id in storage_ids if storage_id not in known]
    if fresh:
        new = runs.filter(pa.array([storage_id not in known for storage_id in storage_ids]))
        numbers = pa.array(range(last + 1, last + 1 + len(fresh)), pa.int32())
        with incoming(cursor, new.append_column("run_no", numbers)):
            _insert_runs(cursor, project_no, runs.column_names)
        known |= dict(zip(fresh, numbers.to_pylist(), strict=True))
    return {storage_id: known[storage_id] for storage_id in storage_ids}


def _update_runs(
    cursor: duckdb.DuckDBPyConnection, project_no: int, columns: Collection[str]
) -> None:
    """Write those of `incoming` that are stored."""
    changes = ", ".join(f"{name} = incoming.{name}" for name in columns if name != "storage_id")
    if changes:
        cursor.execute(
            f"""
            update stored.runs
            set {changes}
            from incoming
            where runs.project_no = ? and runs.storage_id = incoming.storage_id
            """,
            [project_no],
        )


def _insert_runs(
    cursor: duckdb.DuckDBPyConnection, project_no: int, columns: Collection[str]
) -> None:
    """Write all of `incoming`, which are new and have their numbers."""
    defaults = {"generation": "1", "status": "'header'"}
    given = ", ".join(f"{text} as {name}" for name, text in defaults.items() if name not in columns)
    cursor.execute(
        f"""
        insert into stored.runs by name
        select
            cast(? as integer) as project_no,
            0 as stored_rows,
            {given + "," if given else ""}
            incoming.*
        from incoming
        """,
        [project_no],
    )


def _numbers_of(
    cursor: duckdb.DuckDBPyConnection, project_no: int, storage_ids: Sequence[str]
) -> tuple[dict[str, int], int]:
    """Numbers of those runs that are stored, and the highest number of any run."""
    found = cursor.execute(
        """
        select storage_id, run_no
        from stored.runs
        where project_no = $project_no
            and storage_id in (select unnest($storage_ids::varchar[]))
        union all
        select null, max(run_no)
        from stored.runs
        """,
        {"project_no": project_no, "storage_ids": storage_ids},
    ).fetchall()
    numbers = dict(found)
    return numbers, numbers.pop(None) or 0


def write_history(
    cursor: duckdb.DuckDBPyConnection,
    pieces: Iterable[tuple[int, pa.Table, Mode]],
    *,
    stream: Stream = "history",
    on_part: Callable[[], object] | None = None,
) -> None:
    """Write logged values of many runs, with all that the store keeps about them.

    About 50 runs or a million values in a call are several times as fast as one run a call.

    Args:
        cursor: The cursor of a transaction.
        pieces: Run number, a `LONG` table, and how it joins what is stored: `replace` drops all
            of it, `append` only the rows of steps that the table has too.
        stream: `history`, or `system` for the machine's metrics.
        on_part: Called after each part that is inserted, of one or two `PART_ROWS` values.

    Example:
        ```python
        write_history(cursor, [(7, long_table, "append")])
        ```
    """
    wave: dict[int, tuple[pa.Table, Mode]] = {}
    for run_no, values, mode in pieces:
        if run_no in wave:
            _write_wave(cursor, wave, stream, on_part)
            wave = {}
        wave[run_no] = values, mode
    if wave:
        _write_wave(cursor, wave, stream, on_part)


def delete_runs(cursor: duckdb.DuckDBPyConnection, run_nos: Sequence[int]) -> None:
    """Forget runs and everything stored of them; blobs stay until nobody names them."""
    for table in _OF_RUNS:
        _delete(cursor, f"stored.{table}", run_nos)


def write_files(
    cursor: duckdb.DuckDBPyConnection, files: pa.Table, *, complete: bool = False
) -> None:
    """Write what is known of run files; a stored blob stays with a file of unchanged MD5.

    Args:
        cursor: The cursor of a transaction.
        files: `run_no`, `name` and any other columns of `stored.files`; one row per file.
        complete: The table lists every file of each of its runs; others are forgotten.
    """
    known = {"storage_id", "size", "md5", "mimetype", "updated_at", "uploaded", "blob"}
    columns = [name for name in files.column_names if name in known]
    with incoming(cursor, files):
        cursor.execute(
            f"""
            create or replace temp table joined as
            select
                i.run_no,
                i.name,
                {"".join(f"i.{name}, " for name in columns if name not in {"blob", "uploaded"})}
                {"i.uploaded" if "uploaded" in columns else "true"} as uploaded,
                coalesce(
                    {"i.blob" if "blob" in columns else "null"},
                    {"case when f.md5 = i.md5 then f.blob end" if "md5" in columns else "f.blob"}
                ) as blob
            from incoming i
            left join stored.files f on f.run_no = i.run_no and f.name = i.name
            """
        )
    others = "" if complete else "and files.name = joined.name"
    cursor.execute(
        f"delete from stored.files using joined where files.run_no = joined.run_no {others}"
    )
    cursor.execute("insert into stored.files by name from joined order by run_no, name")
    cursor.execute("drop table joined")


def write_console(
    cursor: duckdb.DuckDBPyConnection, run_no: int, lines: pa.Table, *, mode: Mode = "append"
) -> None:
    """Write console lines of one run.

    Args:
        cursor: The cursor of a transaction.
        run_no: The run.
        lines: `number`, `logged_at`, `level` and `line`; one row per line.
        mode: `replace` drops all stored lines, `append` only those of the same numbers.
    """
    with incoming(cursor, lines):
        numbers = "" if mode == "replace" else "and number in (select number from incoming)"
        cursor.execute(f"delete from stored.console_lines where run_no = ? {numbers}", [run_no])
        cursor.execute(
            """
            insert into stored.console_lines by name
            select
                cast(? as integer) as run_no,
                *
            from incoming
            """,
            [run_no],
        )


def _write_wave(
    cursor: duckdb.DuckDBPyConnection,
    wave: dict[int, tuple[pa.Table, Mode]],
    stream: Stream,
    on_part: Callable[[], object] | None,
) -> None:
    table = f"stored.{stream}"
    replaced = [run_no for run_no, (_, mode) in wave.items() if mode == "replace"]
    filled = {run_no: values for run_no, (values, _) in wave.items() if values.num_rows}
    last = _last_steps(cursor, [run_no for run_no in filled if run_no not in replaced], stream)
    mixed = [run_no for run_no, step in last.items() if _first_step(filled[run_no]) <= step]
    grown = [run_no for run_no in last if run_no not in mixed]
    fresh = [run_no for run_no in filled if run_no not in last]
    _delete(cursor, table, replaced)
    numbered = _numbered(cursor, filled, stream)
    if mixed:
        with incoming(cursor, numbered):
            cursor.execute(
                f"""
                delete from {table}
                where run_no in (select unnest(?::integer[]))
                    and (run_no, step) in (select run_no, step from incoming)
                """,
                [mixed],
            )
    counted = [KEY_STATISTICS.empty_table()]
    for part in _parts(numbered):
        with incoming(cursor, part):
            cursor.execute(f"insert into {table} by name from incoming")
        if on_part is not None:
            on_part()
        counted.append(key_statistics(part))
    added = pa.concat_tables(counted)
    added = added.filter(pc.is_in(added["run_no"], pa.array([*fresh, *grown], pa.int32())))
    update_run_keys(cursor, stream, added, fresh=[*replaced, *fresh], grown=grown, mixed=mixed)
    if stream == "history":
        _forget_rows(cursor, replaced)
        update_stored_rows(
            cursor,
            fresh={run_no: filled[run_no] for run_no in fresh},
            grown={run_no: filled[run_no] for run_no in grown},
            mixed=mixed,
        )
        update_history_keys(cursor, list(wave))


def _forget_rows(cursor: duckdb.DuckDBPyConnection, run_nos: Sequence[int]) -> None:
    if run_nos:
        cursor.execute(
            """
            update stored.runs
            set stored_rows = 0, stored_last_step = null
            where run_no in (select unnest(?::integer[]))
            """,
            [run_nos],
        )


def _last_steps(
    cursor: duckdb.DuckDBPyConnection, run_nos: Sequence[int], stream: Stream
) -> dict[int, int]:
    """Last stored step of those runs that have any values."""
    found = cursor.execute(
        """
        select s.run_no, max(s.last_step)
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = $stream
        where s.run_no in (select unnest($run_nos::integer[]))
        group by s.run_no
        """,
        {"stream": stream, "run_nos": run_nos},
    ).fetchall()
    return dict(found)


def _first_step(values: pa.Table) -> int:
    first: int = pc.min(values["step"]).as_py()
    return first


def _delete(cursor: duckdb.DuckDBPyConnection, table: str, run_nos: Sequence[int]) -> None:
    if run_nos:
        cursor.execute(
            f"delete from {table} where run_no in (select unnest(?::integer[]))", [run_nos]
        )


def _numbered(
    cursor: duckdb.DuckDBPyConnection, values: Mapping[int, pa.Table], stream: Stream
) -> pa.Table:
    """All values of a wave, with runs and keys as numbers."""
    stretches = [key_runs(table) for table in values.values()]
    names = [key for each in stretches for key, _, _ in each]
    numbers = _key_numbers(cursor, list(dict.fromkeys(names)), stream)
    lengths = [stop - start for each in stretches for _, start, stop in each]
    columns = {
        name: pa.chunked_array(
            [chunk for table in values.values() for chunk in table[name].chunks], kind
        )
        for name, kind in (("step", pa.int64()), ("value", pa.float64()), ("text", pa.string()))
    }
    sizes = [len(table) for table in values.values()]
    columns["run_no"] = pa.array(np.repeat(np.array([*values], np.int32), sizes))
    columns["key_no"] = pa.array(
        np.repeat(np.array([numbers[name] for name in names], np.int32), lengths)
    )
    return pa.table(columns)


def _parts(values: pa.Table) -> Iterator[pa.Table]:
    """Tables of one chunk and whole row groups, the last one with the rest.

    From small chunks DuckDB inserts on one thread, and less than a row group at a time stays one.
    """
    last = max(0, values.num_rows // PART_ROWS - 1) * PART_ROWS
    for start in range(0, last, PART_ROWS):
        yield values.slice(start, PART_ROWS).combine_chunks()
    if values.num_rows:
        yield values.slice(last).combine_chunks()


def _key_numbers(
    cursor: duckdb.DuckDBPyConnection, keys: Sequence[str], stream: Stream
) -> dict[str, int]:
    """Numbers of keys, given now to those that have none."""
    numbers = _known_keys(cursor, keys, stream)
    if new := [key for key in keys if key not in numbers]:
        cursor.execute(
            """
            insert into stored.keys
            select
                (select coalesce(max(key_no), 0) from stored.keys) + place,
                key,
                $stream
            from (
                select
                    unnest($new::varchar[]) as key,
                    generate_subscripts($new::varchar[], 1) as place
            )
            """,
            {"stream": stream, "new": new},
        )
        numbers |= _known_keys(cursor, new, stream)
    return numbers


def _known_keys(
    cursor: duckdb.DuckDBPyConnection, keys: Sequence[str], stream: Stream
) -> dict[str, int]:
    found = cursor.execute(
        """
        select key, key_no
        from stored.keys
        where stream = $stream and key in (select unnest($keys::varchar[]))
        """,
        {"stream": stream, "keys": keys},
    ).fetchall()
    return dict(found)


def with_legal_json(table: pa.Table, columns: Collection[str]) -> pa.Table:
    """Return the table with U+FFFD in place of what is no Unicode text in columns of JSON."""
    for name in set(columns).intersection(table.column_names):
        texts = table[name].to_pylist()
        if any(text is not None and "\\ud" in text.lower() for text in texts):
            legal = [text and _ESCAPE.sub(_legal_escape, text) for text in texts]
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(legal, pa.string()))
    return table


def _legal_escape(found: re.Match[str]) -> str:
    return "\\ufffd" if found["lone"] else found[0]
