"""The complete histories of many runs as one lazy frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wbexport.api.columns import RunColumns, fetch_columns
from wbexport.api.concurrent import iter_each, map_in_order
from wbexport.api.history import HistorySource, fetch_sources, scan_long
from wbexport.api.sampling import check_sampling
from wbexport.api.scan_history import check_steps
from wbexport.arrow.arrays import repeated_text
from wbexport.arrow.convert import long_to_wide, rows_to_long
from wbexport.arrow.literals import parse_json
from wbexport.arrow.promote import column_type, kinds_of, promote, promote_all, scan_kind
from wbexport.arrow.wide import column_names
from wbexport.errors import InputError, IntegrityError, QueryError
from wbexport.graphql.models import HistoryKeys, RunNode, read_node
from wbexport.paths import ProjectPath, RunPath
from wbexport.query.fields import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wbexport.api.service import Service

__all__ = ["HistoriesPlan", "plan_histories"]

_RUNS_PER_REQUEST = 50
#: Values asked for by key in one request, about.
_VALUES_PER_REQUEST = 20_000
#: Longer runs are read from their files, as are those of which a larger share is wanted.
_MOST_SAMPLED = 10_000
_LARGEST_SHARE = 1 / 3
_SAMPLED_KINDS = frozenset({"float", "string", "bool"})

#: Kinds of the types by which a server counts the values of a key.
_KINDS = {
    "number": "float",
    "string": "string",
    "boolean": "bool",
    "map": "json",
    "list": "json",
    "nil": "null",
}


@dataclass(frozen=True)
class HistoriesPlan:
    """Which runs and keys a scan reads, and with which column types.

    Args:
        client: Executes queries and downloads.
        runs: The runs, in order.
        kinds: Kind of each key's column.
        keys: The keys that were asked for; None for all.
        how: Rows that have `any` or `all` of the keys.
        min_step: First step.
        max_step: Step to stop before.
        sizes: How many values of the keys each run has about; None for runs to read from files.
    """

    client: Service
    runs: tuple[RunPath, ...]
    kinds: Mapping[str, str]
    keys: tuple[str, ...] | None
    how: Literal["any", "all"]
    min_step: int
    max_step: int | None
    sizes: tuple[int | None, ...]

    @property
    def schema(self) -> pa.Schema:
        """`run_id`, `_step`, then a column per key, named as by `column_names`."""
        columns = [("run_id", pa.string()), ("_step", pa.int64())]
        names = column_names(self.kinds, ["run_id"])
        columns += zip(names, map(column_type, self.kinds.values()), strict=True)
        return pa.schema(columns)

    def iter_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the histories, run by run in step order; several runs are read at once.

        Yields:
            Batches of `schema`.

        Raises:
            IntegrityError: A value does not fit the type that the server gave for its key.
            RequestError: A run could not be read.
        """
        for table in iter_each(self._streams()):
            yield from table.to_batches()

    def _streams(self) -> Iterator[Callable[[], Iterator[pa.Table]]]:
        start = 0
        while start < len(self.runs):
            stop = self._end_of_group(start)
            runs = self.runs[start:stop]
            if self.sizes[start] is None:
                sources = fetch_sources(self.client, runs[0].parent, [r.run_id for r in runs])
                for run in runs:
                    yield partial(self._iter_run, run, sources.get(run.run_id))
            else:
                yield partial(self._iter_columns, runs)
            start = stop

    def _end_of_group(self, start: int) -> int:
        """Say how many of the next runs are read in one way and go into one request."""
        values = 0
        last = min(start + _RUNS_PER_REQUEST, len(self.runs))
        for place in range(start, last):
            size = self.sizes[place]
            values += size or 0
            is_full = place > start and values > _VALUES_PER_REQUEST
            if is_full or (size is None) != (self.sizes[start] is None):
                return place
        return last

    def _iter_columns(self, runs: Sequence[RunPath]) -> Iterator[pa.Table]:
        """Read runs by key, and those that do not come whole that way from their files."""
        project, ids = runs[0].parent, [run.run_id for run in runs]
        found = fetch_columns(self.client, project, ids, self.keys or (), samples=2 * _MOST_SAMPLED)
        lacking = [run_id for run_id in ids if run_id not in found]
        sources = fetch_sources(self.client, project, lacking) if lacking else {}
        ready = []
        for run in runs:
            if run.run_id in found:
                ready.append(self._join(found[run.run_id], run))
                continue
            yield from ready
            ready = []
            yield from self._iter_run(run, sources.get(run.run_id))
        if ready:
            yield pa.concat_tables(ready).combine_chunks()

    def _join(self, columns: RunColumns, run: RunPath) -> pa.Table:
        is_numeric = set(self.kinds.values()) <= {"float"}
        wide = columns.to_numbers() if is_numeric else None
        if wide is None:
            table = self._spread(columns.to_long(), run)
        else:
            if self.how == "all":
                wide = wide.drop_null()
            table = self._with_run(wide, run)
        if not self.min_step and self.max_step is None:
            return table
        steps = table.column("_step").to_numpy()
        start = np.searchsorted(steps, self.min_step)
        stop = len(steps) if self.max_step is None else np.searchsorted(steps, self.max_step)
        return table.slice(start, max(0, stop - start))

    def _iter_run(self, run: RunPath, source: HistorySource | None) -> Iterator[pa.Table]:
        for long in scan_long(
            self.client,
            self.client.session,
            run,
            from_step=self.min_step,
            to_step=self.max_step,
            keys=None if self.keys is None else {*self.keys, *_parents(self.kinds)},
            source=source,
        ):
            table = self._spread(long, run)
            if table.num_rows:
                yield table

    def _spread(self, long: pa.Table, run: RunPath) -> pa.Table:
        long = _with_nested_keys(long, self.kinds)
        if self.keys is None:
            surplus = set(pc.unique(long.column("key")).to_pylist()) - {*self.kinds, "_step"}
            if surplus:
                raise IntegrityError(
                    f"Run {run} has a key {min(surplus)!r} that its list of keys did not hold "
                    "when this frame was made; make it again."
                )
        else:
            long = long.filter(pc.is_in(long.column("key"), pa.array(self.kinds, pa.string())))
        if self.how == "all":
            long = _with_all_keys(long, len(self.kinds))
        return self._with_run(long_to_wide(long, self.kinds, [*self.kinds, "_step"]), run)

    def _with_run(self, wide: pa.Table, run: RunPath) -> pa.Table:
        run_id = repeated_text(run.run_id, wide.num_rows)
        cells = [wide.column(name) for name in ("_step", *self.kinds)]
        table = pa.Table.from_arrays([run_id, *cells], names=self.schema.names)
        return table.cast(self.schema)


