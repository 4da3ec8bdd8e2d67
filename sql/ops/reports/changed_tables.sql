/*
description: The tables whose content changed, for days or periods inside the period, since its report was first published.
columns:
  table_name: Table, with its schema.
  change_count: Partitions written anew with other content, each time counted.
  first_changed_day: First day of the first partition that changed.
  last_changed_day: First day of the last partition that changed.
  rows_added: Rows whose key was not there before.
  rows_removed: Rows whose key is no longer there.
  rows_changed: Rows with other values under the same key.
  last_changed_at: When content changed last.
*/
select
    c.table_name,
    count(*) as change_count,
    min(c.period_start) as first_changed_day,
    max(c.period_start) as last_changed_day,
    sum(c.rows_added)::bigint as rows_added,
    sum(c.rows_removed)::bigint as rows_removed,
    sum(c.rows_changed)::bigint as rows_changed,
    max(c.changed_at) as last_changed_at
from ops.changes as c
join ops.reports as r
    on r.family = split_part(c.table_name, '.', 1)
    and r.period_start = :start::date
    and r.cadence = case :end::date - :start::date when 1 then 'daily' when 7 then 'weekly' else 'monthly' end
where split_part(c.table_name, '.', 1) = :family
  and c.published
  and c.period_start >= :start::date
  and c.period_end <= :end::date
  and c.changed_at > r.first_published_at
group by 1
order by c.table_name collate "C"
