/*
description: The 25 worst anomalies of the period; the worst first, then the newest.
columns:
  day: UTC calendar day of the hour.
  schema_name: The schema's id as text; empty for all schemas together.
  severity: low, medium, high or critical.
  deviation: How many times the expected value the current one is.
  description: What happened, in one sentence.
  anomaly_count: How many anomalies there are in the period.
*/
select
    day,
    case when schema_id = '00000000-0000-0000-0000-000000000000' then '' else schema_id::text end as schema_name,
    severity,
    deviation,
    description,
    count(*) over () as anomaly_count
from usage.usage_anomalies_daily
where day >= :start::date and day < :end::date
order by
    case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end,
    bucket desc, schema_id, metric collate "C"
limit 25
