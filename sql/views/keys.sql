-- Which keys every run logged, of which kind, how often, and between which bounds; NaN counts in `rows` only.
-- One row per run, stream and key.
create or replace view keys as
select
    p.entity,
    p.project,
    r.run_id,
    k.stream,
    k.key,
    s.kind,
    s.rows,
    s.first_step,
    s.last_step,
    s.min,
    s.max,
    s.last,
    s.run_no
from stored.run_keys s
join stored.keys k on k.key_no = s.key_no
join stored.runs r on r.run_no = s.run_no
join stored.projects p on p.project_no = r.project_no;
