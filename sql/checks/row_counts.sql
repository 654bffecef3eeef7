-- Which complete runs do not hold the rows that were counted when they were brought over?
-- One row per run that disagrees; none in a sound store.
with
counted as (
    select
        run_no,
        count(distinct step) as rows
    from stored.history
    group by run_no
)

select
    r.run_no,
    r.run_id,
    r.stored_rows as kept_rows,
    coalesce(c.rows, 0) as counted_rows
from stored.runs r
left join counted c on c.run_no = r.run_no
where r.stored_rows <> coalesce(c.rows, 0)
order by r.run_no;
