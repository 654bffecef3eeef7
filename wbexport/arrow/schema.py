"""The Arrow shapes that rooms exchange."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["COLLECTIONS", "LONG", "MEMBERS", "RUNS", "STORED_LONG", "VERSIONS"]

#: One run's logged values, in (key, step) order. `value` holds every number that is exactly a
#: double, NaN and infinities included; `text` holds the JSON literal of everything else.
LONG = pa.schema(
    [
        pa.field("key", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
    ]
)

#: `LONG` read back from the store for many runs.
STORED_LONG = pa.schema([pa.field("run_no", pa.int32(), nullable=False), *LONG])

_UTC_MICROSECONDS = pa.timestamp("us")

#: One row per run as a server describes it; the columns of the store's `runs` table up to its
#: ledger. JSON columns hold JSON text, in which NaN and infinities are bare tokens.
RUNS = pa.schema(
    [
        pa.field("storage_id", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("display_name", pa.string()),
        pa.field("state", pa.string()),
        pa.field("group_name", pa.string()),
        pa.field("job_type", pa.string()),
        pa.field("sweep_id", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("notes", pa.string()),
        pa.field("description", pa.string()),
        pa.field("git_commit", pa.string()),
        pa.field("host", pa.string()),
        pa.field("program", pa.string()),
        pa.field("read_only", pa.bool_()),
        pa.field("username", pa.string()),
        pa.field("user_name", pa.string()),
        pa.field("created_at", _UTC_MICROSECONDS),
        pa.field("heartbeat_at", _UTC_MICROSECONDS),
        pa.field("updated_at", _UTC_MICROSECONDS),
        pa.field("duration", pa.float64()),
        pa.field("exit_code", pa.int32()),
        pa.field("stop_requested", pa.bool_()),
        pa.field("config", pa.string()),
        pa.field("wandb_config", pa.string()),
        pa.field("summary", pa.string()),
        pa.field("system_metrics", pa.string()),
        pa.field("history_keys", pa.string()),
        pa.field("history_line_count", pa.int64()),
        pa.field("events_line_count", pa.int64()),
        pa.field("log_line_count", pa.int64()),
        pa.field("last_step", pa.int64()),
    ]
)

#: One row per artifact collection as a server describes it.
COLLECTIONS = pa.schema(
    [
        pa.field("storage_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("client_id", pa.string()),
        pa.field("created_at", _UTC_MICROSECONDS),
        pa.field("updated_at", _UTC_MICROSECONDS),
    ]
)

#: One row per version of an artifact, with the columns of the store's `artifacts` table.
VERSIONS = pa.schema(
    [
        pa.field("storage_id", pa.string(), nullable=False),
        pa.field("version_index", pa.int32()),
        pa.field("state", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("digest_algorithm", pa.string()),
        pa.field("description", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("ttl_seconds", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("file_count", pa.int64()),
        pa.field("history_step", pa.int64()),
        pa.field("commit_hash", pa.string()),
        pa.field("run_storage_id", pa.string()),
        pa.field("username", pa.string()),
        pa.field("manifest", pa.string()),
        pa.field("client_ids", pa.list_(pa.string())),
        pa.field("distributed_id", pa.string()),
        pa.field("wanted_aliases", pa.list_(pa.string())),
        pa.field("created_at", _UTC_MICROSECONDS),
        pa.field("updated_at", _UTC_MICROSECONDS),
    ]
)

#: One row per version in a collection.
MEMBERS = pa.schema(
    [
        pa.field("artifact_no", pa.int32(), nullable=False),
        pa.field("storage_id", pa.string(), nullable=False),
        pa.field("version_index", pa.int32(), nullable=False),
        pa.field("aliases", pa.list_(pa.string())),
        pa.field("created_at", _UTC_MICROSECONDS),
    ]
)
