"""Projects and runs that are logged into a store, or read into it, rather than synced."""

from __future__ import annotations

import base64
import mimetypes
import secrets
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.literals import parse_json, write_json
from wbexport.arrow.schema import RUNS
from wbexport.paths import DEFAULT_PROJECT, REGISTRY_PREFIX
from wbexport.store import accounts, reader, writer
from wbexport.store.ledger import LOGGED_HERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

    from wbexport.store.blobs import Blob

__all__ = [
    "CONSOLE",
    "ORGANIZATION",
    "ORG_ENTITY",
    "USER",
    "default_entity",
    "ensure_project",
    "entities",
    "file_row",
    "find_project",
    "latest_metrics",
    "logged_events",
    "logged_rows",
    "new_run",
    "opaque_id",
    "run_storage_id",
    "runs_table",
    "unique_id",
]

#: Who logs here; also the entity of the first project.
USER = "local"
#: The organization that every user and team belongs to, for W&B's protocol cannot make one, and
#: the entity that owns its registries.
ORGANIZATION = "local"
ORG_ENTITY = "local_org"

CONSOLE = pa.schema(
    [
        ("number", pa.int64()),
        ("logged_at", pa.timestamp("us")),
        ("level", pa.string()),
        ("line", pa.string()),
    ]
)


def opaque_id(text: str) -> str:
    """Return an id as W&B spells them: base64 of a text that says what it is."""
    return base64.b64encode(text.encode()).decode()


def unique_id(kind: str) -> str:
    """Return an id for a thing whose names may change, unlike that of any other server."""
    return opaque_id(f"{kind}:{secrets.randbits(62)}")


def run_storage_id(entity: str, project: str, run_id: str) -> str:
    """Return what GraphQL calls the id of a run."""
    return opaque_id(f"Run:v1:{run_id}:{project}:{entity}")


def entities(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the owners of projects, those of older projects first; not that of registries."""
    projects = sorted(reader.read_projects(cursor).to_pylist(), key=lambda row: row["project_no"])
    owners = dict.fromkeys(row["entity"] for row in projects)
    return [name for name in owners if name != ORG_ENTITY]


def default_entity(cursor: duckdb.DuckDBPyConnection) -> str:
    """Name the entity that a path without one means, for who has no entity of their own."""
    made = {entity.name for entity in accounts.read_entities(cursor)}
    return next((name for name in entities(cursor) if name not in made), USER)


def find_project(
    cursor: duckdb.DuckDBPyConnection, entity: str, name: str | None
) -> dict[str, Any] | None:
    """Return a project; without a name, the one that runs of no project go to.

    A registry is found under the name of its organization too.
    """
    name = name or DEFAULT_PROJECT
    if entity == ORGANIZATION and name.startswith(REGISTRY_PREFIX):
        entity = ORG_ENTITY
    return reader.read_project(cursor, entity, name)


def ensure_project(
    cursor: duckdb.DuckDBPyConnection, entity: str, name: str, *, now: datetime, **changes: Any
) -> tuple[int, bool]:
    """Create a project unless it is there, and change what is given.

    Args:
        cursor: Cursor of a transaction.
        entity: Its owner.
        name: Its name.
        now: The time.
        **changes: `description`, `access` or `attributes`; None leaves them.

    Returns:
        Its number, and whether it is new.
    """
    found = find_project(cursor, entity, name)
    given = {key: value for key, value in changes.items() if value is not None}
    if found is not None and not given:
        return found["project_no"], False
    known: dict[str, Any] = found or {
        "origin": LOGGED_HERE,
        "storage_id": _project_storage_id(cursor, entity, name),
        "entity": entity,
        "project": name,
        "created_at": now,
    }
    names = writer.ProjectRow.__dataclass_fields__
    columns: dict[str, Any] = {key: known.get(key) for key in names} | given
    return writer.upsert_project(cursor, writer.ProjectRow(**columns)), found is None


def _project_storage_id(cursor: duckdb.DuckDBPyConnection, entity: str, name: str) -> str:
    """Return an id for a new project; a registry that was renamed has kept that of its old name."""
    wanted = opaque_id(f"Project:v1:{name}:{entity}")
    taken = wanted in reader.read_projects(cursor)["storage_id"].to_pylist()
    return opaque_id(f"Project:v1:{name}:{entity}:{secrets.randbits(62)}") if taken else wanted


def new_run(entity: str, project: str, run_id: str, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a run that has just begun."""
    return {
        "storage_id": run_storage_id(entity, project, run_id),
        "run_id": run_id,
        "display_name": run_id,
        "state": "running",
        "tags": [],
        "read_only": False,
        "username": USER,
        "user_name": USER,
        "created_at": now,
        "heartbeat_at": now,
        "updated_at": now,
        "stop_requested": False,
        "config": "{}",
        "wandb_config": "{}",
        "summary": "{}",
        "system_metrics": "{}",
        "history_line_count": 0,
        "events_line_count": 0,
        "log_line_count": 0,
        "status": "live",
    }


def runs_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return run columns, the same in every row, as `upsert_runs` takes them."""
    kinds = {"streams": pa.list_(pa.string()), "missing_since": pa.timestamp("us")}
    fields = [
        RUNS.field(name) if name in RUNS.names else pa.field(name, kinds.get(name, pa.string()))
        for name in rows[0]
    ]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def logged_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Turn history rows as the SDK writes them into a `LONG` table."""
    # Here NaN has a token of its own, so that the string "NaN" is a string.
    return rows_to_long(rows, text_keys=frozenset().union(*rows))


def logged_events(rows: Sequence[Mapping[str, Any]], *, first: int) -> pa.Table:
    """Turn machine metrics into a `LONG` table whose first row has the number `first`."""
    return rows_to_long(rows, step_key=None, first_step=first)


def latest_metrics(before: str | None, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the last value of each machine metric, as JSON text."""
    latest = parse_json(before or "{}")
    for row in rows:
        latest |= {key: value for key, value in row.items() if key.startswith("system.")}
    return write_json(latest)


def file_row(
    run_no: int, storage_id: str, name: str, blob: Blob, *, now: datetime
) -> dict[str, Any]:
    """Return what is to be known of a run file whose bytes are stored.

    Args:
        run_no: The run.
        storage_id: Its storage id.
        name: The file's name.
        blob: Its bytes.
        now: The time.
    """
    return {
        "run_no": run_no,
        "name": name,
        "storage_id": opaque_id(f"RunFile:{storage_id}:{name}"),
        "size": blob.size,
        "md5": base64.b64encode(bytes.fromhex(blob.md5)).decode(),
        "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "updated_at": now,
        "uploaded": True,
        "blob": blob.sha256,
    }
