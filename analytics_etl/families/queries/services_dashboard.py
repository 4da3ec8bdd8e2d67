"""The dashboard of the streaming services as one value, and rows under the names of fields of their former API."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from analytics_etl.families.queries import Coverage, Page, Row, services
from analytics_etl.families.queries.coverage import check_days
from analytics_etl.postgres.database import Database

METRICS = "service_metrics"
SHOWN = 10
"""Errors, and users, of a dashboard."""
AGGREGATION = {
    "id": "Service, length and start of the bucket.", "timestamp": "Start of the bucket.", "service_id": "Service.",
    "period": "Length of the bucket.", "event_count": "Operations that the service carried out.",
    "error_count": "Those that failed.", "error_rate": "Share of them that failed.",
    "success_rate": "Share of them that succeeded.", "throughput": "Operations per second.",
    "avg_latency": "Mean latency in milliseconds; null when no duration is known.",
    "p50_latency": "Median latency in milliseconds.", "p95_latency": "95th percentile of it.",
    "p99_latency": "99th percentile of it.",
}  # fmt: skip
"""{field of a bucket of a service: what it means}"""
_COLUMNS: Mapping[str, str] = {
    "timestamp": "bucket", "avg_latency": "avg_latency_ms", "p50_latency": "p50_latency_ms",
    "p95_latency": "p95_latency_ms", "p99_latency": "p99_latency_ms",
}  # fmt: skip
"""Of fields that are called otherwise than their column."""
_LARGEST = 10_000


def aggregation(row: Row, period: services.Grain) -> dict[str, Any]:
    """A bucket of `services.aggregations` as an AGGREGATION."""
    made = {"id": f"{row['service_id']}:{period}:{row['bucket']:%Y-%m-%dT%H:%MZ}", "period": period}
    return {name: made[name] if name in made else row[_COLUMNS.get(name, name)] for name in AGGREGATION}


def dashboard(
    database: Database, first: date, last: date, service: str | None = None
) -> tuple[dict[str, Any], Coverage | None]:
    """The days first to last of one service or of each: metrics, most frequent errors, busiest users and health.

    Users have pseudonyms, the same as in reports.
    """
    check_days(first, last)
    start = datetime.combine(first, time())
    days = services.aggregations(
        database, "1d", start, start + (last - first + timedelta(days=1)), service, _LARGEST
    )  # fmt: skip

    def rows(page: Page) -> list[dict[str, Any]]:
        return [dict(row) for row in page.rows]

    return {
        METRICS: [aggregation(row, "1d") for row in days.rows],
        "top_errors": rows(services.errors(database, first, last, service, SHOWN)),
        "top_users": rows(services.top_users(database, first, last, service, SHOWN)),
        "system_health": rows(services.health(database, first, last, service)),
    }, days.coverage