def plan_histories(
    client: Service,
    project: ProjectPath,
    nodes: Sequence[RunNode],
    *,
    keys: Sequence[str] | None = None,
    how: str = "any",
    min_step: int | None = None,
    max_step: int | None = None,
) -> HistoriesPlan:
    """Plan the reading of many complete histories.

    Args:
        client: Executes queries and downloads.
        project: The project of the runs.
        nodes: The runs with their full data, in order.
        keys: Keys to read; None for all.
        how: `any` for rows that have one of the keys, `all` for rows that have all of them.
        min_step: First step.
        max_step: Step to stop before.

    Returns:
        The plan. A column has the one type in which the server counted its values, numbers as
        floats; values of several types are JSON. Keys that the server does not list are found by
        reading.

    Raises:
        InputError: An argument that cannot be right.
        QueryError: No run logged one of the keys.
    """
    check_sampling(keys, "default")
    check_steps(min_step, max_step)
    if how not in ("any", "all"):
        raise InputError(f"how must be 'any' or 'all', not {how!r}.")
    if how == "all" and not keys:
        raise InputError("how='all' needs keys.")
    runs = {node.id: RunPath(project.entity, project.project, node.name) for node in nodes}
    listed = {node.id: _listed_kinds(node) for node in nodes}
    unlisted = [n.id for n in nodes if not listed[n.id] and n.history_line_count != 0]
    logged = map_in_order(lambda id: _logged_kinds(client, runs[id]), unlisted)
    kinds = _join_kinds([*listed.values(), *logged])
    if keys is not None:
        for key in keys:
            if key not in kinds and nodes:
                raise QueryError(f"No run of {project} logged {key!r}{suggest(key, kinds)}")
        kinds = {key: kinds.get(key, "float") for key in dict.fromkeys(keys)}
    return HistoriesPlan(
        client=client,
        runs=tuple(runs.values()),
        kinds=kinds,
        keys=None if keys is None else tuple(kinds),
        how="all" if how == "all" else "any",
        min_step=min_step or 0,
        max_step=max_step,
        sizes=tuple(_size(node, keys, kinds) for node in nodes),
    )


