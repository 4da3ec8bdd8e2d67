/*
description: Publications to each partition of each Kafka topic per UTC day.
key: [day, kafka_topic, kafka_partition]
columns:
  day: UTC calendar day the attempts were recorded on.
  kafka_topic: Topic.
  kafka_partition: Partition of the topic; -1 for attempts that got none.
  published_count: Records that were published.
  failed_count: Records that were to be published and were not, skipped and cancelled ones left out.
  skew_ratio: Published records of the partition over the mean of the topic's partitions of the day, 1.0 = an even share; NULL without a partition or when nothing was published.
  first_offset: Smallest offset; NULL when nothing was published.
  last_offset: Largest offset; NULL when nothing was published.
checks:
  - expect_column_values_to_be_between: {column: kafka_partition, min_value: -1}
  - expect_column_values_to_be_between: {column: skew_ratio, min_value: 0}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: last_offset, column_B: first_offset, or_equal: true}
*/
with
-- What went to each partition.
partitions as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        kafka_topic,
        coalesce(kafka_partition, -1)::bigint as kafka_partition,
        count(published_at) as published_count,
        count(*) filter (where published_at is null and result not in ('skipped', 'cancelled')) as failed_count,
        min(kafka_offset) as first_offset,
        max(kafka_offset) as last_offset
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and kafka_topic is not null
    group by 1, 2, 3
),
-- An even share of each topic, of the partitions that were seen.
topics as (
    select day, kafka_topic, avg(published_count)::double precision as even_count
    from partitions
    where kafka_partition >= 0
    group by 1, 2
)
select
    day,
    kafka_topic,
    kafka_partition,
    published_count,
    failed_count,
    case when kafka_partition >= 0 then published_count::double precision / nullif(even_count, 0) end as skew_ratio,
    first_offset,
    last_offset
from partitions
left join topics using (day, kafka_topic)
