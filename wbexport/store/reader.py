"""Reads projects, runs, keys and histories out of a store, as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.arrow.schema import RUNS, STORED_LONG
from wbexport.errors import QueryError
from wbexport.query import to_sql
from wbexport.query.expressions import Always
from wbexport.query.order import parse_order
from wbexport.store.exchange import fetch_arrow
from wbexport.store.histories import LongQuery, resolve_keys
from wbexport.store.ledger import require_stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import duckdb

    from wbexport.query.expressions import Expression
    from wbexport.query.order import OrderKey

__all__ = [
    "LEDGER",
    "count_runs",
    "iter_long",
    "read_keys",
    "read_long",
    "read_projects",
    "read_runs",
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
_SELECT |= {"entity": "p.entity", "project": "p.project"}
# Up to so many stretches of rows are put in order as they are; beyond, row by row is as fast.
_MOVES = 1000
_FROM = """
from stored.runs r
join stored.projects p on p.project_no = r.project_no
"""


def read_projects(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
    """Read every project of the store."""
    return fetch_arrow(
        cursor,
        """
        select * replace (cast(attributes as varchar) as attributes)
        from stored.projects
        order by entity, project, project_no
        """,
    )


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
    names = list(_SELECT) if columns is None else list(columns)
    if unknown := [name for name in names if name not in _SELECT]:
        raise QueryError(f"runs have no column {unknown[0]!r}")
    condition, params = _condition(project_no, where, missing)
    ordering = to_sql.order_by(parse_order(None) if order is None else order)
    return fetch_arrow(
        cursor,
        f"select {', '.join(_SELECT[name] for name in names)} {_FROM} where {condition}"
        f" order by {ordering.text} limit ? offset ?",
        [*params, *ordering.params, limit, offset],
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
    ((count,),) = cursor.execute(f"select count(*) {_FROM} where {condition}", params).fetchall()
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

    Returns:
        A `STORED_LONG` table in the order of run, key and step.

    Raises:
        NotFoundError: No sync has brought over the stream of some of the runs.

    Example:
        ```python
        read_long(cursor, [7, 8], keys=["loss"], samples=500)
        ```
    """
    require_stream(cursor, run_nos, stream)
    if not run_nos or samples == 0:
        return STORED_LONG.empty_table()
    wanted = None if keys is None else [key for key in dict.fromkeys(keys) if key != "_step"]
    resolved = None if wanted is None else resolve_keys(cursor, wanted, stream)
    query = LongQuery(
        sorted(run_nos),
        stream=stream,
        keys=resolved,
        how=how,
        min_step=min_step,
        max_step=max_step,
        samples=samples,
    )
    text, params = query.sql()
    found = _in_order(fetch_arrow(cursor, text, params))
    names = None if resolved is None else {key.number: key.name for key in resolved}
    return _with_names(cursor, found, names)


def iter_long(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    *,
    keys: Sequence[str] | None = None,
    how: Literal["any", "all"] = "any",
    min_step: int | None = None,
    max_step: int | None = None,
    stream: Literal["history", "system"] = "history",
    values: int = 1_000_000,
) -> Iterator[pa.Table]:
    """Read logged values of any number of runs in pieces of bounded size.

    Args:
        cursor: Any cursor of the store; it may be used for other things between pieces.
        run_nos: The runs.
        keys: As for `read_long`.
        how: As for `read_long`.
        min_step: First step.
        max_step: Last step, included.
        stream: `history` or `system`.
        values: About how many values a piece holds.

    Returns:
        `STORED_LONG` tables of whole rows: first by run, and inside a long run by step.

    Raises:
        NotFoundError: No sync has brought over the stream of some of the runs.
    """
    require_stream(cursor, run_nos, stream)
    for chunk, first, last in _pieces(cursor, run_nos, stream, values):
        low = first if min_step is None else max(first, min_step)
        high = last if max_step is None else min(last, max_step)
        if low <= high:
            yield read_long(
                cursor, chunk, keys=keys, how=how, min_step=low, max_step=high, stream=stream
            )


