-- How much of every project is here: runs by status, rows stored against rows the server counted, failures.
-- One row per project.
create or replace view coverage as
with
run_counts as (
    select
        project_no,
        count(*) as runs,
        count(*) filter (where status in ('complete', 'live')) as complete,
        count(*) filter (where status = 'loading') as loading,
        count(*) filter (where status = 'incomplete') as incomplete,
        count(*) filter (where status = 'header') as header_only,
        count(*) filter (where missing_since is not null) as missing,
        sum(stored_rows) as stored_rows,
        sum(history_line_count) filter (where status <> 'header') as expected_rows,
        max(synced_at) as last_synced_at
    from stored.runs
    group by project_no
),
failures as (
    select
        project_no,
        count(*) as quarantined
    from stored.quarantine
    group by project_no
)
select
    p.entity,
    p.project,
    coalesce(c.runs, 0) as runs,
    coalesce(c.complete, 0) as complete,
    coalesce(c.loading, 0) as loading,
    coalesce(c.incomplete, 0) as incomplete,
    coalesce(c.header_only, 0) as header_only,
    coalesce(c.missing, 0) as missing,
    coalesce(f.quarantined, 0) as quarantined,
    coalesce(c.stored_rows, 0) as stored_rows,
    c.expected_rows,
    c.last_synced_at
from stored.projects p
left join run_counts c on c.project_no = p.project_no
left join failures f on f.project_no = p.project_no;
