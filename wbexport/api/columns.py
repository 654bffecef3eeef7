"""A few keys of many runs, asked for key by key: each run's rows are complete, or not given.

A server picks rows when a run has more than `samples`, and may have a limit of its own. So an
answer counts only when it holds as many rows as the same answer's `historyKeys` says were logged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wbexport.arrow.arrays import array_of_numbers
from wbexport.arrow.convert import rows_to_long
from wbexport.errors import GraphQLError, ResponseError, ServerError
from wbexport.graphql.documents import aliased
from wbexport.graphql.models import HistoryKeys, read_node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from wbexport.graphql.client import GraphQL
    from wbexport.paths import ProjectPath

__all__ = ["RunColumns", "fetch_columns"]

#: From here on a JSON number may be an integer that its double does not hold.
_INEXACT = 2.0**53
_NUMBERS = frozenset({int, float})


@dataclass(frozen=True)
class RunColumns:
    """All values of some keys of one run.

    Args:
        columns: By key, its steps in order and its values.
        text_keys: Keys that never held a number.
    """

    columns: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64] | list[Any]]]
    text_keys: frozenset[str]

    def to_numbers(self) -> pa.Table | None:
        """Give `_step` and a float column per key; None when not all values are numbers."""
        parts = [steps for steps, _ in self.columns.values()]
        steps = parts[0]
        if not all(np.array_equal(part, steps) for part in parts[1:]):
            steps = np.unique(np.concatenate(parts))
        cells = {"_step": array_of_numbers(steps)}
        for key, (own, values) in self.columns.items():
            if isinstance(values, list):
                return None
            cells[key] = array_of_numbers(values)
            if len(own) < len(steps):
                logged = np.zeros(len(steps), np.bool_)
                logged[np.searchsorted(steps, own)] = True
                column = np.zeros(len(steps))
                column[logged] = values
                cells[key] = array_of_numbers(column, logged)
        return pa.Table.from_arrays(list(cells.values()), names=list(cells))

    def to_long(self) -> pa.Table:
        """Give a `LONG` table."""
        rows: dict[int, dict[str, Any]] = {}
        for key, (steps, values) in self.columns.items():
            plain = values if isinstance(values, list) else values.tolist()
            for step, value in zip(steps.tolist(), plain, strict=True):
                rows.setdefault(step, {"_step": step})[key] = value
        return rows_to_long([rows[step] for step in sorted(rows)], text_keys=self.text_keys)


def fetch_columns(
    graphql: GraphQL,
    project: ProjectPath,
    run_ids: Sequence[str],
    keys: Sequence[str],
    *,
    samples: int,
) -> dict[str, RunColumns]:
    """Fetch some keys of many runs in one request.

    Args:
        graphql: Executes the query.
        project: The project of the runs.
        run_ids: The runs.
        keys: Keys of numbers, strings or booleans.
        samples: More rows than any of the runs has.

    Returns:
        By run id. A run is missing when its answer is not proven to be complete and exact.
    """
    specs = [json.dumps({"keys": ["_step", key], "samples": samples}) for key in keys]
    shared = {"entity": project.entity, "project": project.project, "specs": specs}
    batch = aliased("RunSampledHistory", [{"name": name} for name in run_ids], shared=shared)
    try:
        data = graphql.execute_text(batch.text, batch.variables)
    except (GraphQLError, ResponseError, ServerError):
        return {}
    found = {}
    for index, name in enumerate(run_ids):
        run = (data.get(f"b{index}") or {}).get("run") or {}
        if columns := _complete(run, keys, samples):
            found[name] = columns
    return found


def _complete(run: Mapping[str, Any], keys: Sequence[str], samples: int) -> RunColumns | None:
    """Read a run's answer; None unless all rows of all keys are in it."""
    known = read_node(HistoryKeys, run.get("historyKeys") or {})
    answers = run.get("sampledHistory")
    if not known.keys or not isinstance(answers, list) or len(answers) != len(keys):
        return None
    columns = {}
    for key, rows in zip(keys, answers, strict=True):
        if not isinstance(rows, list) or len(rows) >= samples or len(rows) != known.count_of(key):
            return None
        try:
            steps, values = [row["_step"] for row in rows], [row[key] for row in rows]
        except (KeyError, TypeError):
            return None
        if not set(map(type, steps)) <= {int}:
            return None
        places = np.array(steps, np.int64)
        numbers = np.array([v for v in values if type(v) in _NUMBERS], np.float64)
        if not (np.diff(places) > 0).all() or (np.abs(numbers) >= _INEXACT).any():
            return None
        columns[key] = places, numbers if len(numbers) == len(values) else values
    return RunColumns(columns, known.text_keys)