def _pieces(
    cursor: duckdb.DuckDBPyConnection,
    run_nos: Collection[int],
    stream: Literal["history", "system"],
    values: int,
) -> Iterator[tuple[list[int], int, int]]:
    """Runs to read together, and the steps of them."""
    sizes = cursor.execute(
        """
        select
            s.run_no,
            sum(s.rows),
            min(s.first_step),
            max(s.last_step)
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = $stream
        where s.run_no in (select unnest($run_nos::integer[]))
        group by s.run_no
        order by s.run_no
        """,
        {"stream": stream, "run_nos": list(run_nos)},
    ).fetchall()
    waiting: list[tuple[int, int, int, int]] = []
    for size in sizes:
        if waiting and sum(each[1] for each in waiting) + size[1] > values:
            yield _together(waiting)
            waiting = []
        if size[1] > values:
            yield from _split(cursor, size[0], stream, values)
        else:
            waiting.append(size)
    if waiting:
        yield _together(waiting)


def _together(sizes: Sequence[tuple[int, int, int, int]]) -> tuple[list[int], int, int]:
    run_nos, _, first, last = zip(*sizes, strict=True)
    return list(run_nos), min(first), max(last)


def _split(
    cursor: duckdb.DuckDBPyConnection, run_no: int, stream: str, values: int
) -> Iterator[tuple[list[int], int, int]]:
    """Step ranges of one run that hold about as many values each."""
    ranges = cursor.execute(
        f"""
        select
            min(step),
            max(step)
        from (
            select
                step,
                sum(count(*)) over (order by step) as passed
            from stored.{stream}
            where run_no = $run_no
            group by step
        )
        group by passed // $size
        order by min(step)
        """,
        {"run_no": run_no, "size": values},
    ).fetchall()
    yield from (([run_no], first, last) for first, last in ranges)


def _in_order(found: pa.Table) -> pa.Table:
    """The same values by run, key and step; as they were written, they mostly are already."""
    if not found.num_rows:
        return found
    run, key, step = (found[name].to_numpy() for name in ("run_no", "key_no", "step"))
    breaks = (run[1:] != run[:-1]) | (key[1:] != key[:-1]) | (step[1:] <= step[:-1])
    starts = np.flatnonzero(np.append(True, breaks))
    stops = np.append(starts[1:], len(run))
    order = np.lexsort((step[starts], key[starts], run[starts]))
    first, last = starts[order][1:], stops[order][:-1] - 1
    mixed = (run[first] == run[last]) & (key[first] == key[last]) & (step[first] <= step[last])
    moves = np.flatnonzero(np.diff(order) != 1) + 1
    if mixed.any() or len(moves) > _MOVES:
        return found.take(pa.array(np.lexsort((step, key, run))))
    parts = [(starts[part[0]], stops[part[-1]]) for part in np.split(order, moves)]
    return pa.concat_tables(found.slice(start, stop - start) for start, stop in parts)


def _with_names(
    cursor: duckdb.DuckDBPyConnection, found: pa.Table, names: dict[int, str] | None
) -> pa.Table:
    stretches = pc.run_end_encode(found["key_no"].combine_chunks())
    numbers, places = np.unique(stretches.values.to_numpy(), return_inverse=True)
    lengths = np.diff(stretches.run_ends.to_numpy(), prepend=0)
    if names is None:
        names = dict(
            cursor.execute(
                """
                select key_no, key
                from stored.keys
                where key_no in (select unnest(?::integer[]))
                """,
                [numbers.tolist()],
            ).fetchall()
        )
    texts = pa.array([names[number] for number in numbers.tolist()], pa.string())
    codes = np.repeat(places.astype(np.int32), lengths)
    keys = pa.DictionaryArray.from_arrays(pa.array(codes), texts)
    columns = [found["run_no"], keys, found["step"], found["value"], found["text"]]
    return pa.table(columns, schema=STORED_LONG)


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
