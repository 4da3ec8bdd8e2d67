/*
description: Transfers as the second tier logs them in ClickHouse, one row per attempt to move an execution's rows.
columns:
  event_id: From the transfer's own id and attempt, so that a row exported again is a duplicate.
  recorded_at: When the transfer was logged.
  source_id: Table the rows were taken from.
  retry_count: Attempts before this one; what is no number is left as it is, for the contract to reject.
  queue_time_ms: Measured by the tier itself, in seconds with a fraction; what is no number is left as it is, too.
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
    coalesce(try(attempt::bigint - 1)::varchar, attempt) as retry_count,
    coalesce(try(round(queue_seconds::double * 1000)::bigint)::varchar, queue_seconds) as queue_time_ms,
    coalesce(try(round(duration_seconds::double * 1000)::bigint)::varchar, duration_seconds) as processing_time_ms,
    nullif(exception, '') as error_message
from source
