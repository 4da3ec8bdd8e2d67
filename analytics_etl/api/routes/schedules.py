"""Routes of schedule executions: records, statistics, error patterns, the health of the tiers."""

from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from starlette.responses import Response

from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import Moment, Period, as_moments, days_of, moments
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.families.queries import schedule_days, schedule_statistics, schedules

routes = router("/api/v1/schedule-analytics", "schedules", "schedules")

_EVENTS, _STATISTICS = schedules.EVENTS, schedules.STATISTICS
_PERFORMANCE, _HEALTH = "schedules.schedule_performance_daily", "schedules.system_health_daily"
_PATTERNS = "schedules.error_patterns_daily"
_PREFIX = "/api/v1/schedule-analytics"
Level = Annotated[Literal["INFO", "WARNING", "ERROR"], Path(description="A level.")]
Id = Annotated[str, Path(max_length=1_000, description="Id of a schedule.")]
Type = Annotated[str, Path(max_length=1_000, description="Type of an event.")]
Tier = Annotated[
    Literal["mongo", "clickhouse", "redis", "other"] | None, Query(description="A tier; all of them by default.")
]


def _events(asked: Asked, period: str, wanted: schedules.EventFilter, limit: int, cursor: str | None) -> Response:
    """Records of a period that a filter lets through."""
    days = days_of(asked.database, _EVENTS, period)
    page = schedules.events(asked.database, *as_moments(days), wanted, limit, cursor)
    return asked.page(page, [_EVENTS], days)


@routes.get("/schedule/{schedule_id}", **documented(f"{_PREFIX}/schedule/nightly?period=2d", "schedules.events"))
def of_schedule(
    asked: Annotated[Asked, Depends()], schedule_id: Id, period: Period = "30d", limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Records of one schedule, newest first."""
    return _events(asked, period, schedules.EventFilter(schedule_id=schedule_id), limit, cursor)


@routes.get("/time-range", **documented(
    f"{_PREFIX}/time-range?start=2025-03-31T00:00Z&end=2025-03-31T12:00Z&limit=5", "schedules.events"
))  # fmt: skip
def of_time_range(
    asked: Annotated[Asked, Depends()], start: Moment, end: Moment, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Records of a range, newest first; the end is included when it is a day."""
    page = schedules.events(asked.database, *moments(start, end), None, limit, cursor)
    return asked.page(page, [_EVENTS])


@routes.get("/level/{level}", **documented(f"{_PREFIX}/level/ERROR?period=2d&limit=5", "schedules.events"))
def of_level(
    asked: Annotated[Asked, Depends()], level: Level, period: Period = "7d", limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Records of one level, newest first."""
    return _events(asked, period, schedules.EventFilter(level=level), limit, cursor)


@routes.get("/event-type/{event_type}", **documented(f"{_PREFIX}/event-type/execution?period=2d", "schedules.events"))
def of_event_type(
    asked: Annotated[Asked, Depends()], event_type: Type, period: Period = "7d", limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Records of one type, newest first."""
    return _events(asked, period, schedules.EventFilter(event_type=event_type), limit, cursor)


@routes.get("/stats", **documented(f"{_PREFIX}/stats?period=7d", "schedules.statistics_of_range"))
def stats(asked: Annotated[AskedWhole, Depends()], period: Period = "7d", schedule_type: Tier = None) -> Response:
    """Results, queue and processing times of each tier and kind of work, of all days together."""
    days = days_of(asked.database, _STATISTICS, period)
    page = schedule_statistics.statistics_of_range(asked.database, days.first, days.last, schedule_type)
    return asked.page(page, [_STATISTICS], days)


@routes.get("/errors/patterns", **documented(f"{_PREFIX}/errors/patterns?period=7d", "schedules.errors"))
def patterns(
    asked: Annotated[Asked, Depends()], period: Period = "7d",
    schedule_id: Annotated[str | None, Query(max_length=1_000, description="A schedule.")] = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Patterns of error messages, the most frequent first."""
    days = days_of(asked.database, _PATTERNS, period)
    page = schedules.errors(asked.database, days.first, days.last, schedule_id, limit, cursor)
    return asked.page(page, [_PATTERNS], days)


@routes.get("/performance/schedule/{schedule_id}", **documented(
    f"{_PREFIX}/performance/schedule/nightly?period=7d", "schedules.performance"
))  # fmt: skip
def performance(asked: Annotated[AskedWhole, Depends()], schedule_id: Id, period: Period = "30d") -> Response:
    """How one schedule did on each day, against its own 28 days before."""
    days = days_of(asked.database, _PERFORMANCE, period)
    page = schedules.performance(asked.database, schedule_id, days.first, days.last)
    return asked.page(page, [_PERFORMANCE], days)


@routes.get("/health/system", **documented(f"{_PREFIX}/health/system?period=7d", "schedules.health_of_tiers"))
def health(asked: Annotated[AskedWhole, Depends()], period: Period = "1d") -> Response:
    """Whether each tier, and all of them together, worked on each day."""
    days = days_of(asked.database, _HEALTH, period)
    return asked.page(schedule_days.health(asked.database, days.first, days.last), [_HEALTH], days)
