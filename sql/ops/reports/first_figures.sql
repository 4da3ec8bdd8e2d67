/*
description: The key figures of a period's report as they were first published, once all its days were loaded.
columns:
  first_published_at: When that was.
  figure: Name of the key figure.
  value: Its value then; NULL when there was none.
*/
select
    r.first_published_at,
    f.figure,
    f.value
from ops.reports as r
left join ops.report_figures as f using (family, cadence, period_start)
where family = :family
  and period_start = :start::date
  and cadence = case :end::date - :start::date when 1 then 'daily' when 7 then 'weekly' else 'monthly' end
order by f.figure collate "C"
