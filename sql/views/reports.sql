-- Which reports were written about every project, and what they show (`spec`).
-- One row per report.
create or replace view reports as
select
    p.entity,
    p.project,
    v.display_name,
    v.description,
    v.username,
    v.created_at,
    v.updated_at,
    v.view_type = 'runs/draft' as is_draft,
    v.spec,
    v.name
from stored.reports v
join stored.projects p on p.project_no = v.project_no;
