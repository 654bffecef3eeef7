"""Writes the one query behind every reading of logged values, and cuts it to pieces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.store.exchange import fetch_arrow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

__all__ = ["ROW", "Key", "LongQuery", "among_runs", "cut_query", "fetch_long", "resolve_keys"]

#: The number under which rows are given, which no key has.
ROW = -(2**31)

# Values at a JSON pointer inside logged objects, in the store's terms. An integer of more than
# 15 digits may be no double, and stays a literal.
_NESTED = """
select
    run_no,
    cast({number} as integer) as key_no,
    step,
    case when plain then cast(literal as double) end as value,
    case when not plain then literal end as text
from (
    select
        h.run_no,
        h.step,
        cast(json_extract(h.text, $pointer{place}) as varchar) as literal,
        coalesce(json_type(h.text, $pointer{place}) in ('DOUBLE', 'BIGINT', 'UBIGINT'), false)
            and not regexp_full_match(literal, '-?\\d{{16,}}') as plain
    from {table} h
    where {scope}
        and h.key_no = {parent}
        and h.text[1] = '{{'
        and json_valid(h.text)
        and not exists (
            from stored.run_keys own
            where own.run_no = h.run_no and own.key_no = {number}
        )
)
where literal is not null
"""

# Positions 0 to total - 1 of the rows of a run; those at floor(k * (total - 1) / (samples - 1))
# for k from 0 are evenly spaced and include the first and the last. One sample is the last row.
_SPACED = """
select
    run_no,
    step
