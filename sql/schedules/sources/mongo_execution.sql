/*
description: Executions as the first tier keeps them, one document per attempt of a schedule in MongoDB.
columns:
  event_id: From the document's own id, so that a document exported again is a duplicate.
  recorded_at: When the document was last written.
  source_id: The document the schedule was made from.
  queue_time_ms: From queued to started; the difference is negative when the clocks of the two hosts disagree.
  processing_time_ms: From started to finished.
*/
select
    md5('mongo_execution/' || id)::uuid as event_id,
    updated_at as recorded_at,
    schedule_id,
    execution_id,
    source_id,
    'mongo' as schedule_type,
    'execution' as event_type,
    case
        when status in ('succeeded', 'skipped') then 'INFO'
        when status in ('retrying', 'cancelled', 'canceled') then 'WARNING'
        else 'ERROR'
    end as level,
    case status
        when 'succeeded' then 'success' when 'failed' then 'failure' when 'timed_out' then 'timeout'
        when 'retrying' then 'retry' when 'canceled' then 'cancelled' else status
    end as result,
    coalesce(retries, '0') as retry_count,
    queued_at,
    started_at,
    finished_at,
    try(epoch_ms(started_at::timestamptz) - epoch_ms(queued_at::timestamptz)) as queue_time_ms,
    try(epoch_ms(finished_at::timestamptz) - epoch_ms(started_at::timestamptz)) as processing_time_ms,
    error as error_message
from source
