-- Which value every key of a run ended with, as the run's summary has it: `value` holds numbers, `text` strings, `json` everything.
-- One row per run and top-level key of its summary.
create or replace view summary as
select
    p.entity,
    p.project,
    r.run_id,
    j.key,
    case j.type
        when 'VARCHAR' then 'string'
        when 'BOOLEAN' then 'bool'
        when 'NULL' then 'null'
        when 'OBJECT' then 'json'
        when 'ARRAY' then 'json'
        when 'DOUBLE' then 'float'
        else 'int'
    end as kind,
    case
        when j.type not in ('VARCHAR', 'BOOLEAN', 'NULL', 'OBJECT', 'ARRAY') then try_cast(j.value ->> '$' as double)
    end as value,
    case
        when j.type = 'VARCHAR' then j.value ->> '$'
    end as text,
    j.value as json,
    r.run_no
from stored.runs r
join stored.projects p on p.project_no = r.project_no
cross join json_each(r.summary) j;
