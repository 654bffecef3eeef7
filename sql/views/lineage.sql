-- Which runs logged (`output`) and used (`input`) which versions, as far as the runs are here.
-- One row per run, version and direction.
create or replace view lineage as
select
    rp.entity,
    rp.project,
    r.run_id,
    l.direction,
    p.entity || '/' || p.project || '/' || c.name || ':v' || a.version_index as artifact,
    c.type,
    l.used_as,
    a.created_at,
    l.run_no,
    l.artifact_no
from stored.run_artifacts l
join stored.runs r on r.run_no = l.run_no
join stored.projects rp on rp.project_no = r.project_no
join stored.artifacts a on a.artifact_no = l.artifact_no
join stored.artifact_collections c on c.collection_no = a.collection_no
join stored.projects p on p.project_no = c.project_no
where a.state = 'COMMITTED';
