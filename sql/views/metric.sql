-- How one key developed in every run that logged it: from metric('train/loss').
-- One row per run and step.
create or replace macro metric(metric_key) as table
select
    p.entity,
    p.project,
    r.run_id,
    h.step,
    h.value,
    stored.literal_of(h.value, h.text) as json,
    h.run_no
from stored.history h
join stored.runs r on r.run_no = h.run_no
join stored.projects p on p.project_no = r.project_no
where h.key_no in (select k.key_no from stored.keys k where k.key = metric_key and k.stream = 'history');
