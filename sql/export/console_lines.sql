-- What the runs printed.
-- Grain: one row per run and line.
select
    r.run_id,
    c.number,
    c.logged_at,
    c.level,
    c.line
from stored.console_lines as c
join stored.runs as r on r.run_no = c.run_no
where r.project_no = $project_no
order by r.run_id, c.number
