"""Pages of the streaming services and of the platform: all services, one service, the tenants."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.api.dashboard.values import (
    Page,
    Question,
    Section,
    Table,
    bars,
    by_day,
    daily_figure,
    is_whole,
    links,
    missing_note,
    summed_cards,
    within,
    without,
)
from analytics_etl.api.periods import Days, as_moments
from analytics_etl.families.queries import Row, platform
from analytics_etl.families.queries import services as asked

_DAYS, _TENANTS = "services.service_stats_1d", "platform.tenant_overview_daily"
_COUNTED = ("event_count", "error_count")
_LARGEST = 10_000
_SERVICE_DAY = {
    "day": "Day", "service_id": "Service", "event_count": "Operations", "error_rate": "Errors",
    "p50_latency_ms": "Median", "p95_latency_ms": "95th percentile", "p99_latency_ms": "99th",
}  # fmt: skip
_TENANT_DAY = {
    "day": "Day", "tenant_id": "Tenant", "status": "Status", "sample_count": "Samples", "active_users": "Users",
    "service_count": "Services", "degraded_count": "Degraded", "critical_count": "Critical",
}  # fmt: skip
_UNHEALTHY = {
    "day": "Day", "tenant_id": "Tenant", "service_id": "Service", "status": "Status", "reason": "Reason",
}  # fmt: skip
_BUSINESS = {
    "day": "Day", "tenant_id": "Tenant", "name": "Metric", "unit": "Unit", "labels": "Labels", "total_value": "Total",
    "avg_value": "Mean", "last_value": "Last",
}  # fmt: skip
_HEALTH = {
    "day": "Day", "service_id": "Service", "status": "Status", "event_count": "Events", "error_rate": "Errors",
    "p95_latency_ms": "95th percentile", "reason": "Reason",
}  # fmt: skip
_OPERATIONS = {
    "rank": "#", "service_id": "Service", "operation": "Operation", "event_count": "Events", "error_rate": "Errors",
    "avg_duration_ms": "Mean", "highest_daily_p95_duration_ms": "Highest daily 95th",
}  # fmt: skip
_ERRORS = {
    "rank": "#", "service_id": "Service", "operation": "Operation", "error_type": "Error", "error_count": "Times",
    "last_seen_at": "Last",
}  # fmt: skip


def overview(question: Question) -> Page:
    """All services, how healthy they are, and their users."""
    page, days = _of(question, None), question.days(_DAYS)
    engagement = asked.engagement(question.database, days.first, days.last)
    users = Section("How many people use them?", Table("engagement", engagement.rows[::-1], {
        "day": "Day", "active_users_1d": "Users", "active_users_7d": "In 7 days", "active_users_30d": "In 30 days",
        "session_count": "Sessions", "median_session_ms": "Median session", "bounce_ratio": "Bounced",
        "conversion_ratio": "Converted",
    }))  # fmt: skip
    return Page("Services", "/services", [*page, users], *_head(question, None, days))


def service(question: Question, service_id: str) -> Page:
    """One service."""
    days = question.days(_DAYS)
    return Page(
        service_id, "/services", _of(question, service_id), *_head(question, service_id, days), path="/service",
        parameters={"id": service_id},
    )  # fmt: skip


def _head(question: Question, service_id: str | None, days: Days) -> tuple[Any, Days, str]:
    """The cards, days and note of a page about services."""
    moments = as_moments(Days(days.before.first, days.last))
    found = asked.aggregations(question.database, "1d", *moments, service_id, _LARGEST)
    rows, coverage = _summed(by_day(found.rows)), found.coverage
    cards = summed_cards(rows, {
        "event_count": "Operations", "error_count": "Errors",
    }, days, is_comparable=is_whole(coverage, days.before))  # fmt: skip
    return cards, days, missing_note(coverage, days)


def _of(question: Question, service_id: str | None) -> list[Section]:
    """What one service did, or each of them."""
    database, days = question.database, question.days(_DAYS)
    moments = as_moments(Days(days.before.first, days.last))
    rows = by_day(asked.aggregations(database, "1d", *moments, service_id, _LARGEST).rows)
    health = asked.health(database, days.first, days.last, service_id)
    operations = asked.operations(database, days.first, days.last, service_id, question.limit)
    errors = asked.errors(database, days.first, days.last, service_id, question.limit)
    latest = [row for row in within(rows, days) if row["day"] == days.last]
    newest_first = sorted(health.rows, key=lambda row: row["day"], reverse=True)

    def table(name: str, found: Sequence[Row], labels: Mapping[str, str]) -> Table:
        return _of_each(question, name, found, labels, ("service_id", "/service"), service_id)

    return [
        Section("How much was carried out?", table("days", within(rows, days)[::-1], _SERVICE_DAY), [
            *daily_figure(_summed(rows), "event_count", days, "Operations per day"),
            *(() if service_id else bars(
                latest, "service_id", "p95_latency_ms", "95th percentile of the latency, the last day"
            )),
        ]),
        Section("How healthy is it?" if service_id else "How healthy is each?", table("health", newest_first, _HEALTH)),
        Section("Which operations take most time?", table("operations", operations.rows, _OPERATIONS)),
        Section("What failed most?", table("errors", errors.rows, _ERRORS),
                empty="Nothing failed in these days."),
    ]  # fmt: skip


def tenants(question: Question, tenant: str | None = None) -> Page:
    """Each tenant: its samples, its users, the health of its services, its business metrics; or one tenant."""
    database, days = question.database, question.days(_TENANTS)
    everybody = platform.tenants(database, days.first, days.last, tenant, _LARGEST)
    names = None if tenant else sorted({row["tenant_id"] for row in everybody.rows})
    chosen = question.tenant is not None and tenant is None
    tenant = question.tenant if chosen else tenant
    found = platform.tenants(database, days.first, days.last, tenant, _LARGEST) if chosen else everybody
    health = platform.health(database, days.first, days.last, tenant, _LARGEST)
    business = platform.business(database, days.first, days.last, tenant, question.limit)
    unhealthy = [row for row in health.rows if row["status"] != "healthy"]

    def table(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Table:
        return _of_each(question, name, rows, labels, ("tenant_id", "/tenant"), tenant)

    return Page(tenant or "Tenants", "/tenants", [
        Section("How active was it?" if tenant else "How active are they?",
                table("tenants", found.rows[::-1], _TENANT_DAY)),
        Section("Which services were not healthy?", table("health", unhealthy[::-1], _UNHEALTHY),
                empty="Every service was healthy, as far as anything is known."),
        Section("How is the business?", table("business", business.rows, _BUSINESS)),
    ], (), days, missing_note(found.coverage, days), tenants=names, tenant=question.tenant,
        path="/tenant" if tenant and not chosen else "",
        parameters={"id": tenant} if tenant and not chosen else {})  # fmt: skip


def _of_each(
    question: Question, name: str, rows: Sequence[Row], labels: Mapping[str, str], column: tuple[str, str],
    of: str | None,
) -> Table:  # fmt: skip
    """A table with a link from each service or tenant to its page; of one alone, which is named `of`, without it."""
    if of is not None:
        return Table(name, rows, without(labels, column[0]))
    return Table(name, rows, labels, {column[0]: links(question, rows, *column, "id")})


def _summed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Counts of all services together, day by day."""
    found: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for row in rows:
        for column in _COUNTED:
            found[row["day"]][column] += row[column]
    return [{"day": day, **counts} for day, counts in sorted(found.items())]
