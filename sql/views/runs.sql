-- What is known of every run: identity, state, times, config and summary as JSON, and how complete its copy is.
-- One row per run.
create or replace view runs as
select
    p.entity,
    p.project,
    r.run_id,
    r.display_name,
    r.state,
    r.group_name,
    r.job_type,
    r.sweep_id,
    r.tags,
    r.notes,
    r.username,
    r.created_at,
    r.heartbeat_at,
    r.updated_at,
    r.duration,
    r.config,
    r.summary,
    r.system_metrics,
    r.git_commit,
    r.host,
    r.program,
    r.exit_code,
    r.history_line_count,
    r.last_step,
    r.status,
    r.stored_rows,
    r.synced_at,
    r.missing_since,
    p.origin,
    r.storage_id,
    r.run_no
from stored.runs r
join stored.projects p on p.project_no = r.project_no;
