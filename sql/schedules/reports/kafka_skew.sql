/*
description: >-
  How evenly the records published in the period went to the partitions of each Kafka topic; the 50 most uneven topics. A
  partition's skew is its records over the mean of the topic's partitions that were seen in the period.
columns:
  kafka_topic: Topic.
  published_count: Records that were published.
  previous_published_count: The same in the period before.
  failed_count: Records that were to be published and were not, skipped ones left out.
  partition_count: Partitions that were seen.
  most_loaded_partition: Partition with most published records; the first of several, NULL when nothing was published.
  highest_skew_ratio: Its skew, 1.0 = an even share.
  least_loaded_partition: Partition with fewest published records; the first of several, NULL when nothing was published.
  lowest_skew_ratio: Its skew, 0 when it got nothing.
*/
with
-- Both periods of each partition; -1 stands for attempts that got none.
partitions as (
    select
        kafka_topic, kafka_partition,
        coalesce(sum(published_count) filter (where day >= :start::date), 0)::bigint as published_count,
        coalesce(sum(failed_count) filter (where day >= :start::date), 0)::bigint as failed_count,
        coalesce(sum(published_count) filter (where day < :start::date), 0)::bigint as previous_published_count,
        count(*) filter (where day >= :start::date) as day_count
    from schedules.kafka_publish_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- The place of each partition of the period within its topic, from both ends.
placed as (
    select
        kafka_topic, kafka_partition, published_count,
        row_number() over (partition by kafka_topic order by published_count desc, kafka_partition) as place_from_most,
        row_number() over (partition by kafka_topic order by published_count, kafka_partition) as place_from_least,
        avg(published_count) over (partition by kafka_topic)::double precision as even_count
    from partitions
    where kafka_partition >= 0 and day_count > 0
),
-- The most and the least loaded partition of each topic; without published records a topic has neither.
ends as (
    select
        kafka_topic,
        count(*) as partition_count,
        max(case when even_count > 0 and place_from_most = 1 then kafka_partition end) as most_loaded_partition,
        max(case when place_from_most = 1 then published_count / nullif(even_count, 0) end) as highest_skew_ratio,
        max(case when even_count > 0 and place_from_least = 1 then kafka_partition end) as least_loaded_partition,
        max(case when place_from_least = 1 then published_count / nullif(even_count, 0) end) as lowest_skew_ratio
    from placed
    group by 1
),
-- The whole topic, attempts that got no partition included.
topics as (
    select
        kafka_topic,
        sum(published_count)::bigint as published_count,
        sum(previous_published_count)::bigint as previous_published_count,
        sum(failed_count)::bigint as failed_count
    from partitions
    group by 1
    having sum(day_count) > 0
)
select
    kafka_topic,
    published_count,
    previous_published_count,
    failed_count,
    coalesce(partition_count, 0)::bigint as partition_count,
    most_loaded_partition,
    highest_skew_ratio,
    least_loaded_partition,
    lowest_skew_ratio
from topics
left join ends using (kafka_topic)
order by highest_skew_ratio desc nulls last, published_count desc, kafka_topic collate "C"
limit 50
