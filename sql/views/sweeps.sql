-- Which sweeps every project has, how they search, and how far they have come.
-- One row per sweep.
create or replace view sweeps as
with
run_counts as (
    select
        project_no,
        sweep_id,
        count(*) as stored_runs
    from stored.runs
    where missing_since is null
    group by project_no, sweep_id
)
select
    p.entity,
    p.project,
    s.sweep_id,
    s.display_name,
    s.method,
    s.state,
    s.best_loss,
    coalesce(c.stored_runs, 0) as stored_runs,
    s.run_count_expected as expected_runs,
    s.config,
    s.created_at
from stored.sweeps s
join stored.projects p on p.project_no = s.project_no
left join run_counts c on c.project_no = s.project_no and c.sweep_id = s.sweep_id;
