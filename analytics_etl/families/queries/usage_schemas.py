"""Questions about schemas: which are used most, which grow, which are alive, how healthy they are."""

from dataclasses import replace
from datetime import date
from typing import Literal, get_args
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.coverage import are_there, ask_days, coverage_of_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.usage import OPERATIONS
from analytics_etl.families.queries.usage_names import with_names
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import newest_day

Direction = Literal["up", "down", "new"]
STATES = ("active", "idle", "stale", "zombie")
PERIODS = (1, 7, 30)
"""Lengths, in days, of the periods that `usage.top_schemas` has."""

_DAYS, _TOP, _TRENDING = "usage.schema_usage_1d", "usage.top_schemas", "usage.trending_schemas"
_LIVENESS, _HEALTH = "usage.schema_liveness_daily", "usage.schema_health_daily"
_RANK, _DAY_AND_RANK = Key({"rank": int}), Key({"day": date, "rank": int})

_TOP_OF_LAST_DAYS = """
select
    rank, schema_id, operation, operation_count, error_count,
    (operation_count - error_count)::double precision / operation_count as success_rate, first_day, last_day
from usage.top_schemas
where last_days = :last_days and operation = :operation and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
"""
_TOP_OF_DAYS = """
with
-- Rows of all operations on a schema have none; those of one operation have a region each.
counted as (
    select schema_id, sum(operation_count)::bigint as operation_count, sum(error_count)::bigint as error_count
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date
      and scope = case when :operation = '' then 'schema' else 'detail' end and operation = :operation
    group by 1
),
ranked as (
    select
        row_number() over (order by operation_count desc, schema_id) as rank, schema_id, operation_count, error_count
    from counted
)
select
    rank, schema_id, :operation as operation, operation_count, error_count,
    (operation_count - error_count)::double precision / operation_count as success_rate,
    :start::date as first_day, :end::date - 1 as last_day
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
"""
_TRENDS = """
select direction, rank, schema_id, operation_count, previous_operation_count, growth_ratio, last_day
from usage.trending_schemas
where direction = :direction and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
"""
_STATES = """
with ranked as (
    select
        row_number() over (
            order by
                case state when 'zombie' then 1 when 'stale' then 2 when 'idle' then 3 else 4 end,
                last_used_day nulls first, first_seen_day, schema_id
        ) as rank,
        day, schema_id, state, first_seen_day, last_used_day, days_since_use
    from usage.schema_liveness_daily
    where day >= :start::date and day < :end::date and (:state = '' or state = :state)
)
select rank, day, schema_id, state, first_seen_day, last_used_day, days_since_use
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
"""
_SCORES = """
with ranked as (
    select
        day, row_number() over (partition by day order by overall_score nulls last, schema_id) as rank, schema_id,
        overall_score, success_rate_score, performance_score, activity_score, is_zombie, reason, recommendations,
        operation_count, success_count, p95_latency_ms, operations_7d, median_operations_30d, formula_version
    from usage.schema_health_daily
    where day >= :start::date and day < :end::date
)
select
    day, rank, schema_id, overall_score, success_rate_score, performance_score, activity_score, is_zombie, reason,
    recommendations, operation_count, success_count, p95_latency_ms, operations_7d, median_operations_30d,
    formula_version
from ranked
where (:schema_id = '' or schema_id::text = :schema_id)
  and (:is_first_page or (day, rank) > (:after_day::date, :after_rank))
order by day, rank
limit :limit
"""


def top(
    database: Database, last_days: int, operation: str | None = None, limit: int = 20, after: str | None = None
) -> Page:
    """The schemas with the most operations, or the most of one operation, of the last 1, 7 or 30 days.

    They end with the last day that the view `usage.top_schemas` has, which holds the first 100. `after` is the cursor
    of the page before, here as in the other functions.
    """
    if last_days not in PERIODS:
        raise QueryError(f"the number of days must be {', '.join(map(str, PERIODS))}, but is {last_days}")
    wanted = {"last_days": last_days, **_operation(operation), **_RANK.parameters(after, limit)}
    if not are_there(database, [_TOP]):
        return Page([], coverage=Coverage(_DAYS))
    page = _RANK.page(database.query(_TOP_OF_LAST_DAYS, wanted), limit)
    if not page.rows:
        return page
    first, last = page.rows[0]["first_day"], page.rows[0]["last_day"]
    return replace(with_names(database, page, last), coverage=coverage_of_days(database, _DAYS, first, last))


def top_of_days(
    database: Database, first: date, last: date, operation: str | None = None, limit: int = 20,
    after: str | None = None,
) -> Page:  # fmt: skip
    """All schemas of the days first to last together, the most operations first."""
    wanted = {**_operation(operation), **_RANK.parameters(after, limit)}
    found = ask_days(database, [_DAYS], _TOP_OF_DAYS, first, last, wanted)
    return replace(with_names(database, _RANK.page(found.rows, limit), last), coverage=found.coverage)


def trending(database: Database, direction: Direction = "up", limit: int = 20, after: str | None = None) -> Page:
    """The schemas that grew or fell most in the last 7 days against the 7 before, or that are new; at most 50."""
    if direction not in get_args(Direction):
        raise QueryError(f"the direction must be one of {', '.join(get_args(Direction))}, but is {direction}")
    wanted = {"direction": direction, **_RANK.parameters(after, limit)}
    if not are_there(database, [_TRENDING]):
        return Page([], coverage=Coverage(_DAYS))
    page = _RANK.page(database.query(_TRENDS, wanted), limit)
    return with_names(database, page, page.rows[0]["last_day"]) if page.rows else page


def liveness(
    database: Database, day: date | None = None, state: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """When each schema was last used, as of the end of a day, the newest one by default; the longest unused first."""
    if state not in (None, *STATES):
        raise QueryError(f"the state must be one of {', '.join(STATES)}, but is {state}")
    wanted = {"state": state or "", **_RANK.parameters(after, limit)}
    day = day or database.run(newest_day, [_LIVENESS])
    if day is None:
        return Page([], coverage=Coverage(_LIVENESS))
    found = ask_days(database, [_LIVENESS], _STATES, day, day, wanted)
    return replace(with_names(database, _RANK.page(found.rows, limit), day), coverage=found.coverage)


def health(
    database: Database, first: date | None = None, last: date | None = None, schema_id: UUID | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """The scorecard of one schema or of all on each of the days first to last; of the newest day by default.

    The rank is that among all schemas of the day, 1 for the lowest score; those without a score come last.
    """
    wanted = {"schema_id": str(schema_id or ""), **_DAY_AND_RANK.parameters(after, limit)}
    first = first or database.run(newest_day, [_HEALTH])
    if first is None:
        return Page([], coverage=Coverage(_HEALTH))
    found = ask_days(database, [_HEALTH], _SCORES, first, last or first, wanted)
    page = with_names(database, _DAY_AND_RANK.page(found.rows, limit), last or first)
    return replace(page, coverage=found.coverage)


def _operation(operation: str | None) -> dict[str, str | int]:
    if operation not in (None, *OPERATIONS):
        raise QueryError(f"the operation must be one of {', '.join(OPERATIONS)}, but is {operation}")
    return {"operation": operation or ""}
