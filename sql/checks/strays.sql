-- Which rows belong to no run, and which runs to no project?
-- One row per table and number that leads nowhere; none in a sound store.
select distinct
    'runs' as stray_in,
    project_no as number
from stored.runs
where project_no not in (select project_no from stored.projects)
union all
select distinct
    'history',
    run_no
from stored.history
where run_no not in (select run_no from stored.runs)
union all
select distinct
    'system',
    run_no
from stored.system
where run_no not in (select run_no from stored.runs)
union all
select distinct
    'keys of history',
    key_no
from stored.history
where key_no not in (select key_no from stored.keys)
union all
select distinct
    'files',
    run_no
from stored.files
where run_no not in (select run_no from stored.runs)
union all
select distinct
    'console_lines',
    run_no
from stored.console_lines
where run_no not in (select run_no from stored.runs)
order by all;
