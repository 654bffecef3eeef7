"""W&B's sample of a run's history, as rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wbexport.api.history import fetch_run
from wbexport.arrow.convert import parse_rows
from wbexport.arrow.literals import SPECIAL_NUMBERS
from wbexport.errors import GraphQLError, InputError, ResponseError, ServerError
from wbexport.graphql.documents import aliased
from wbexport.graphql.models import HistoryKeys, read_node
from wbexport.paths import RunPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wbexport.graphql.client import GraphQL
    from wbexport.paths import ProjectPath

__all__ = ["check_sampling", "sampled_rows", "sampled_rows_of_runs"]

_Row = dict[str, Any]


def check_sampling(keys: Sequence[str] | None, stream: str, samples: int = 1) -> None:
    """Refuse arguments of `history` and `scan_history` that cannot be right."""
    if keys is not None and not isinstance(keys, list | tuple):
        raise InputError("keys must be a list of strings, such as ['loss'].")
    if any(not isinstance(key, str) for key in keys or ()):
        raise InputError("keys must be a list of strings, such as ['loss'].")
    if stream not in ("default", "system"):
        raise InputError(f"stream must be 'default' or 'system', not {stream!r}.")
    if keys and stream == "system":
        raise InputError("The system stream cannot be read by keys; leave keys out.")
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise InputError(f"samples must be a whole number above 0, not {samples!r}.")


def sampled_rows(
    graphql: GraphQL,
    path: RunPath,
    *,
    samples: int = 500,
    keys: Sequence[str] | None = None,
    x_axis: str = "_step",
    stream: str = "default",
) -> list[_Row]:
    """Fetch W&B's sample of a run's history.

    Args:
        graphql: Executes the query.
        path: The run.
        samples: How many rows to ask for.
        keys: Only rows that have all of these, and of them only these and `x_axis`.
        x_axis: The key that goes with them.
        stream: `default` for metrics, `system` for machine metrics.

    Returns:
        The rows the server chose. `"NaN"` and infinities are numbers again.
    """
    check_sampling(keys, stream, samples)
    operation, variables = _question(samples, keys, x_axis, stream)
    return _rows_of(fetch_run(graphql, operation, path, **variables), path)


def sampled_rows_of_runs(
    graphql: GraphQL,
    project: ProjectPath,
    run_ids: Sequence[str],
    *,
    samples: int,
    keys: Sequence[str] | None,
    x_axis: str,
    stream: str,
) -> list[list[_Row]]:
    """Fetch W&B's samples of several runs in one request, or one by one if that is refused.

    Args:
        graphql: Executes the query.
        project: The project of the runs.
        run_ids: The runs.
        samples: See `sampled_rows`, as for the others.
        keys: Likewise.
        x_axis: Likewise.
        stream: Likewise.

    Returns:
        The rows of each run.
    """
    operation, variables = _question(samples, keys, x_axis, stream)
    shared = {"entity": project.entity, "project": project.project, **variables}
    batch = aliased(operation, [{"name": name} for name in run_ids], shared=shared)
    try:
        data = graphql.execute_text(batch.text, batch.variables) if len(run_ids) > 1 else {}
    except (GraphQLError, ResponseError, ServerError):
        data = {}
    found = []
    for index, name in enumerate(run_ids):
        path = RunPath(project.entity, project.project, name)
        run = (data.get(f"b{index}") or {}).get("run")
        found.append(_rows_of(run or fetch_run(graphql, operation, path, **variables), path))
    return found


def _question(
    samples: int, keys: Sequence[str] | None, x_axis: str, stream: str
) -> tuple[str, dict[str, Any]]:
    """Choose the query and its variables."""
    if keys:
        spec = json.dumps({"keys": [x_axis, *keys], "samples": samples})
        return "RunSampledHistory", {"specs": [spec]}
    return "RunHistory" if stream == "default" else "RunEvents", {"samples": samples}


def _rows_of(run: Mapping[str, Any], path: RunPath) -> list[_Row]:
    """Read the rows of an answer."""
    if "sampledHistory" in run:
        answers = run["sampledHistory"]
        rows = answers[0] if isinstance(answers, list) and answers else None
    else:
        lines: list[str] | None = run.get("history")
        rows = None if lines is None else parse_rows(lines)
        if rows and not any('NaN"' in line or 'Infinity"' in line for line in lines or ()):
            return rows
    if rows is None:
        raise ResponseError(f"The server sent no history for {path}; try again later.")
    known = read_node(HistoryKeys, run.get("historyKeys") or {})
    return [_with_numbers(row, known) for row in rows]


def _with_numbers(row: _Row, known: HistoryKeys) -> _Row:
    for key, value in row.items():
        if isinstance(value, str) and value in SPECIAL_NUMBERS and key not in known.text_keys:
            row[key] = SPECIAL_NUMBERS[value]
    return row
