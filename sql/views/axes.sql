-- Which key a run's code chose as the x-axis of another, with define_metric; `_step` where it chose none.
-- One row per run and key of its history.
create or replace view axes as
with
definitions as (
    select
        r.run_no,
        m.place,
        m.metric ->> '1' as name,
        m.metric ->> '2' as pattern,
        -- the place of the axis among the definitions, from 1
        try_cast(m.metric ->> '5' as integer) as axis_place
    from stored.runs r
    cross join unnest(cast(json_extract(r.wandb_config, '$.m') as json[])) with ordinality as m(metric, place)
),
chosen as (
    select
        d.run_no,
        d.name,
        d.pattern,
        d.place,
        coalesce(a.name, '_step') as x_axis
    from definitions d
    left join definitions a on a.run_no = d.run_no and a.place = d.axis_place
)
select
    p.entity,
    p.project,
    r.run_id,
    k.key,
    coalesce(
        -- a definition of the key itself goes before a pattern, an earlier one before a later
        arg_min(c.x_axis, (c.name is null, c.place)),
        '_step'
    ) as x_axis,
    r.run_no
from stored.run_keys s
join stored.keys k on k.key_no = s.key_no and k.stream = 'history'
join stored.runs r on r.run_no = s.run_no
join stored.projects p on p.project_no = r.project_no
left join chosen c
    on c.run_no = r.run_no
    and (c.name = k.key or starts_with(k.key, rtrim(c.pattern, '*')))
group by all;
