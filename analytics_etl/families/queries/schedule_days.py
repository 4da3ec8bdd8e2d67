"""Questions about the days of the schedule system: how healthy it was, what became of executions, what Kafka got."""

from dataclasses import replace
from datetime import date

from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.coverage import ask_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

HEALTH_TIERS = ("all", "mongo", "clickhouse", "redis", "other")

_KAFKA_KEY = Key({"day": date, "kafka_topic": str, "kafka_partition": int})


def health(database: Database, first: date, last: date, tier: str | None = None) -> Page:
    """Whether each tier, and all three together, worked on each of the days first to last."""
    if tier not in (None, *HEALTH_TIERS):
        raise QueryError(f"the tier must be one of {', '.join(HEALTH_TIERS)}, but is {tier}")
    return ask_days(
        database, ["schedules.system_health_daily"], "schedules.health_of_tiers", first, last, {"tier": tier or ""}
    )


def flow(database: Database, first: date, last: date) -> Page:
    """What became of the executions that started on each of the days first to last."""
    return ask_days(database, ["schedules.schedule_flow_daily"], "schedules.flow_of_days", first, last, {})


def kafka(
    database: Database, first: date, last: date, topic: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """What was published to each partition of each topic on each of the days first to last.

    `after` is the cursor of the page before.
    """
    check_texts({"topic": topic})
    wanted = {"topic": topic or "", **_KAFKA_KEY.parameters(after, limit)}
    found = ask_days(database, ["schedules.kafka_publish_daily"], "schedules.kafka_partitions", first, last, wanted)
    return replace(_KAFKA_KEY.page(found.rows, limit), coverage=found.coverage)
