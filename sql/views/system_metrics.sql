-- What the machine of every run measured of itself; `row` counts the samples of a run from 0.
-- One row per run, key and sample.
create or replace view system_metrics as
select
    p.entity,
    p.project,
    r.run_id,
    k.key,
    s.step as row,
    s.value,
    stored.literal_of(s.value, s.text) as json,
    s.run_no
from stored.system s
join stored.keys k on k.key_no = s.key_no
join stored.runs r on r.run_no = s.run_no
join stored.projects p on p.project_no = r.project_no;
