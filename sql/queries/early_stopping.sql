-- Which runs went on after their best validation loss, and how much of their time would stopping have saved?
-- One row per run that went on for longer than `patience` evaluations; the most wasteful come first.
with
parameters as (
    select
        coalesce(getvariable('metric'), 'val/loss') as metric,
        coalesce(getvariable('patience'), 5) as patience,
        -- A gain smaller than this does not count as one.
        coalesce(getvariable('min_delta'), 0.001) as min_delta
),

evaluations as (
    select
        h.run_no,
        h.step,
        h.value,
        row_number() over (partition by h.run_no order by h.step) as evaluation
    from history h
    join parameters p on h.key = p.metric
    where h.value is not null
),

best as (
    select
        run_no,
        -- NaN counts as the worst of all losses.
        min(value) filter (where not isnan(value)) as best,
        arg_max(value, step) as last,
        max(evaluation) as evaluations,
        max(step) as last_step
    from evaluations
    group by run_no
),

-- The first evaluation that was as good as the best, up to the smallest gain that counts.
settled as (
    select
        e.run_no,
        min(e.evaluation) as settled_at,
        min(e.step) as settled_step
    from evaluations e
    join best b on b.run_no = e.run_no
    cross join parameters p
    where e.value <= b.best + p.min_delta
    group by e.run_no
)

select
    r.run_id,
    r.display_name,
    b.best,
    b.last,
    s.settled_step,
    b.last_step,
    b.evaluations - s.settled_at as evaluations_after_best,
    round(1 - (s.settled_at + p.patience) / b.evaluations, 3) as share_saved
from best b
join settled s on s.run_no = b.run_no
join runs r on r.run_no = b.run_no
cross join parameters p
where b.evaluations - s.settled_at > p.patience
order by share_saved desc, evaluations_after_best desc, r.run_id;
