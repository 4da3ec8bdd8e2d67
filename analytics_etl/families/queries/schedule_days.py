"""Questions about the days of the schedule system: how healthy it was, what became of executions, what Kafka got."""

from dataclasses import replace
from datetime import date

from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.coverage import ask_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

HEALTH_TIERS = ("all", "mongo", "clickhouse", "redis", "other")

_HEALTH = """
select day, tier, status, attempt_count, ended_count, failed_count, failure_ratio
from schedules.system_health_daily
where day >= :start::date and day < :end::date and (:tier = '' or tier = :tier)
order by day, case tier when 'all' then 1 when 'mongo' then 2 when 'clickhouse' then 3 when 'redis' then 4 else 5 end
"""
_FLOW = """
select
    day, execution_count, mongo_count, clickhouse_count, redis_count, completed_count, lost_before_clickhouse_count,
    lost_before_redis_count, stopped_in_mongo_count, stopped_in_clickhouse_count, stopped_in_redis_count,
    execution_count - completed_count - lost_before_clickhouse_count - lost_before_redis_count
        - stopped_in_mongo_count - stopped_in_clickhouse_count - stopped_in_redis_count as tier_missing_count,
    completed_ratio, lost_ratio, avg_end_to_end_ms, p50_end_to_end_ms, p95_end_to_end_ms, p99_end_to_end_ms
from schedules.schedule_flow_daily
where day >= :start::date and day < :end::date
order by day
"""
_KAFKA = """
select
    day, kafka_topic, kafka_partition, published_count, failed_count, skew_ratio, first_offset, last_offset
from schedules.kafka_publish_daily
where day >= :start::date and day < :end::date and (:topic = '' or kafka_topic = :topic)
  and (:is_first_page or (day, kafka_topic collate "C", kafka_partition)
      > (:after_day::date, :after_kafka_topic, :after_kafka_partition::bigint))
order by day, kafka_topic collate "C", kafka_partition
limit :limit
"""
_KAFKA_KEY = Key({"day": date, "kafka_topic": str, "kafka_partition": int})


def health(database: Database, first: date, last: date, tier: str | None = None) -> Page:
    """Whether each tier, and all three together, worked on each of the days first to last."""
    if tier not in (None, *HEALTH_TIERS):
        raise QueryError(f"the tier must be one of {', '.join(HEALTH_TIERS)}, but is {tier}")
    return ask_days(database, ["schedules.system_health_daily"], _HEALTH, first, last, {"tier": tier or ""})


def flow(database: Database, first: date, last: date) -> Page:
    """What became of the executions that started on each of the days first to last."""
    return ask_days(database, ["schedules.schedule_flow_daily"], _FLOW, first, last, {})


def kafka(
    database: Database, first: date, last: date, topic: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """What was published to each partition of each topic on each of the days first to last.

    `after` is the cursor of the page before.
    """
    check_texts({"topic": topic})
    wanted = {"topic": topic or "", **_KAFKA_KEY.parameters(after, limit)}
    found = ask_days(database, ["schedules.kafka_publish_daily"], _KAFKA, first, last, wanted)
    return replace(_KAFKA_KEY.page(found.rows, limit), coverage=found.coverage)
