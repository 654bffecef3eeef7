-- What every run logged: `value` holds numbers, `text` strings, `json` everything.
-- One row per run, key and step.
create or replace view history as
select
    p.entity,
    p.project,
    r.run_id,
    k.key,
    h.step,
    h.value,
    case
        when h.text[1] = '"' and json_valid(h.text) then h.text ->> '$'
    end as text,
    stored.literal_of(h.value, h.text) as json,
    h.run_no
from stored.history h
join stored.keys k on k.key_no = h.key_no
join stored.runs r on r.run_no = h.run_no
join stored.projects p on p.project_no = r.project_no;
