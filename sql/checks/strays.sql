-- Which rows belong to no project, run, version or collection?
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
union all
select distinct
    'artifact_types',
    project_no
from stored.artifact_types
where project_no not in (select project_no from stored.projects)
union all
select distinct
    'artifact_collections',
    project_no
from stored.artifact_collections
where project_no not in (select project_no from stored.projects)
union all
select distinct
    'artifacts',
    collection_no
from stored.artifacts
where collection_no not in (select collection_no from stored.artifact_collections)
union all
select distinct
    'artifact_members',
    collection_no
from stored.artifact_members
where collection_no not in (select collection_no from stored.artifact_collections)
union all
select distinct
    'artifact_members',
    artifact_no
from stored.artifact_members
where artifact_no not in (select artifact_no from stored.artifacts)
union all
select distinct
    'artifact_files',
    artifact_no
from stored.artifact_files
where artifact_no not in (select artifact_no from stored.artifacts)
union all
select distinct
    'artifact_manifests',
    artifact_no
from stored.artifact_manifests
where artifact_no not in (select artifact_no from stored.artifacts)
union all
select distinct
    'run_artifacts',
    artifact_no
from stored.run_artifacts
where artifact_no not in (select artifact_no from stored.artifacts)
union all
select distinct
    'run_artifacts',
    run_no
from stored.run_artifacts
where run_no not in (select run_no from stored.runs)
union all
select distinct
    'sweeps',
    project_no
from stored.sweeps
where project_no not in (select project_no from stored.projects)
union all
select distinct
    'reports',
    project_no
from stored.reports
where project_no not in (select project_no from stored.projects)
union all
select distinct
    'project_members',
    project_no
from stored.project_members
where project_no not in (select project_no from stored.projects)
order by all;
