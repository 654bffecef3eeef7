-- Where do the kept statistics of a key differ from its logged values?
-- One row per run and key that disagrees; none in a sound store.
with
counted as (
    select
        run_no,
        key_no,
        count(*) as rows,
        min(step) as first_step,
        max(step) as last_step
    from (
        select run_no, key_no, step from stored.history
        union all
        select run_no, key_no, step from stored.system
    )
    group by run_no, key_no
)

select
    coalesce(c.run_no, s.run_no) as run_no,
    coalesce(c.key_no, s.key_no) as key_no,
    s.rows as kept_rows,
    c.rows as counted_rows
from counted c
full join stored.run_keys s on s.run_no = c.run_no and s.key_no = c.key_no
where c.rows is distinct from s.rows
    or c.first_step is distinct from s.first_step
    or c.last_step is distinct from s.last_step
order by all;
