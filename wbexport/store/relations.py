"""Creates what people query: the views and macros of `sql/views`, and a wide view per project."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from wbexport.sqlfiles import list_sql, read_sql
from wbexport.store.migrations import read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

__all__ = ["WIDE_KEYS", "create_views", "create_wide_views", "views_are_current"]

#: A wide view gets slower faster than linearly: `select *` of one run takes 16 ms over 50
#: columns, 3 s over 400.
WIDE_KEYS = 64

_WIDE_COLUMNS = {
    "int": "value",
    "float": "value",
    "string": "case when json_valid(text) then text ->> '$' else text end",
    "bool": "nullif(text, 'null') = 'true'",
}


def views_are_current(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether the store's views are those of this version of wbexport."""
    return read_meta(cursor, "views") == _digest(_statements())


def create_views(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create or replace every view and table macro of `sql/views`."""
    statements = _statements()
    for statement in statements:
        cursor.execute(statement)
    write_meta(cursor, "views", _digest(statements))


def create_wide_views(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create a view per project with its most logged keys as columns, one row per run and step.

    The view of `team/project` is called `history_team_project`. Names that DuckDB cannot tell
    apart get a number behind them. Nothing happens while the keys stay the same.
    """
    statements = _wide_statements(cursor)
    if read_meta(cursor, "wide_views") == (digest := _digest(statements.values())):
        return
    for name in json.loads(read_meta(cursor, "wide_view_names") or "[]"):
        cursor.execute(f"drop view if exists {_quoted(name)}")
    for statement in statements.values():
        cursor.execute(statement)
    write_meta(cursor, "wide_views", digest)
    write_meta(cursor, "wide_view_names", json.dumps(list(statements)))


def _statements() -> list[str]:
    return [read_sql(name) for name in sorted(list_sql("views"))]


def _digest(statements: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(statements).encode()).hexdigest()


def _wide_statements(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """View name → statement, for every project that has logged anything."""
    found = cursor.execute(
        """
        select p.project_no, p.entity, p.project, k.key_no, k.key,
            stored.kind_of(
                sum(s.ints), sum(s.floats), sum(s.bigs), sum(s.strings), sum(s.bools),
                sum(s.maps), sum(s.lists)
            )
        from stored.run_keys s
        join stored.keys k on k.key_no = s.key_no and k.stream = 'history'
        join stored.runs r on r.run_no = s.run_no
        join stored.projects p on p.project_no = r.project_no
        group by p.project_no, p.entity, p.project, k.key_no, k.key
        qualify row_number() over (partition by p.project_no order by sum(s.rows) desc, k.key) <= ?
        order by p.project_no, k.key
        """,
        [WIDE_KEYS],
    ).fetchall()
    projects: dict[tuple[int, str, str], list[tuple[int, str, str]]] = {}
    for project_no, entity, project, key_no, key, kind in found:
        projects.setdefault((project_no, entity, project), []).append((key_no, key, kind))
    names = _distinct(_slug(f"history_{entity}_{project}") for _, entity, project in projects)
    return {
        name: _wide_statement(name, project_no, keys)
        for name, ((project_no, _, _), keys) in zip(names, projects.items(), strict=True)
    }


def _wide_statement(name: str, project_no: int, keys: list[tuple[int, str, str]]) -> str:
    columns = _distinct((key for _, key, _ in keys), taken=("run_id", "step"))
    cells = ",\n    ".join(
        f"any_value({_WIDE_COLUMNS.get(kind, 'text')}) filter (where h.key_no = {key_no})"
        f" as {_quoted(column)}"
        for column, (key_no, _, kind) in zip(columns, keys, strict=True)
    )
    numbers = ", ".join(str(key_no) for key_no, _, _ in keys)
    return f"""create view {_quoted(name)} as
select
    r.run_id,
    h.step,
    {cells}
from stored.history h
join stored.runs r on r.run_no = h.run_no
where r.project_no = {project_no}
    and h.key_no in ({numbers})
group by r.run_id, h.step"""


def _distinct(names: Iterable[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Names with a number behind those that DuckDB, which folds ASCII case, would confuse.

    NUL, which no identifier may hold, is left out before they are compared.
    """
    seen, result = {name.lower() for name in taken}, []
    for name in (each.replace("\0", "") for each in names):
        candidate, number = name, 1
        while not candidate or candidate.lower() in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate.lower())
        result.append(candidate)
    return result


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", name).lower()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
