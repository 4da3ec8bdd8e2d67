/*
description: What the third tier did, one record per execution taken from a Redis stream and published to Kafka.
columns:
  event_id: From the stream's entry id, so that an entry delivered again is a duplicate.
  recorded_at: When the entry was acknowledged.
  source_id: Stream the entry was read from.
  retry_count: Deliveries before this one; what is no number is left as it is, for the contract to reject.
  queue_time_ms: From the entry's arrival in the stream to its delivery.
  processing_time_ms: From the delivery to the acknowledgement.
*/
select
    md5('redis_processing/' || stream || '/' || entry_id)::uuid as event_id,
    acknowledged_at as recorded_at,
    schedule_id,
    execution_id,
    stream as source_id,
    'redis' as schedule_type,
    'processing' as event_type,
    case
        when outcome in ('ok', 'skipped') then 'INFO'
        when outcome in ('retry', 'cancelled', 'canceled') then 'WARNING'
        else 'ERROR'
    end as level,
    case outcome when 'ok' then 'success' when 'error' then 'failure' when 'canceled' then 'cancelled' else outcome end
        as result,
    coalesce(try(deliveries::bigint - 1)::varchar, deliveries, '0') as retry_count,
    arrived_at as queued_at,
    delivered_at as started_at,
    acknowledged_at as finished_at,
    try(epoch_ms(delivered_at::timestamptz) - epoch_ms(arrived_at::timestamptz)) as queue_time_ms,
    try(epoch_ms(acknowledged_at::timestamptz) - epoch_ms(delivered_at::timestamptz)) as processing_time_ms,
    topic as kafka_topic,
    kafka_partition,
    kafka_offset,
    published_at,
    error as error_message
from source
