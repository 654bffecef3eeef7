-- Every run of a project as the server describes it, JSON columns as text.
-- Grain: one row per run.
select
    r.run_id,
    r.storage_id,
    r.display_name,
    r.state,
    r.group_name,
    r.job_type,
    r.sweep_id,
    to_json(r.tags)::varchar as tags,
    r.notes,
    r.description,
    r.git_commit,
    r.host,
    r.program,
    r.username,
    r.user_name,
    r.created_at,
    r.heartbeat_at,
    r.duration,
    r.exit_code,
    r.config::varchar as config,
    r.wandb_config::varchar as wandb_config,
    r.summary::varchar as summary,
    r.system_metrics::varchar as system_metrics,
    r.history_keys::varchar as history_keys,
    r.history_line_count,
    r.last_step,
    r.status,
    r.stored_rows,
    r.generation,
    r.synced_at,
    r.missing_since
from stored.runs as r
where r.project_no = $project_no
order by r.created_at, r.storage_id
