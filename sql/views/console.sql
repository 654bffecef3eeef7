-- What every run printed, line by line from number 0.
-- One row per run and console line.
create or replace view console as
select
    p.entity,
    p.project,
    r.run_id,
    c.number,
    c.logged_at,
    c.level,
    c.line,
    c.run_no
from stored.console_lines c
join stored.runs r on r.run_no = c.run_no
join stored.projects p on p.project_no = r.project_no;
