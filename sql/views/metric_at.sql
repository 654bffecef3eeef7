-- Where one key stood at a step, in every run that had logged it by then: from metric_at('val/acc', 1000).
-- One row per run.
create or replace macro metric_at(metric_key, at_step) as table
select
    p.entity,
    p.project,
    r.run_id,
    max(h.step) as step,
    arg_max_null(h.value, h.step) as value,
    stored.literal_of(arg_max_null(h.value, h.step), arg_max_null(h.text, h.step)) as json,
    h.run_no
from stored.history h
join stored.runs r on r.run_no = h.run_no
join stored.projects p on p.project_no = r.project_no
where h.key_no in (select k.key_no from stored.keys k where k.key = metric_key and k.stream = 'history')
    and h.step <= at_step
group by p.entity, p.project, r.run_id, h.run_no;
