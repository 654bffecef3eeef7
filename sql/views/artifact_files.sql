-- Which files every version has, and which of them are stored here (`blob`, the sha256 of the bytes).
-- One row per version and file.
create or replace view artifact_files as
select
    p.entity,
    p.project,
    c.name as collection,
    'v' || a.version_index as version,
    f.path,
    f.size,
    f.digest,
    f.ref,
    f.blob,
    f.artifact_no
from stored.artifact_files f
join stored.artifacts a on a.artifact_no = f.artifact_no
join stored.artifact_collections c on c.collection_no = a.collection_no
join stored.projects p on p.project_no = c.project_no
where a.state = 'COMMITTED';
