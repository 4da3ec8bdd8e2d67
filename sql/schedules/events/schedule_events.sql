create table schedules.schedule_events (
    event_id uuid not null,
    recorded_at timestamptz not null,
    schedule_id text not null,
    execution_id text not null,
    source_id text,
    schedule_type text not null,
    event_type text not null,
    level text not null,
    result text not null,
    retry_count bigint not null,
    queued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    queue_time_ms bigint,
    processing_time_ms bigint,
    kafka_topic text,
    kafka_partition bigint,
    kafka_offset bigint,
    published_at timestamptz,
    error_message text,
    revision bigint,
    constraint schedule_id_not_empty check (schedule_id <> ''),
    constraint execution_id_not_empty check (execution_id <> ''),
    constraint schedule_type_known check (schedule_type in ('mongo', 'clickhouse', 'redis', 'other')),
    constraint event_type_not_empty check (event_type <> ''),
    constraint level_known check (level in ('INFO', 'WARNING', 'ERROR')),
    constraint result_known check (result in ('success', 'failure', 'skipped', 'timeout', 'retry', 'cancelled')),
    constraint retry_count_not_negative check (retry_count >= 0),
    constraint queue_time_without_clock_skew check (queue_time_ms >= 0),
    constraint start_without_clock_skew check (started_at >= queued_at),
    constraint processing_time_ms_not_negative check (processing_time_ms >= 0),
    constraint finished_after_start check (finished_at >= started_at),
    constraint kafka_topic_not_empty check (kafka_topic <> ''),
    constraint kafka_partition_of_a_topic check (kafka_partition >= 0 and (kafka_partition is null or kafka_topic is not null)),
    constraint kafka_offset_of_a_partition check (kafka_offset >= 0 and (kafka_offset is null or kafka_partition is not null)),
    constraint retry_count_not_too_large check (retry_count <= 1000000),
    constraint queue_time_ms_not_too_large check (queue_time_ms <= 31622400000),
    constraint processing_time_ms_not_too_large check (processing_time_ms <= 31622400000),
    constraint kafka_partition_not_too_large check (kafka_partition <= 2147483647),
    constraint schedule_id_not_too_long check (length(schedule_id) <= 256),
    constraint execution_id_not_too_long check (length(execution_id) <= 256),
    constraint source_id_not_too_long check (length(source_id) <= 1000),
    constraint event_type_not_too_long check (length(event_type) <= 100),
    constraint kafka_topic_not_too_long check (length(kafka_topic) <= 256),
    constraint error_message_not_too_long check (length(error_message) <= 1000000),
    constraint revision_not_negative check (revision >= 0)
) partition by range (recorded_at);

comment on table schedules.schedule_events is 'What one tier recorded about one attempt to execute a schedule.';
comment on column schedules.schedule_events.event_id is 'Identifier of the record, unique within a UTC day.';
comment on column schedules.schedule_events.recorded_at is 'When the tier recorded it. The partition column.';
comment on column schedules.schedule_events.schedule_id is 'Schedule that was executed.';
comment on column schedules.schedule_events.execution_id is 'Execution, the same in all tiers it passes.';
comment on column schedules.schedule_events.source_id is 'Where the tier took the work from; NULL when it does not say.';
comment on column schedules.schedule_events.schedule_type is 'Tier: mongo, clickhouse or redis; other for what passes no tiers, such as the pipeline''s own runs.';
comment on column schedules.schedule_events.event_type is 'What was done, such as execution, transfer or processing.';
comment on column schedules.schedule_events.level is 'INFO, WARNING or ERROR.';
comment on column schedules.schedule_events.result is 'How the attempt ended: success, failure, skipped, cancelled, timeout, or retry when another attempt follows.';
comment on column schedules.schedule_events.retry_count is 'Attempts before this one.';
comment on column schedules.schedule_events.queued_at is 'When the work was queued; NULL when unknown.';
comment on column schedules.schedule_events.started_at is 'When it started; NULL when it did not, or when that is unknown.';
comment on column schedules.schedule_events.finished_at is 'When it ended; NULL when it did not, or when that is unknown.';
comment on column schedules.schedule_events.queue_time_ms is 'From queued to started, in milliseconds; NULL when it never started, or when that is unknown.';
comment on column schedules.schedule_events.processing_time_ms is 'From started to finished, in milliseconds; NULL when unknown.';
comment on column schedules.schedule_events.kafka_topic is 'Topic it was to be published to; NULL when it was not to be published.';
comment on column schedules.schedule_events.kafka_partition is 'Partition of the topic; NULL when none was assigned.';
comment on column schedules.schedule_events.kafka_offset is 'Offset in the partition; NULL when it was not published.';
comment on column schedules.schedule_events.published_at is 'When it was published; NULL when it was not.';
comment on column schedules.schedule_events.error_message is 'What went wrong, or what the warning is about.';
comment on column schedules.schedule_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
