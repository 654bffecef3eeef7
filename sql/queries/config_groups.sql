-- Which setting works best over its repetitions: mean ± standard deviation of a final metric?
-- One row per combination of two config keys; leave the second empty to group by one.
with
parameters as (
    select
        coalesce(getvariable('metric'), 'val/accuracy') as metric,
        coalesce(getvariable('group_by'), 'optimizer') as group_by,
        coalesce(getvariable('and_by'), 'hidden') as and_by
),

settings as (
    select
        r.run_no,
        any_value(c.json ->> '$') filter (where c.key = p.group_by) as first_setting,
        any_value(c.json ->> '$') filter (where c.key = p.and_by) as second_setting
    from runs r
    cross join parameters p
    left join config c on c.run_no = r.run_no and c.key in (p.group_by, p.and_by)
    group by r.run_no
),

final as (
    select
        h.run_no,
        arg_max(h.value, h.step) as value
    from history h
    join parameters p on h.key = p.metric
    where h.value is not null
    group by h.run_no
),

judged as (
    select
        s.first_setting,
        s.second_setting,
        f.value,
        isfinite(f.value) as converged
    from settings s
    join final f on f.run_no = s.run_no
)

select
    first_setting,
    second_setting,
    count(*) as runs,
    count(*) filter (where not converged) as diverged,
    round(avg(value) filter (where converged), 6) as mean,
    round(stddev_samp(value) filter (where converged), 6) as std,
    round(min(value) filter (where converged), 6) as lowest,
    round(max(value) filter (where converged), 6) as highest,
    printf('%.4g ± %.2g', avg(value) filter (where converged), stddev_samp(value) filter (where converged)) as shown
from judged
group by first_setting, second_setting
order by mean desc nulls last, first_setting, second_setting;