def _size(node: RunNode, keys: Sequence[str] | None, kinds: Mapping[str, str]) -> int | None:
    """Say how many values of the keys a run has; None when it is better read from its files."""
    if keys is None or not set(kinds.values()) <= _SAMPLED_KINDS:
        return None
    listed = read_node(HistoryKeys, node.history_keys)
    counts = [listed.count_of(key) or 0 for key in kinds]
    total = sum(listed.count_of(key) or 0 for key in listed.keys)
    is_few = sum(counts) <= _LARGEST_SHARE * total
    return sum(counts) if is_few and max(counts) <= _MOST_SAMPLED else None


def _listed_kinds(node: RunNode) -> dict[str, str]:
    """Give the kind of each key of a run, as far as the server lists them."""
    listed = read_node(HistoryKeys, node.history_keys)
    return {key: _kind(listed.types_of(key)) for key in listed.keys if key != "_step"}


def _kind(types: frozenset[str]) -> str:
    kinds = [_KINDS.get(name, "mixed") for name in types]
    return promote_all(kinds)


def _logged_kinds(client: Service, run: RunPath) -> dict[str, str]:
    """Give the kind of each key of a run whose keys the server does not list, by reading it."""
    found: dict[str, str] = {}
    for long in scan_long(client, client.session, run):
        for key, kind in kinds_of(long).items():
            found[key] = promote(found.get(key, "null"), kind)
    found.pop("_step", None)
    return found


def _join_kinds(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for part in parts:
        for key, kind in part.items():
            joined[key] = promote(joined.get(key, "null"), kind)
    return {key: scan_kind(kind) for key, kind in sorted(joined.items())}


def _with_all_keys(long: pa.Table, count: int) -> pa.Table:
    """Keep the steps that have as many values as there are keys: each key has one a step."""
    counts = long.group_by("step").aggregate([([], "count_all")])
    full = counts.filter(pc.equal(counts.column("count_all"), count)).column("step")
    return long.filter(pc.is_in(long.column("step"), full))


def _with_nested_keys(long: pa.Table, kinds: Mapping[str, str]) -> pa.Table:
    """Give members of logged objects the dotted names by which the server lists them."""
    is_nested = pc.is_in(long.column("key"), pa.array(sorted(_parents(kinds)), pa.string()))
    nested = long.filter(is_nested)
    if not nested.num_rows:
        return long
    rows: dict[int, dict[str, Any]] = {}
    for value in nested.to_pylist():
        row = rows.setdefault(value["step"], {"_step": value["step"]})
        row |= _members(value["key"], parse_json(value["text"] or "null"))
    members = rows_to_long([rows[step] for step in sorted(rows)])
    return pa.concat_tables([long.filter(pc.invert(is_nested)), members])


def _parents(kinds: Mapping[str, str]) -> set[str]:
    """Name the objects that dotted keys may be members of."""
    return {key.partition(".")[0] for key in kinds if "." in key} - set(kinds)


def _members(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: item
        for member, inner in value.items()
        for key, item in _members(f"{name}.{member}", inner).items()
    }
