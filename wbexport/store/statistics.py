"""Keeps what is known of each key and run in step with the values, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow.compute as pc

from wbexport.arrow.pieces import count_rows
from wbexport.store.exchange import incoming

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb
    import pyarrow as pa

__all__ = ["update_history_keys", "update_run_keys", "update_stored_rows"]

# From stored values: one row per run and key for its numbers, one for its literals.
_COUNT_STORED = """
select
    run_no,
    key_no,
    count(*) as rows,
    min(step) as first_step,
    max(step) as last_step,
    min(value) filter (where not isnan(value)) as min,
    max(value) filter (where not isnan(value)) as max,
    stored.literal_of(arg_max(value, step), null) as last,
    count(*) filter (where stored.is_whole(value)) as ints,
    count(*) filter (where not stored.is_whole(value)) as floats,
    0 as bigs,
    0 as strings,
    0 as bools,
    0 as nulls,
    0 as maps,
    0 as lists
from TABLE
where text is null
    and run_no in (select unnest($mixed::integer[]))
group by run_no, key_no
union all
select
    run_no,
    key_no,
    count(*),
    min(step),
    max(step),
    null,
    null,
    arg_max(text, step),
    0,
    0,
    count(*) filter (where text[1] not in ('"', 't', 'f', 'n', '{', '[')),
    count(*) filter (where text[1] = '"'),
    count(*) filter (where text[1] in ('t', 'f')),
    count(*) filter (where text[1] = 'n'),
    count(*) filter (where text[1] = '{'),
    count(*) filter (where text[1] = '[')
from TABLE
where text is not null
    and run_no in (select unnest($mixed::integer[]))
group by run_no, key_no
"""

# From `incoming`, which holds what `key_statistics` counted.
_ADDED = """
select
    * exclude (value, text),
    stored.literal_of(value, text) as last
from incoming
"""

# From such rows: still one per run and key. The sum of a bigint is a hugeint.
_MERGE = """
create or replace temp table merged as
with parts as (PARTS)
select
    run_no,
    key_no,
    cast(sum(rows) as bigint) as rows,
    min(first_step) as first_step,
    max(last_step) as last_step,
    min(min) as min,
    max(max) as max,
    arg_max(last, last_step) as last,
    cast(sum(ints) as bigint) as ints,
    cast(sum(floats) as bigint) as floats,
    cast(sum(bigs) as bigint) as bigs,
    cast(sum(strings) as bigint) as strings,
    cast(sum(bools) as bigint) as bools,
    cast(sum(nulls) as bigint) as nulls,
    cast(sum(maps) as bigint) as maps,
    cast(sum(lists) as bigint) as lists
from parts
group by run_no, key_no
"""

_STORED = """
select * exclude (kind)
from stored.run_keys
where run_no in (select unnest($grown::integer[]))
    and key_no in (select key_no from stored.keys where stream = $stream)
"""

# W&B's shape of `historyKeys`, of runs that were logged into this store.
_HISTORY_KEYS = """
update stored.runs
set
    history_keys = derived.history_keys,
    history_line_count = runs.stored_rows,
    last_step = runs.stored_last_step
from (
    select
        r.run_no,
        json_object(
            'sets', json_array(),
            'keys', if(count(s.key) = 0, json_object(), json_group_object(
                coalesce(s.key, ''),
                json_object(
                    'typeCounts', list_filter([
                        {'type': 'number', 'count': s.ints + s.floats + s.bigs},
                        {'type': 'string', 'count': s.strings},
                        {'type': 'boolean', 'count': s.bools},
                        {'type': 'nil', 'count': s.nulls},
                        {'type': 'map', 'count': s.maps},
                        {'type': 'list', 'count': s.lists}
                    ], lambda each: each.count > 0),
                    'monotonic', s.key in ('_runtime', '_step', '_timestamp'),
                    'previousValue', case when json_valid(s.last) then cast(s.last as json) end
                )
            )),
            'lastStep', coalesce(max(s.last_step), -1)
        ) as history_keys
    from stored.runs r
    left join (
        select *
        from stored.run_keys
        join stored.keys using (key_no)
        where stream = 'history'
        order by key_no
    ) s on s.run_no = r.run_no
    where r.run_no in (select unnest(?::integer[]))
    group by r.run_no
) derived
where runs.run_no = derived.run_no
"""

_ADD_ROWS = """
update stored.runs
set
    stored_rows = counted.rows + case when counted.adds then runs.stored_rows else 0 end,
    stored_last_step = counted.last_step
