-- Which runs left the finite numbers, at which step, and what did they have in common?
-- One row per run whose metric became NaN or infinite; the earliest come first.
with
parameters as (
    select
        coalesce(getvariable('metric'), 'train/loss') as metric
),

first_bad as (
    select
        h.run_no,
        min(h.step) as diverged_step,
        count(*) as bad_values
    from history h
    join parameters p on h.key = p.metric
    where not isfinite(h.value)
    group by h.run_no
),

last_good as (
    select
        h.run_no,
        arg_max(h.value, h.step) as last_value
    from history h
    join parameters p on h.key = p.metric
    join first_bad b on b.run_no = h.run_no and h.step < b.diverged_step
    where isfinite(h.value)
    group by h.run_no
)

select
    r.run_id,
    r.display_name,
    b.diverged_step,
    g.last_value,
    b.bad_values,
    r.last_step,
    r.config
from first_bad b
join runs r on r.run_no = b.run_no
left join last_good g on g.run_no = b.run_no
order by b.diverged_step, r.run_id;
