-- Which objects, or parts of one, are stored twice?
-- One row per table and identity that occurs more than once; none in a sound store.
with
identities as (
    select 'artifact_types' as table_name, to_json({'project_no': project_no, 'name': name}) as identity
    from stored.artifact_types
    union all
    select 'artifact_collections' as table_name, to_json({'project_no': project_no, 'storage_id': storage_id}) as identity
    from stored.artifact_collections
    union all
    select 'artifacts' as table_name, to_json({'collection_no': collection_no, 'storage_id': storage_id}) as identity
    from stored.artifacts
    union all
    select 'artifact_members' as table_name, to_json({'collection_no': collection_no, 'artifact_no': artifact_no}) as identity
    from stored.artifact_members
    union all
    select 'artifact_files' as table_name, to_json({'artifact_no': artifact_no, 'path': path}) as identity
    from stored.artifact_files
    union all
    select 'artifact_manifests' as table_name, to_json({'storage_id': storage_id}) as identity
    from stored.artifact_manifests
    union all
    select 'run_artifacts' as table_name, to_json({'run_no': run_no, 'artifact_no': artifact_no, 'direction': direction}) as identity
    from stored.run_artifacts
    union all
    select 'sweeps' as table_name, to_json({'project_no': project_no, 'storage_id': storage_id}) as identity
    from stored.sweeps
    union all
    select 'reports' as table_name, to_json({'project_no': project_no, 'storage_id': storage_id}) as identity
    from stored.reports
    union all
    select 'users' as table_name, to_json({'username': username}) as identity
    from stored.users
    union all
    select 'api_keys' as table_name, to_json({'hash': hash}) as identity
    from stored.api_keys
    union all
    select 'entities' as table_name, to_json({'name': name}) as identity
    from stored.entities
    union all
    select 'members' as table_name, to_json({'storage_id': storage_id}) as identity
    from stored.members
    union all
    select 'project_members' as table_name, to_json({'project_no': project_no, 'kind': kind, 'member': member}) as identity
    from stored.project_members
    union all
    select 'documents' as table_name, to_json({'storage_id': storage_id}) as identity
    from stored.documents
)

select
    table_name,
    identity,
    count(*) as copies
from identities
group by table_name, identity
having count(*) > 1
order by table_name, identity;
