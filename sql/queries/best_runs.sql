-- Which runs reached the best value of a metric, when, and with which settings?
-- One row per run; the best come first. Change the parameters below, or: set variable metric = 'acc';
with
parameters as (
    select
        coalesce(getvariable('metric'), 'val/accuracy') as metric,
        coalesce(getvariable('goal'), 'max') as goal,
        coalesce(getvariable('top'), 10) as top
),

-- NaN would be the largest of all values; a run that diverged is judged by what came before.
reached as (
    select
        h.run_no,
        case p.goal when 'min' then min(h.value) else max(h.value) end as best,
        case p.goal when 'min' then arg_min(h.step, h.value) else arg_max(h.step, h.value) end as best_step,
        arg_max(h.value, h.step) as last
    from parameters p
    join history h on h.key = p.metric
    where not isnan(h.value)
    group by h.run_no, p.goal
),

ranked as (
    select
        c.run_no,
        c.best,
        c.best_step,
        c.last,
        row_number() over (order by case p.goal when 'min' then c.best else -c.best end, c.run_no) as place
    from reached c
    cross join parameters p
)

select
    d.place,
    r.run_id,
    r.display_name,
    r.state,
    d.best,
    d.best_step,
    d.last,
    r.config
from ranked d
join runs r on r.run_no = d.run_no
where d.place <= (select top from parameters)
order by d.place;
