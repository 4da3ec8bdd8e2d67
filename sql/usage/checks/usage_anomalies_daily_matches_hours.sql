/*
description: The hour of each anomaly has the value that the anomaly shows, and no hour with too many errors is left out.
*/
with
-- What the table says.
told as (
    select day, bucket, schema_id, metric, current_value, operation_count
    from usage.usage_anomalies_daily
    where day >= :start::date and day < :end::date
),
-- What the hours have, of both metrics.
hours as (
    select
        day, bucket, schema_id, metric, operation_count,
        case
            when metric = 'p95_latency_ms' then p95_latency_ms
            else error_count::double precision / operation_count
        end as value
    from usage.schema_usage_1h
    cross join (values ('error_ratio'), ('p95_latency_ms')) as metrics (metric)
    where day >= :start::date and day < :end::date and scope in ('schema', 'global')
)
select
    day, bucket, schema_id, metric, told.current_value, hours.value, told.operation_count,
    hours.operation_count as operations_of_hour
from told
full join hours using (day, bucket, schema_id, metric)
where (told.metric is not null and (
        hours.value is null
        or abs(told.current_value - hours.value) > 0.000001
        or told.operation_count <> hours.operation_count
   ))
   or (told.metric is null and metric = 'error_ratio' and hours.value > :usage_anomaly_error_ratio
        and hours.operation_count >= :usage_anomaly_min_operations)
