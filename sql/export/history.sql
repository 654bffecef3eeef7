-- Every value that was logged.
-- `value` holds numbers, `text` the JSON literal of everything else.
-- Grain: one row per run, key and step.
select
    r.run_id,
    k.key,
    s.step,
    s.value,
    s.text
from stored.history as s
join stored.runs as r on r.run_no = s.run_no
join stored.keys as k on k.key_no = s.key_no
where r.project_no = $project_no
