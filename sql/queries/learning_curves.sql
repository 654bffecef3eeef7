-- How do learning curves compare when runs log at different steps, as with other batch sizes?
-- One row per run and interval of a common axis, with the mean of what was logged in it.
with
parameters as (
    select
        coalesce(getvariable('metric'), 'train/loss') as metric,
        -- The metric that serves as the axis, such as 'epoch'; empty takes the step itself.
        coalesce(getvariable('x_axis'), '') as x_axis,
        coalesce(getvariable('intervals'), 20) as intervals
),

-- A metric such as the epoch is logged now and then, so it is carried forward to later steps.
positioned as (
    select
        y.run_no,
        y.step,
        y.value,
        case p.x_axis when '' then y.step else x.value end as position
    from parameters p
    join history y on y.key = p.metric
    asof left join (
        select
            h.run_no,
            h.step,
            h.value
        from history h
        join parameters q on h.key = q.x_axis
    ) x on x.run_no = y.run_no and x.step <= y.step
    where y.value is not null
),

-- Runs of one project share the axis: its end is the furthest any of them got.
furthest as (
    select
        r.entity,
        r.project,
        max(d.position) as x_end
    from positioned d
    join runs r on r.run_no = d.run_no
    group by r.entity, r.project
),

binned as (
    select
        d.run_no,
        cast(least(floor(d.position / nullif(f.x_end, 0) * p.intervals), p.intervals - 1) as integer) as bin,
        avg(d.value) as value,
        count(*) as logged
    from positioned d
    join runs r on r.run_no = d.run_no
    join furthest f on f.entity = r.entity and f.project = r.project
    cross join parameters p
    where d.position is not null
    group by all
)

select
    r.entity,
    r.project,
    r.run_id,
    round((b.bin + 0.5) / p.intervals, 6) as axis,
    round((b.bin + 0.5) / p.intervals * f.x_end, 6) as x,
    b.value,
    b.logged
from binned b
join runs r on r.run_no = b.run_no
join furthest f on f.entity = r.entity and f.project = r.project
cross join parameters p
order by r.entity, r.project, r.run_id, b.bin;
