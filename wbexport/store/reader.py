"""Reads projects, runs, keys and histories out of a store, as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from wbexport.arrow.schema import RUNS, STORED_LONG
from wbexport.errors import QueryError
from wbexport.query import to_sql
from wbexport.query.expressions import Always
from wbexport.query.fields import check_text
from wbexport.query.order import parse_order
from wbexport.store.exchange import fetch_arrow, fetch_record
from wbexport.store.histories import (
    ROW,
    Key,
    LongQuery,
    among_runs,
    cut_query,
    fetch_long,
    resolve_keys,
)
from wbexport.store.known import Known

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import duckdb

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey

__all__ = [
    "LEDGER",
    "count_runs",
    "iter_long",
    "read_keys",
    "read_kinds",
    "read_long",
    "read_project",
    "read_project_names",
    "read_projects",
    "read_run",
    "read_runs",
    "read_span",
    "run_numbers",
]

#: What `read_runs` can give besides the columns of `RUNS`.
LEDGER = (
    "run_no",
    "project_no",
    "entity",
    "project",
    "status",
    "streams",
    "generation",
    "fingerprint",
    "stored_rows",
    "stored_last_step",
    "synced_at",
    "missing_since",
)

_SELECT = {name: f"r.{name}" for name in (*RUNS.names, *LEDGER)} | {
    name: f"cast(r.{name} as varchar) as {name}"
    for name in ("config", "wandb_config", "summary", "system_metrics", "history_keys")
}
_OF_PROJECTS = {"entity", "project"}
_SELECT |= {name: f"p.{name}" for name in _OF_PROJECTS}
_PROJECT = "join stored.projects p on p.project_no = r.project_no"
_PROJECTS = """
select * replace (cast(attributes as varchar) as attributes)
from stored.projects
{condition}
order by entity, project, project_no
"""


def read_projects(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
    """Read every project of the store."""
    return fetch_arrow(cursor, _PROJECTS.format(condition=""))


def read_project_names(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str]]:
    """Read number, entity and name of every project of the store, in the order of the names."""
    return cursor.execute(
        """
        select
            project_no,
            entity,
            project
        from stored.projects
        order by entity, project, project_no
        """
    ).fetchall()


def read_project(
    cursor: duckdb.DuckDBPyConnection, entity: str, project: str
) -> dict[str, Any] | None:
    """Read the first project of a name, a row of `read_projects`; None when there is none."""
    condition = "where entity = ? and project = ?"
    names = [check_text(entity), check_text(project)]
    return fetch_record(cursor, _PROJECTS.format(condition=condition), names)


def read_runs(
    cursor: duckdb.DuckDBPyConnection,
    *,
    project_no: int | None = None,
    where: Expression | None = None,
    order: Sequence[OrderKey] | None = None,
    limit: int | None = None,
    offset: int = 0,
    columns: Sequence[str] | None = None,
    missing: bool = False,
) -> pa.Table:
    """Read run headers that match a filter.

    Args:
        cursor: Any cursor of the store.
        project_no: The project; None for all of them.
        where: What `query.parse_filter` gave.
        order: What `query.parse_order` gave; W&B's default order without it.
        limit: How many at most.
        offset: How many to leave out first.
        columns: Which of `RUNS` and `LEDGER`; None for all.
        missing: Include runs that the server has no more.

    Returns:
        One row per run; JSON columns as text.

    Raises:
        QueryError: A column is none of these.

    Example:
        ```python
        read_runs(cursor, where=parse_filter({"state": "finished"}), limit=10)
        ```
    """
    selected = _selected(columns)
    condition, params = _condition(project_no, where, missing)
    ordering = to_sql.order_by(parse_order(None) if order is None else order)
    return fetch_arrow(
        cursor,
        f"select {selected} where {condition} order by {ordering.text} limit ? offset ?",
        [*params, *ordering.params, limit, offset],
    )


def read_run(
    cursor: duckdb.DuckDBPyConnection,
    named: Mapping[Literal["project_no", "run_id", "storage_id"], int | str],
    columns: Sequence[str] | None = None,
) -> dict[str, Any] | None:
    """Read the header of one run that its server still has, several times as fast as by a filter.

    Args:
        cursor: Any cursor of the store.
        named: What names the run.
        columns: As for `read_runs`.

    Returns:
        A row of `read_runs`; None when there is none.

    Raises:
        QueryError: A column is unknown, or no store can hold such a name.

    Example:
        ```python
        read_run(cursor, {"project_no": 1, "run_id": "3kd0x2pq"})
        ```
    """
    condition = " and ".join(f"r.{name} = ?" for name in named)
    return fetch_record(
        cursor,
        f"select {_selected(columns)} where {condition} and r.missing_since is null"
        " order by r.created_at nulls last, r.storage_id",
        [check_text(name) if isinstance(name, str) else name for name in named.values()],
    )


def count_runs(
    cursor: duckdb.DuckDBPyConnection,
    *,
    project_no: int | None = None,
    where: Expression | None = None,
    missing: bool = False,
) -> int:
    """Count the runs that match a filter.

    Args:
        cursor: Any cursor of the store.
        project_no: The project; None for all of them.
        where: What `query.parse_filter` gave.
        missing: Include runs that the server has no more.

    Returns:
        Their number.
    """
    condition, params = _condition(project_no, where, missing)
    ((count,),) = cursor.execute(
        f"select count(*) from stored.runs r where {condition}", params
    ).fetchall()
    return int(count)


def run_numbers(cursor: duckdb.DuckDBPyConnection, storage_ids: Collection[str]) -> dict[str, int]:
    """Give the numbers of runs, those that the store has, by their storage ids."""
    found = cursor.execute(
        """
        select storage_id, run_no
        from stored.runs
        where storage_id in (select unnest(?::varchar[]))
        """,
        [list(storage_ids)],
    )
    return dict(found.fetchall())


def read_keys(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    *,
    stream: Literal["history", "system"] = "history",
) -> pa.Table:
    """Read what is known of every key of some runs, without reading values.

    Args:
        cursor: Any cursor of the store.
        run_nos: The runs.
        stream: `history` or `system`.

    Returns:
        One row per run and key: `run_no`, `stream`, `key`, `kind`, `rows`, `first_step`,
        `last_step`, `min`, `max` and `last`, a JSON literal.
    """
    return fetch_arrow(
        cursor,
        """
        select
            s.run_no,
            k.stream,
            k.key,
            s.kind,
            s.rows,
            s.first_step,
            s.last_step,
            s.min,
            s.max,
            s.last
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = $stream
        where s.run_no in (select unnest($run_nos::integer[]))
        order by s.run_no, s.key_no
        """,
        {"stream": stream, "run_nos": list(run_nos)},
    )


def read_kinds(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    *,
    keys: Sequence[str] | None = None,
    stream: Literal["history", "system"] = "history",
) -> dict[str, list[str]]:
    """Read the kinds of values that each key has in some runs.

    Args:
        cursor: Any cursor of the store.
        run_nos: The runs.
        keys: Which keys; None for all.
        stream: `history` or `system`.

    Returns:
        Each key that one of the runs logged, and its kinds.
    """
    scope, params = among_runs(run_nos, "s.run_no")
    found = cursor.execute(
        f"""
        select distinct
            k.key,
            s.kind
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = $stream
        where {scope} and ($keys is null or list_contains($keys::varchar[], k.key))
        """,
        {"stream": stream, "keys": keys, **params},
    )
    kinds: dict[str, list[str]] = {}
    for key, kind in found.fetchall():
        kinds.setdefault(key, []).append(kind)
    return kinds


def read_span(
    cursor: duckdb.DuckDBPyConnection, run_nos: Collection[int]
) -> tuple[int, int] | None:
    """Read the first and the last step of some runs; None when they have none."""
    found = cursor.execute(
        """
        select
            min(first_step),
            max(last_step)
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = 'history'
        where s.run_no in (select unnest(?::integer[]))
        """,
        [list(run_nos)],
    ).fetchall()
    first, last = found[0]
    return None if first is None else (first, last)


def read_long(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    *,
    keys: Sequence[str] | None = None,
    how: Literal["any", "all"] = "any",
    min_step: int | None = None,
    max_step: int | None = None,
    samples: int | None = None,
    stream: Literal["history", "system"] = "history",
    known: Known | None = None,
) -> pa.Table:
    """Read logged values of many runs at once.

    Args:
        cursor: Any cursor of the store.
        run_nos: The runs.
        keys: Which keys; None for all. `a.b` is also looked for inside objects logged as `a`.
            `_step` is in every row and need not be asked for.
        how: With keys, rows that have `any` of them, or only those that have `all`.
        min_step: First step.
        max_step: Last step, included.
        samples: At most so many rows of each run, evenly spaced, its first and last included;
            always the same ones.
        stream: `history`, or `system`, whose steps count its rows.
        known: What other reads of the same snapshot have found.

    Returns:
        A `STORED_LONG` table in the order of run, key and step.

    Raises:
        NotFoundError: No sync has brought over the stream of some of the runs.

    Example:
        ```python
        read_long(cursor, [7, 8], keys=["loss"], samples=500)
        ```
    """
    known = Known() if known is None else known
    known.require_stream(cursor, run_nos, stream)
    if not run_nos or samples == 0:
        return STORED_LONG.empty_table()
    if samples is not None and min_step is not None and max_step is not None:
        # There cannot be more rows than steps.
        samples = None if max_step - min_step < samples else samples
    query = LongQuery(
        sorted(run_nos),
        stream=stream,
        keys=_resolved(cursor, keys, stream),
        how=how,
        min_step=min_step,
        max_step=max_step,
        samples=samples,
    )
    return _read(cursor, query, known)


def iter_long(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    *,
    keys: Sequence[str] | None = None,
    how: Literal["any", "all"] = "any",
    min_step: int | None = None,
    max_step: int | None = None,
    samples: int | None = None,
    stream: Literal["history", "system"] = "history",
    values: int = 1_000_000,
    columns: int = 1,
    with_rows: bool = False,
) -> Iterator[pa.Table]:
    """Read logged values of any number of runs in pieces of bounded size.

    Args:
        cursor: Any cursor of the store; it may be used for other things between pieces.
        run_nos: The runs, in the order in which they are wanted.
        keys: As for `read_long`.
        how: As for `read_long`.
        min_step: First step.
        max_step: Last step, included.
        samples: As for `read_long`.
        stream: `history` or `system`.
        values: About how many values a piece holds, and how many cells when it is spread.
        columns: The columns that it will be spread over.
        with_rows: Give every row of the histories too, as an empty value of `_step`.

    Returns:
        `STORED_LONG` tables of whole rows: of some runs in full, or of one run by step.

    Raises:
        NotFoundError: No sync has brought over the stream of some of the runs.
    """
    known = Known()
    known.require_stream(cursor, run_nos, stream)
    if not run_nos:
        return
    query = LongQuery(
        list(run_nos),
        stream=stream,
        keys=_resolved(cursor, keys, stream),
        how=how,
        min_step=min_step,
        max_step=max_step,
        samples=samples,
        with_rows=with_rows,
    )
    for piece in cut_query(cursor, query, values, columns):
        yield _read(cursor, piece, known)


def _resolved(
    cursor: duckdb.DuckDBPyConnection,
    keys: Sequence[str] | None,
    stream: Literal["history", "system"],
) -> list[Key] | None:
    if keys is None:
        return None
    return resolve_keys(cursor, [key for key in keys if key != "_step"], stream)


def _read(cursor: duckdb.DuckDBPyConnection, query: LongQuery, known: Known) -> pa.Table:
    found = fetch_long(cursor, query)
    key_nos = found["key_no"].to_numpy()
    starts = np.flatnonzero(np.append(True, key_nos[1:] != key_nos[:-1])[: len(key_nos)])
    numbers, places = np.unique(key_nos[starts], return_inverse=True)
    lengths = np.diff(starts, append=len(key_nos))
    if query.keys is None:
        names = known.key_names(cursor, numbers.tolist())
    else:
        names = {ROW: "_step", **{key.number: key.name for key in query.keys}}
    texts = pa.array([names[number] for number in numbers.tolist()], pa.string())
    codes = np.repeat(places.astype(np.int32), lengths)
    keys = pa.DictionaryArray.from_arrays(pa.array(codes), texts)
    columns = [found["run_no"], keys, found["step"], found["value"], found["text"]]
    return pa.table(columns, schema=STORED_LONG)


def _selected(columns: Sequence[str] | None) -> str:
    names = list(_SELECT) if columns is None else list(columns)
    if unknown := [name for name in names if name not in _SELECT]:
        raise QueryError(f"runs have no column {unknown[0]!r}")
    selected = ", ".join(_SELECT[name] for name in names)
    return f"{selected} from stored.runs r {'' if _OF_PROJECTS.isdisjoint(names) else _PROJECT}"


def _condition(
    project_no: int | None, filters: Expression | None, missing: bool
) -> tuple[str, list[object]]:
    matched = to_sql.where(Always() if filters is None else filters)
    condition, params = [matched.text], [*matched.params]
    if project_no is not None:
        condition.append("r.project_no = ?")
        params.append(project_no)
    if not missing:
        condition.append("r.missing_since is null")
    return " and ".join(f"({part})" for part in condition), params
