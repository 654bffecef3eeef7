"""The complete histories of many runs as one lazy frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from wbexport.api.concurrent import iter_each, map_in_order
from wbexport.api.history import HistorySource, fetch_sources, scan_long
from wbexport.api.sampling import check_sampling
from wbexport.api.scan_history import check_steps
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
    """

    client: Service
    runs: tuple[RunPath, ...]
    kinds: Mapping[str, str]
    keys: tuple[str, ...] | None
    how: Literal["any", "all"]
    min_step: int
    max_step: int | None

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
        for start in range(0, len(self.runs), _RUNS_PER_REQUEST):
            runs = self.runs[start : start + _RUNS_PER_REQUEST]
            sources = fetch_sources(self.client, runs[0].parent, [run.run_id for run in runs])
            for run in runs:
                yield partial(self._iter_run, run, sources.get(run.run_id))

    def _iter_run(self, run: RunPath, source: HistorySource | None) -> Iterator[pa.Table]:
        for long in scan_long(
            self.client,
            self.client.session,
            run,
            from_step=self.min_step,
            to_step=self.max_step,
            keys=self.keys,
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
        if self.how == "all":
            long = _with_all_keys(long, len(self.kinds))
        wide = long_to_wide(long, self.kinds, [*self.kinds, "_step"])
        run_id = pa.repeat(run.run_id, wide.num_rows)
        cells = [wide.column(name) for name in ("_step", *self.kinds)]
        return pa.table([run_id, *cells], names=self.schema.names).cast(self.schema)


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
    )


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
    dotted = {key.partition(".")[0] for key in kinds if "." in key} - set(kinds)
    is_nested = pc.is_in(long.column("key"), pa.array(sorted(dotted), pa.string()))
    nested = long.filter(is_nested)
    if not nested.num_rows:
        return long
    rows: dict[int, dict[str, Any]] = {}
    for value in nested.to_pylist():
        row = rows.setdefault(value["step"], {"_step": value["step"]})
        row |= _members(value["key"], parse_json(value["text"] or "null"))
    members = rows_to_long([rows[step] for step in sorted(rows)])
    return pa.concat_tables([long.filter(pc.invert(is_nested)), members])


def _members(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: item
        for member, inner in value.items()
        for key, item in _members(f"{name}.{member}", inner).items()
    }
