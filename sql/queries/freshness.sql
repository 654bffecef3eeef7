-- How fresh and how complete is what is stored here?
-- One row per project.
with
last_sync as (
    select
        entity,
        project,
        max(finished_at) as last_sync_at,
        arg_max(status, sync_no) as last_sync_status,
        count(*) as syncs,
        cast(sum(bytes_received) as bigint) as bytes_received
    from syncs
    group by entity, project
),

activity as (
    select
        entity,
        project,
        max(heartbeat_at) as last_heartbeat_at,
        count(*) filter (where state = 'running') as running
    from runs
    group by entity, project
)

select
    c.entity,
    c.project,
    c.runs,
    a.running,
    c.complete,
    c.runs - c.complete as not_complete,
    c.quarantined,
    cast(c.stored_rows as bigint) as stored_rows,
    -- A run may have logged after its header was listed, so this can pass 1.
    round(c.stored_rows / nullif(c.expected_rows, 0), 4) as share_of_rows,
    a.last_heartbeat_at,
    s.last_sync_at,
    s.last_sync_status,
    round((epoch(current_timestamp) - epoch(s.last_sync_at)) / 3600, 1) as hours_old,
    s.syncs,
    s.bytes_received
from coverage c
left join activity a on a.entity = c.entity and a.project = c.project
left join last_sync s on s.entity = c.entity and s.project = c.project
order by c.entity, c.project;
