"""Questions about all of schema usage: what was done, operation by operation, and which hours were anomalies."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.coverage import (
    ONE_DAY,
    are_there,
    ask_days,
    coverage_of_last_days,
    coverage_of_moments,
    last_days_up_to,
)
from analytics_etl.families.queries.cursor import text_of, utc
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.usage_names import with_names
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import newest_day

SEVERITIES = ("low", "medium", "high", "critical")

_ANOMALIES = "usage.usage_anomalies_daily"
_ANOMALY_KEY = Key({"bucket": datetime, "schema_id": UUID, "metric": str})

_FOUND = """
select
    bucket, schema_id, metric, severity, current_value, expected_value, deviation, operation_count, error_count,
    description
from usage.usage_anomalies_daily
where day >= :first_day::date and day <= :last_day::date and bucket >= :since and bucket < :until
  and (:schema_id = '' or schema_id::text = :schema_id) and (:severity = '' or severity = :severity)
  and (:is_first_page or (bucket, schema_id, metric collate "C")
      < (:after_bucket::timestamptz, :after_schema_id::uuid, :after_metric))
order by bucket desc, schema_id desc, metric collate "C" desc
limit :limit
"""
_OPERATIONS = """
with
-- Operations by latency; of all days together the first one stands for the range.
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        operation,
        case when :by_region then region else '' end as region,
        latency_ms,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count
    from usage.latency_distribution_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4
),
-- How many operations took no longer than each latency.
cumulated as (
    select
        first_day, operation, region, latency_ms, operation_count, success_count,
        sum(operation_count) over (
            partition by first_day, operation, region order by latency_ms
        ) as operations_until,
        sum(operation_count) over (partition by first_day, operation, region) - 1 as last_position
    from counted
),
-- The latencies at the positions next to each percentile, counted from 0.
measured as (
    select
        first_day, operation, region, last_position,
        sum(operation_count)::bigint as operation_count,
        sum(success_count)::bigint as success_count,
        sum(operation_count * latency_ms)::double precision as total_latency_ms,
        min(latency_ms) filter (where operations_until > floor(0.50 * last_position)) as p50_below,
        min(latency_ms) filter (where operations_until > ceil(0.50 * last_position)) as p50_above,
        min(latency_ms) filter (where operations_until > floor(0.95 * last_position)) as p95_below,
        min(latency_ms) filter (where operations_until > ceil(0.95 * last_position)) as p95_above,
        min(latency_ms) filter (where operations_until > floor(0.99 * last_position)) as p99_below,
        min(latency_ms) filter (where operations_until > ceil(0.99 * last_position)) as p99_above
    from cumulated
    group by 1, 2, 3, 4
),
-- Schemas of several days or regions count once.
used as (
    select
        case when :by_day then day else :start::date end as first_day,
        operation,
        case when :by_region then region else '' end as region,
        count(distinct schema_id) as schema_count
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'detail'
    group by 1, 2, 3
)
select
    first_day,
    case when :by_day then first_day else :end::date - 1 end as last_day,
    operation,
    region,
    operation_count,
    operation_count::double precision / sum(operation_count) over (partition by first_day) as operation_ratio,
    coalesce(schema_count, 0)::bigint as schema_count,
    success_count,
    operation_count - success_count as error_count,
    success_count::double precision / operation_count as success_rate,
    total_latency_ms / operation_count as avg_latency_ms,
    (p50_below + (0.50 * last_position - floor(0.50 * last_position)) * (p50_above - p50_below))
        ::double precision as p50_latency_ms,
    (p95_below + (0.95 * last_position - floor(0.95 * last_position)) * (p95_above - p95_below))
        ::double precision as p95_latency_ms,
    (p99_below + (0.99 * last_position - floor(0.99 * last_position)) * (p99_above - p99_below))
        ::double precision as p99_latency_ms
from measured
left join used using (first_day, operation, region)
order by first_day, operation_count desc, operation collate "C", region collate "C"
"""


def operations(database: Database, first: date, last: date, *, by_day: bool = False, by_region: bool = False) -> Page:
    """What was done with all schemas in the days first to last together, operation by operation; the most first.

    Counts of distinct schemas and percentiles are those of the whole range, or of each day or region if told so; all of
    it exact. Without `by_region` the region is empty.
    """
    tables = ["usage.latency_distribution_daily", "usage.schema_usage_1d"]
    return ask_days(database, tables, _OPERATIONS, first, last, {"by_day": by_day, "by_region": by_region})


def anomalies(
    database: Database, start: datetime, end: datetime, schema_id: UUID | None = None, severity: str | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """Hours of [start, end) with too many errors or far slower than usual, newest first.

    Those of all schemas together have the nil UUID. Times without a zone are UTC; `after` is the cursor of the page
    before.
    """
    since, until = utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    if severity not in (None, *SEVERITIES):
        raise QueryError(f"the severity must be one of {', '.join(SEVERITIES)}, but is {severity}")
    wanted: dict[str, str | int] = {
        "first_day": since.date().isoformat(),
        "last_day": until.date().isoformat(),
        "since": text_of(since),
        "until": text_of(until),
        "schema_id": "" if schema_id is None else str(schema_id),
        "severity": severity or "",
        **_ANOMALY_KEY.parameters(after, limit),
    }
    found = database.query(_FOUND, wanted) if are_there(database, [_ANOMALIES]) else []
    page = with_names(database, _ANOMALY_KEY.page(found, limit), (until - datetime.resolution).date())
    return replace(page, coverage=coverage_of_moments(database, _ANOMALIES, since, until))


def anomalies_of_last_days(
    database: Database, last_days: int, schema_id: UUID | None = None, severity: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """The same of the last days up to the newest one that was looked at."""
    newest = database.run(newest_day, [_ANOMALIES])
    start, end = last_days_up_to(newest or date.max - ONE_DAY, last_days)
    if newest is None:
        return Page([], coverage=Coverage(_ANOMALIES))
    page = anomalies(database, start, end, schema_id, severity, limit, after)
    return replace(page, coverage=coverage_of_last_days(database, _ANOMALIES, newest, last_days))
