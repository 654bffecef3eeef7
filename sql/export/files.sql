-- The files of every run; `blob` is the sha256 of those whose bytes are in the store.
-- Grain: one row per run and file.
select
    r.run_id,
    f.name,
    f.size,
    f.md5,
    f.mimetype,
    f.updated_at,
    f.blob
from stored.files as f
join stored.runs as r on r.run_no = f.run_no
where r.project_no = $project_no
order by r.run_id, f.name
