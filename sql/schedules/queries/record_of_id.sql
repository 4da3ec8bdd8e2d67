/*
description: The newest record with an id in a range of days; of one day there is one.
parameters:
  event_id: Id of the record.
columns:
  recorded_at: When the tier recorded it.
  event_id: Identifier of the record, unique within a UTC day.
  schedule_id: Schedule that was executed.
  execution_id: Execution, the same in all tiers it passes.
  schedule_type: "Tier: mongo, clickhouse or redis; other for what passes no tiers, such as the pipeline's own runs."
  event_type: What was done, such as execution, transfer or processing.
  level: INFO, WARNING or ERROR.
  result: "How the attempt ended: success, failure, skipped, cancelled, timeout, or retry when another attempt follows."
  retry_count: Attempts before this one.
  queued_at: When the work was queued; NULL when unknown.
  started_at: When it started; NULL when it did not, or when that is unknown.
  finished_at: When it ended; NULL when it did not, or when that is unknown.
  queue_time_ms: From queued to started, in milliseconds; NULL when it never started, or when that is unknown.
  processing_time_ms: From started to finished, in milliseconds; NULL when unknown.
  source_id: Where the tier took the work from; NULL when it does not say.
  kafka_topic: Topic it was to be published to; NULL when it was not to be published.
  kafka_partition: Partition of the topic; NULL when none was assigned.
  kafka_offset: Offset in the partition; NULL when it was not published.
  published_at: When it was published; NULL when it was not.
  error_message: What went wrong, or what the warning is about.
  revision: Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.
*/
select
    recorded_at, event_id, schedule_id, execution_id, schedule_type, event_type, level, result, retry_count,
    queued_at, started_at, finished_at, queue_time_ms, processing_time_ms, source_id, kafka_topic, kafka_partition,
    kafka_offset, published_at, error_message, revision
from schedules.schedule_events
where recorded_at >= :start and recorded_at < :end
  and event_id = :event_id::uuid
order by recorded_at desc
limit 1
