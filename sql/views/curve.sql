-- How one key developed along the x-axis that the run's code chose for it: from curve('val/loss').
-- One row per run and step that has both.
create or replace macro curve(metric_key) as table
select
    a.entity,
    a.project,
    a.run_id,
    a.x_axis,
    case
        when a.x_axis = '_step' then y.step
        else x.value
    end as x,
    y.value,
    y.step,
    a.run_no
from axes a
join stored.keys ky on ky.key = a.key and ky.stream = 'history'
join stored.history y on y.run_no = a.run_no and y.key_no = ky.key_no
left join stored.keys kx on kx.key = a.x_axis and kx.stream = 'history'
left join stored.history x on x.run_no = a.run_no and x.key_no = kx.key_no and x.step = y.step
where a.key = metric_key
    and (a.x_axis = '_step' or x.value is not null);