from (
    select
        run_no,
        step,
        row_number() over (partition by run_no order by step) - 1 as place,
        count(*) over (partition by run_no) as total
    from ({rows})
)
where total <= $samples
    or case
        when $samples = 1 then place = total - 1
        else ((place * ($samples - 1) + total - 2) // (total - 1)) * (total - 1)
            // ($samples - 1) = place
    end
"""

# The steps of every row: those of one key that all rows of a run have, or of all its keys.
_SPINE = """
with spine as materialized (
    select
        r.run_no,
        min(s.key_no) as key_no
    from stored.runs r
    join stored.run_keys s on s.run_no = r.run_no and s.rows = r.stored_rows
    join stored.keys k on k.key_no = s.key_no and k.stream = 'history'
    where r.run_no between $low and $high
    group by r.run_no
)
select
    h.run_no,
    h.step
from stored.history h
join spine on spine.run_no = h.run_no and spine.key_no = h.key_no
where {scope}
union all
select distinct
    h.run_no,
    h.step
from stored.history h
anti join spine on spine.run_no = h.run_no
where {scope}
"""

_ROWS = f"""
select
    run_no,
    cast({ROW} as integer) as key_no,
    step,
    null::double as value,
    null::varchar as text
from ({{spine}})
"""

# How many values a piece of one run would hold, or cells when it is spread.
_SIZES = """
select
    s.run_no,
    sum(least(s.rows, $samples))::bigint as stored,
    greatest(stored, least(stored, any_value(r.stored_rows)) * $columns) as size
from stored.run_keys s
join (from stored.keys where stream = $stream) k using (key_no)
join stored.runs r on r.run_no = s.run_no
where {scope}
group by s.run_no
"""
_HEIGHTS = """
select
    r.run_no,
    r.stored_rows * $columns
from stored.runs r
where {scope} and r.stored_rows > 0
"""
_FIRST, _LAST = -(2**63), 2**63 - 1
# Up to so many stretches of rows are put in order as they are; beyond, row by row is as fast.
_MOVES = 1000
# Of so many values it is faster to read all than to let DuckDB find the samples.
_FEW = 500_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was asked for, and where its values are.

    Args:
        name: As asked for.
        number: Its own number; negative for a name nobody logged.
        parent: The logged key whose objects may hold it, where a run lacks a key of that name.
        pointer: JSON pointer into those objects.
    """

    name: str
    number: int
    parent: int | None = None
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class LongQuery:
    """Which logged values to read.

    Args:
        run_nos: The runs.
        stream: `history` or `system`.
        keys: The keys; None for all.
        how: With keys, rows that have `any` of them or only those that have `all`.
        min_step: First step.
        max_step: Last step.
        samples: At most so many rows of each run, evenly spaced; None for all.
        with_rows: Give every row of the history too, as a value of the key `ROW`.
    """

    run_nos: Sequence[int]
    stream: Literal["history", "system"] = "history"
    keys: Sequence[Key] | None = None
    how: Literal["any", "all"] = "any"
    min_step: int | None = None
    max_step: int | None = None
    samples: int | None = None
    with_rows: bool = False

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Write the query.

        Returns:
            Text that gives `run_no`, `key_no`, `step`, `value` and `text`, and its values.
        """
        values = self._values()
        rows = self._rows(values)
        if rows is None:
            return values, self._params()
        # Materialised, the rows are what DuckDB hashes; the values then stay in their order.
        text = f"""
        with kept as materialized ({rows})
        from ({values}) chosen semi join kept using (run_no, step)
        """
        return text, self._params()

    def read_keys(self) -> list[int] | None:
        """Number the keys whose values are looked at; None for all."""
        if self.keys is None or self.with_rows:
            return None
        numbers = {number for key in self.keys for number in (key.number, key.parent)}
        return sorted(number for number in numbers if number is not None)

    def _rows(self, values: str) -> str | None:
        """The runs and steps to keep; None for all that have values."""
        every = self.how == "all" and self.keys is not None and len(self.keys) > 1
        if not every and self.samples is None:
            return None
        if self.keys is None and self.stream == "history":
            rows = _SPINE.format(scope=self._scope())
        else:
            complete = f"having count(*) = {len(self.keys or ())}" if every else ""
            rows = f"select run_no, step from ({values}) group by run_no, step {complete}"
        return rows if self.samples is None else _SPACED.format(rows=rows)

    def _values(self) -> str:
        table = f"stored.{self.stream}"
        keys = self.keys
        chosen = "" if keys is None else f"and {_among_keys([key.number for key in keys])[0]}"
        # That of one run need not be read.
        run_no = "h.run_no" if len(self.run_nos) != 1 else "$low::integer as run_no"
        plain = f"""
        select
            {run_no},
            h.key_no,
            h.step,
            h.value,
            h.text
        from {table} h
        where {self._scope()} {chosen}
        """
        nested = [
            _NESTED.format(
                number=key.number,
                parent=key.parent,
                place=place,
                table=table,
                scope=self._scope(),
            )
            for place, key in self._nested()
        ]
        rows = [_ROWS.format(spine=_SPINE.format(scope=self._scope()))] if self.with_rows else []
        return " union all ".join([plain, *nested, *rows])

    def _nested(self) -> list[tuple[int, Key]]:
        return [(n, key) for n, key in enumerate(self.keys or ()) if key.parent is not None]

    def _scope(self) -> str:
        scope, _ = among_runs(self.run_nos, "h.run_no")
        if self.min_step is not None:
            scope += " and h.step >= $min_step"
        if self.max_step is not None:
            scope += " and h.step <= $max_step"
        return scope

    def _params(self) -> dict[str, Any]:
        _, params = among_runs(self.run_nos, "h.run_no")
        params |= {
            "min_step": self.min_step,
            "max_step": self.max_step,
            "samples": self.samples,
        }
        params |= _among_keys([key.number for key in self.keys or ()])[1]
        params |= {f"pointer{place}": key.pointer for place, key in self._nested()}
        return {name: value for name, value in params.items() if value is not None}


def among_runs(run_nos: Collection[int], column: str) -> tuple[str, dict[str, Any]]:
    """Write the condition that a column is one of some runs.

    Args:
        run_nos: The runs.
        column: The column.

    Returns:
        Text for `where`, and its values.
    """
    if not run_nos:
        return "false", {}
    # The bounds let DuckDB skip row groups, which a subquery alone does not.
    bounds = {"low": min(run_nos), "high": max(run_nos)}
    text = f"{column} between $low and $high"
    if bounds["high"] - bounds["low"] < len(run_nos):
        return text, bounds
    chosen = f"{column} in (select unnest($run_nos::integer[]))"
    return f"{text} and {chosen}", {**bounds, "run_nos": list(run_nos)}


def _among_keys(numbers: Sequence[int]) -> tuple[str, dict[str, int]]:
    # A list is compared as values are read; a join would be half as slow again.
    params = {f"key{place}": number for place, number in enumerate(numbers)}
    listed = ", ".join(f"${name}" for name in params)
    return f"key_no in ({listed})" if listed else "false", params


def fetch_long(cursor: duckdb.DuckDBPyConnection, query: LongQuery) -> pa.Table:
    """Run a query, and thin what one run of usual size has more than twice as fast as by SQL.

    Args:
        cursor: Any cursor of the store.
        query: What to read.

    Returns:
        `run_no`, `key_no`, `step`, `value` and `text`, by run, key and step.
    """
    found = None
    if query.samples and len(query.run_nos) == 1:
        text, params = replace(query, samples=None).sql()
        every = fetch_arrow(cursor, f"{text} limit {_FEW + 1}", params)
        found = _thinned(every, query.samples) if every.num_rows <= _FEW else None
    found = fetch_arrow(cursor, *query.sql()) if found is None else found
    # In one piece, no look at a column copies it.
    return _in_order(found).combine_chunks()


def _thinned(found: pa.Table, samples: int) -> pa.Table:
    """Keep the rows of one run that `_SPACED` would choose."""
    step = found["step"].to_numpy()
    if len(step) <= samples:
        return found
    first, last = int(step.min()), int(step.max())
    if last - first >= len(step):
        steps = np.sort(pc.unique(found["step"]).to_numpy())
        return found.filter(pa.array(np.isin(step, _spaced(steps, samples))))
    # Looks into a table of all steps take a third of the time of searches.
    places = step - first
    table = np.zeros(last - first + 1, bool)
    table[places] = True
    kept = _spaced(np.flatnonzero(table), samples)
    table[:] = False
    table[kept] = True
    return found.take(pa.array(np.flatnonzero(table[places])))


def _spaced(steps: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    if len(steps) <= samples:
        return steps
    if samples == 1:
        return steps[-1:]
    return steps[np.arange(samples) * (len(steps) - 1) // (samples - 1)]


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
        return found.combine_chunks().take(pa.array(np.lexsort((step, key, run))))
    if not len(moves):
        return found
    parts = [(starts[part[0]], stops[part[-1]]) for part in np.split(order, moves)]
    return pa.concat_tables([found.slice(start, stop - start) for start, stop in parts])


def cut_query(
    cursor: duckdb.DuckDBPyConnection, query: LongQuery, values: int, columns: int
) -> Iterator[LongQuery]:
    """Cut a query to pieces of bounded size; whole runs go together.

    Args:
        cursor: Any cursor of the store.
        query: What to read.
        values: About how many values a piece holds, and how many cells when it is spread.
        columns: The columns that it will be spread over.

    Returns:
        Queries that give the same values, by run in the order of the query.
    """
    if query.samples is not None and len(query.run_nos) == 1:
        # Samples are spaced over a whole run, which is therefore never cut.
        yield query
        return
    column, text = ("r.run_no", _HEIGHTS) if query.with_rows else ("s.run_no", _SIZES)
    scope, params = among_runs(query.run_nos, column)
    params["columns"] = columns
    numbers = query.read_keys()
    if not query.with_rows:
        params |= {"stream": query.stream, "samples": query.samples}
    if numbers is not None:
        chosen_keys, named = _among_keys(numbers)
        scope, params = f"{scope} and {chosen_keys}", params | named
    sizes = cursor.execute(text.format(scope=scope), params).fetchall()
    found = {run_no: size for run_no, *_, size in sizes}
    chosen: list[int] = []
    waiting = 0
    for run_no in filter(found.__contains__, query.run_nos):
        if chosen and waiting + found[run_no] > values:
            yield replace(query, run_nos=chosen)
            chosen, waiting = [], 0
        if found[run_no] > values and query.samples is None:
            yield from _split(cursor, replace(query, run_nos=[run_no]), values, columns)
        else:
            chosen.append(run_no)
            waiting += found[run_no]
    if chosen:
        yield replace(query, run_nos=chosen)


def _split(
    cursor: duckdb.DuckDBPyConnection, query: LongQuery, values: int, columns: int
) -> Iterator[LongQuery]:
    """Cut a query of one run to ranges of steps."""
    ranges = cursor.execute(
        f"""
        select
            min(step),
            max(step)
        from (
            select
                step,
                sum(greatest(count(*), $columns)) over (order by step) as passed
            from stored.{query.stream}
            where run_no = $run_no
                and ($keys is null or list_contains($keys::integer[], key_no))
                and step between $low and $high
            group by step
        )
        group by passed // $size
        order by min(step)
        """,
        {
            "run_no": query.run_nos[0],
            "keys": query.read_keys(),
            "low": _FIRST if query.min_step is None else query.min_step,
            "high": _LAST if query.max_step is None else query.max_step,
            "columns": columns,
            "size": values,
        },
    ).fetchall()
    for first, last in ranges:
        yield replace(query, min_step=first, max_step=last)


def resolve_keys(
    cursor: duckdb.DuckDBPyConnection, names: Sequence[str], stream: Literal["history", "system"]
) -> list[Key]:
    """Find where the values of some keys are.

    Args:
        cursor: Any cursor of the store.
        names: Keys as asked for; `a.b` may also mean `b` inside the objects logged as `a`.
        stream: `history` or `system`.

    Returns:
        One entry per distinct name, in order; a name nobody logged has no values.
    """
    wanted = {name: _parents(name) for name in names}
    known = dict(
        cursor.execute(
            """
            select key, key_no
            from stored.keys
            where stream = $stream and key in (select unnest($keys::varchar[]))
            """,
            {"stream": stream, "keys": [*wanted, *(p for parts in wanted.values() for p in parts)]},
        ).fetchall()
    )
    keys = []
    for place, (name, parents) in enumerate(wanted.items(), start=1):
        parent = next((parent for parent in parents if parent in known), None)
        pointer = "" if parent is None else parents[parent]
        number = known.get(name, -place)
        keys.append(Key(name, number, None if parent is None else known[parent], pointer))
    return keys


def _parents(name: str) -> dict[str, str]:
    """Keys that may hold a dotted name, longest first, with the JSON pointer to the rest of it."""
    parts = name.split(".")
    return {
        ".".join(parts[:size]): "".join(f"/{_escaped(part)}" for part in parts[size:])
        for size in range(len(parts) - 1, 0, -1)
    }


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
