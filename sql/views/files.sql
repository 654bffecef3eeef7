-- Which files every run has, and which of them are stored here (`blob`, the sha256 of the bytes).
-- One row per run and file.
create or replace view files as
select
    p.entity,
    p.project,
    r.run_id,
    f.name,
    f.size,
    f.md5,
    f.mimetype,
    f.updated_at,
    f.blob,
    f.run_no
from stored.files f
join stored.runs r on r.run_no = f.run_no
join stored.projects p on p.project_no = r.project_no;
