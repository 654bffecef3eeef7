-- How did the best run of each group get there?
-- One row per group and logged value of its best run.
with
parameters as (
    select
        coalesce(getvariable('metric'), 'val/accuracy') as metric,
        coalesce(getvariable('goal'), 'max') as goal
),

logged as (
    select
        h.run_no,
        r.group_name,
        h.step,
        h.value,
        case p.goal when 'min' then h.value else -h.value end as cost
    from parameters p
    join history h on h.key = p.metric
    join runs r on r.run_no = h.run_no
    where h.value is not null
),

best as (
    select
        group_name,
        arg_min(run_no, cost) as run_no
    from logged
    where not isnan(cost)
    group by group_name
)

select
    b.group_name,
    r.run_id,
    r.display_name,
    row_number() over (partition by d.run_no order by d.step) as evaluation,
    d.step,
    d.value
from best b
join logged d on d.run_no = b.run_no
join runs r on r.run_no = b.run_no
order by b.group_name, d.step;
