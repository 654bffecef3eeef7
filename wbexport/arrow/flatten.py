"""One row per run with config and summary spread over columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.literals import escape_surrogates, parse_json
from wbexport.arrow.promote import kinds_of
from wbexport.arrow.wide import scatter
from wbexport.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["COLUMN_PATHS", "LEFT_OUT", "columns_of_rows", "flatten_runs"]

#: Schema metadata: JSON object of flattened column name → path, e.g. `["config", "a", "b"]`.
COLUMN_PATHS = b"wbexport.paths"

_SPREAD = ("config", "summary")
#: JSON that is for machines: the run objects give it, a frame for people does not.
LEFT_OUT = ("wandb_config", "system_metrics", "history_keys")

_PARSED_AT_ONCE = 100

_Path = tuple[str, ...]


def flatten_runs(runs: pa.Table) -> pa.Table:
    """Spread the config and summary of runs over columns.

    Nested objects become dotted columns, lists and mixed columns strings of JSON. Two paths that
    give one name, such as `{"a": {"b": 1}}` and `{"a.b": 1}`, get `#2` and so on after the first;
    the metadata under `COLUMN_PATHS` tells which column is which path.

    Args:
        runs: A table with the `RUNS` columns, or some of them.

    Returns:
        One row per run in the same order: the run columns, `config.*`, then `summary.*`.
    """
    spread: dict[str, pa.Array] = {}
    paths: dict[str, _Path] = {}
    for column in _SPREAD:
        if column not in runs.column_names:
            continue
        leaves = [_leaves(each) for each in _parsed(runs.column(column).to_pylist())]
        places: set[str | _Path] = set().union(*leaves)
        found = {
            place: (column, *([place] if isinstance(place, str) else place)) for place in places
        }
        names = _name_paths(set(found.values()))
        titles = {place: names[path] for place, path in found.items()}
        if any(title != f"{column}.{place}" for place, title in titles.items()):
            rows = [{titles[place]: value for place, value in row.items()} for row in leaves]
            spread |= columns_of_rows(rows)
        else:
            plain = columns_of_rows(cast("list[dict[str, Any]]", leaves))
            spread |= {titles[place]: cells for place, cells in plain.items()}
        paths |= {name: path for path, name in names.items()}
    kept = [name for name in runs.column_names if name not in (*_SPREAD, *LEFT_OUT)]
    columns = {name: runs.column(name) for name in kept} | spread
    return pa.table(columns, metadata={COLUMN_PATHS: json.dumps(paths).encode()})


def columns_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """Lay rows out as columns, each of the type that holds all its values.

    Args:
        rows: Parsed JSON objects; any may lack any key.

    Returns:
        Key to column, sorted by key: int64, float64, bool or string; objects, lists and mixed
        values are strings of JSON.

    Example:
        >>> columns_of_rows([{"a": 1}, {"a": 0.5, "b": "x"}])["a"].type
        DataType(double)
    """
    long = rows_to_long(rows, text_keys={key for row in rows for key in row}, step_key=None)
    places = long.column("step").to_numpy().astype(np.intp)
    return scatter(long, places, len(rows), dict(sorted(kinds_of(long).items())))


def _parsed(texts: Sequence[str | None]) -> Iterator[Any]:
    """Read JSON texts, many at a time."""
    for start in range(0, len(texts), _PARSED_AT_ONCE):
        part = texts[start : start + _PARSED_AT_ONCE]
        values = parse_json(f"[{','.join(text or 'null' for text in part)}]")
        if len(values) != len(part):
            raise ResponseError("A config or summary is not one JSON value.")
        yield from values


def _leaves(whole: Any) -> dict[str | _Path, Any]:
    """Give every value that is not a non-empty object: by its key, or its path inside others."""
    if not isinstance(whole, dict):
        return {}
    if dict not in set(map(type, whole.values())):
        return whole
    found: dict[str | _Path, Any] = {}
    stack: list[tuple[_Path, dict[str, Any]]] = [((), whole)]
    while stack:
        path, value = stack.pop()
        for key, item in value.items():
            if item and isinstance(item, dict):
                stack.append(((*path, key), item))
            else:
                found[(*path, key) if path else key] = item
    return found


def _name_paths(paths: set[_Path]) -> dict[_Path, str]:
    """Give each path a column name of its own; as in filters, a literal dotted key goes first."""
    names: dict[_Path, str] = {}
    taken: set[str] = set()
    for path in sorted(paths, key=lambda path: (len(path), path)):
        plain = name = escape_surrogates(".".join(path))
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}#{number}"
        taken.add(name)
        names[path] = name
    return names
