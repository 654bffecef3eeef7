-- When every project was synced, with what result, and what it took.
-- One row per sync.
create or replace view syncs as
select
    s.sync_no,
    p.entity,
    p.project,
    s.started_at,
    s.finished_at,
    s.status,
    s.runs_seen,
    s.runs_fetched,
    s.rows_fetched,
    s.requests,
    s.bytes_received,
    s.message
from stored.syncs s
join stored.projects p on p.project_no = s.project_no;
