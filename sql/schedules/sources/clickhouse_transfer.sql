/*
description: Transfers as the second tier logs them in ClickHouse, one row per attempt to move an execution's rows.
columns:
  event_id: From the transfer's own id and attempt, so that a row exported again is a duplicate.
  recorded_at: When the transfer was logged.
  source_id: Table the rows were taken from.
  queue_time_ms: Measured by the tier itself, in seconds with a fraction.
  processing_time_ms: The same.
*/
select
    md5('clickhouse_transfer/' || transfer_id || '/' || attempt)::uuid as event_id,
    event_time as recorded_at,
    schedule_id,
    execution_id,
    source_table as source_id,
    'clickhouse' as schedule_type,
    'transfer' as event_type,
    case
        when exception like '%QUERY_WAS_CANCELLED%' then 'WARNING' when exception <> '' then 'ERROR'
        when attempt <> '1' then 'WARNING' else 'INFO'
    end as level,
    case
        when coalesce(exception, '') = '' then 'success' when exception like '%TIMEOUT%' then 'timeout'
        when exception like '%QUERY_WAS_CANCELLED%' then 'cancelled'
        when will_retry = '1' then 'retry' else 'failure'
    end as result,
    attempt::bigint - 1 as retry_count,
    round(queue_seconds::double * 1000)::bigint as queue_time_ms,
    round(duration_seconds::double * 1000)::bigint as processing_time_ms,
    nullif(exception, '') as error_message
from source
