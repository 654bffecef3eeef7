-- What was logged under each key of each run.
-- Grain: one row per run, stream and key.
select
    r.run_id,
    k.stream,
    k.key,
    s.kind,
    s.rows,
    s.first_step,
    s.last_step,
    s.min,
    s.max,
    s.last
from stored.run_keys as s
join stored.runs as r on r.run_no = s.run_no
join stored.keys as k on k.key_no = s.key_no
where r.project_no = $project_no
order by r.run_id, k.stream, k.key
