-- Which values are stored twice?
-- One row per run, key and step that occurs more than once; none in a sound store.
select
    run_no,
    key_no,
    step,
    count(*) as copies
from stored.history
group by run_no, key_no, step
having count(*) > 1
order by all;
