-- Which versions every collection holds, with what they are called there; links show where they lead from.
-- One row per version and collection.
create or replace view artifacts as
select
    p.entity,
    p.project,
    c.type,
    c.name as collection,
    c.kind,
    'v' || m.version_index as version,
    m.aliases,
    a.tags,
    a.size,
    a.file_count,
    a.digest,
    a.description,
    a.metadata,
    r.run_id as logged_by,
    a.created_at,
    case
        when c.collection_no <> s.collection_no
            then sp.entity || '/' || sp.project || '/' || s.name || ':v' || a.version_index
    end as linked_from,
    a.artifact_no
from stored.artifact_members m
join stored.artifacts a on a.artifact_no = m.artifact_no
join stored.artifact_collections c on c.collection_no = m.collection_no
join stored.projects p on p.project_no = c.project_no
join stored.artifact_collections s on s.collection_no = a.collection_no
join stored.projects sp on sp.project_no = s.project_no
left join stored.runs r on r.storage_id = a.run_storage_id and r.project_no = s.project_no
where a.state = 'COMMITTED';
