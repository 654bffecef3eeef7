-- In which settings do two runs differ, and where did each of them end?
-- One row per config key, then per summary key, whose values differ.
with
ordered as (
    select
        run_id,
        run_no,
        row_number() over (order by created_at, run_no) as number
    from runs
),

-- The first and the last run of the store, unless: set variable run_a = 'abc123';
parameters as (
    select
        coalesce(getvariable('run_a'), arg_min(run_id, number)) as run_a,
        coalesce(getvariable('run_b'), arg_max(run_id, number)) as run_b
    from ordered
),

facts as (
    select
        'config' as part,
        run_id,
        key,
        json ->> '$' as value
    from config
    union all
    select
        'summary',
        run_id,
        key,
        json ->> '$'
    from summary
),

compared as (
    select
        f.part,
        f.key,
        any_value(f.value) filter (where f.run_id = p.run_a) as value_a,
        any_value(f.value) filter (where f.run_id = p.run_b) as value_b
    from facts f
    join parameters p on f.run_id in (p.run_a, p.run_b)
    group by f.part, f.key
)

select
    c.part,
    c.key,
    p.run_a,
    c.value_a,
    p.run_b,
    c.value_b
from compared c
cross join parameters p
where c.value_a is distinct from c.value_b
order by c.part, c.key;
