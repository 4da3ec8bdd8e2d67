/*
description: What was published to each partition of each topic, day by day.
parameters:
  topic: Topic; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_day: "`day` of the last row of the page before."
  after_kafka_topic: "`kafka_topic` of the last row of the page before."
  after_kafka_partition: "`kafka_partition` of the last row of the page before."
columns:
  day: UTC calendar day the attempts were recorded on.
  kafka_topic: Topic.
  kafka_partition: Partition of the topic; -1 for attempts that got none.
  published_count: Records that were published.
  failed_count: Records that were to be published and were not, skipped and cancelled ones left out.
  skew_ratio: Published records of the partition over the mean of the topic's partitions of the day, 1.0 = an even share; NULL without a partition or when nothing was published.
  first_offset: Smallest offset; NULL when nothing was published.
  last_offset: Largest offset; NULL when nothing was published.
*/
select
    day, kafka_topic, kafka_partition, published_count, failed_count, skew_ratio, first_offset, last_offset
from schedules.kafka_publish_daily
where day >= :start::date and day < :end::date and (:topic = '' or kafka_topic = :topic)
  and (:is_first_page or (day, kafka_topic collate "C", kafka_partition)
      > (:after_day::date, :after_kafka_topic, :after_kafka_partition::bigint))
order by day, kafka_topic collate "C", kafka_partition
limit :limit
