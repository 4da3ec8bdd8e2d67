/*
description: The pipeline's own runs and ticks, as the job own_runs writes them down.
columns:
  event_id: From the run's or tick's id, so that a day that is written again is a duplicate.
  recorded_at: When it ended.
  schedule_id: The job, schedule or sensor.
  execution_id: The run's id, or the tick's.
  source_id: The schedule or sensor that started the run; for a tick, which of the two it is of.
  schedule_type: Dagster passes none of the three tiers.
  level: A failed attempt that will be repeated is a warning.
  result: A tick that found nothing to do was skipped.
  retry_count: Attempts before this one.
  queue_time_ms: From queued to started; NULL for what waits in no queue.
  processing_time_ms: From started to ended.
*/
select
    md5('dagster_run/' || id)::uuid as event_id,
    ended_at as recorded_at,
    name as schedule_id,
    id as execution_id,
    source as source_id,
    'other' as schedule_type,
    'dagster_' || kind as event_type,
    case status when 'FAILURE' then 'ERROR' when 'RETRY' then 'WARNING' when 'CANCELED' then 'WARNING' else 'INFO' end
        as level,
    case status
        when 'SUCCESS' then 'success' when 'FAILURE' then 'failure' when 'RETRY' then 'retry'
        when 'CANCELED' then 'cancelled' when 'SKIPPED' then 'skipped' else status
    end as result,
    retries as retry_count,
    queued_at,
    started_at,
    ended_at as finished_at,
    try(epoch_ms(started_at::timestamptz) - epoch_ms(queued_at::timestamptz)) as queue_time_ms,
    try(epoch_ms(ended_at::timestamptz) - epoch_ms(started_at::timestamptz)) as processing_time_ms,
    nullif(error, '') as error_message
from source