from (
    select
        unnest($run_nos::integer[]) as run_no,
        unnest($rows::bigint[]) as rows,
        unnest($last_steps::bigint[]) as last_step,
        unnest($adds::boolean[]) as adds
) counted
where runs.run_no = counted.run_no
"""

_COUNT_ROWS = """
update stored.runs
set
    stored_rows = counted.rows,
    stored_last_step = counted.last_step
from (
    select
        run_no,
        count(distinct step) as rows,
        max(step) as last_step
    from stored.history
    where run_no in (select unnest($run_nos::integer[]))
    group by run_no
) counted
where runs.run_no = counted.run_no
"""


def update_run_keys(
    cursor: duckdb.DuckDBPyConnection,
    stream: Literal["history", "system"],
    added: pa.Table,
    *,
    fresh: Collection[int],
    grown: Collection[int],
    mixed: Collection[int],
) -> None:
    """Bring `run_keys` up to date with values just inserted.

    Args:
        cursor: The cursor of the transaction.
        stream: Which values.
        added: What `key_statistics` counts of the new values of fresh and grown runs.
        fresh: Runs that had no values before, or have none now.
        grown: Runs to which values were only added.
        mixed: Runs of which some values were replaced; these are counted again.
    """
    params: dict[str, object] = {}
    parts = [_ADDED]
    if grown:
        parts.append(_STORED)
        params |= {"grown": [*grown], "stream": stream}
    if mixed:
        parts.append(_COUNT_STORED.replace("TABLE", f"stored.{stream}"))
        params["mixed"] = [*mixed]
    merged = " union all by name ".join(f"({part})" for part in parts)
    with incoming(cursor, added):
        cursor.execute(_MERGE.replace("PARTS", merged), params)
    cursor.execute(
        """
        delete from stored.run_keys
        where run_no in (select unnest($runs::integer[]))
            and key_no in (select key_no from stored.keys where stream = $stream)
        """,
        {"runs": [*fresh, *grown, *mixed], "stream": stream},
    )
    cursor.execute(
        """
        insert into stored.run_keys by name
        select
            *,
            stored.kind_of(ints, floats, bigs, strings, bools, maps, lists) as kind
        from merged
        order by run_no, key_no
        """
    )
    cursor.execute("drop table merged")


def update_stored_rows(
    cursor: duckdb.DuckDBPyConnection,
    *,
    fresh: Mapping[int, pa.Table],
    grown: Mapping[int, pa.Table],
    mixed: Collection[int],
) -> None:
    """Bring `stored_rows` and `stored_last_step` of runs up to date with values just inserted.

    Args:
        cursor: The cursor of the transaction.
        fresh: Runs and all of their values.
        grown: Runs and the values added to theirs.
        mixed: Runs of which some values were replaced; their rows are counted again.
    """
    added = {**fresh, **grown}
    if added:
        cursor.execute(
            _ADD_ROWS,
            {
                "run_nos": [*added],
                "rows": [count_rows(long) for long in added.values()],
                "last_steps": [pc.max(long["step"]).as_py() for long in added.values()],
                "adds": [run_no in grown for run_no in added],
            },
        )
    if mixed:
        cursor.execute(_COUNT_ROWS, {"run_nos": [*mixed]})


def update_history_keys(cursor: duckdb.DuckDBPyConnection, run_nos: Collection[int]) -> None:
    """Derive what W&B's server would say of the history of runs logged into this store.

    Runs that were brought over keep what their own server said.
    """
    live = cursor.execute(
        """
        select run_no
        from stored.runs
        where status = 'live' and run_no in (select unnest(?::integer[]))
        """,
        [[*run_nos]],
    ).fetchall()
    if live:
        cursor.execute(_HISTORY_KEYS, [[run_no for (run_no,) in live]])
