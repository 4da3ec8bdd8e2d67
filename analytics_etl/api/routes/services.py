"""Routes of the streaming services. Paths and names of fields are those of their former API."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import as_moments, days_of
from analytics_etl.api.serving import Asked, AskedNewest, AskedWhole, Cursor, Limit, router
from analytics_etl.families.queries import Page, Row, platform, services, services_dashboard
from analytics_etl.families.queries.services_dashboard import AGGREGATION, METRICS, aggregation

routes = router("/api/v1/analytics", "services", "services")
of_platform = router("", "services", "platform", is_of_tenants=True)
"""Gauges of services come with the samples of the platform, so these answers are new when those are."""

_DAYS, _HEALTH = "services.service_stats_1d", "services.health_daily"
_MOST = 10_000
"""Rows of an answer, of which pages are made."""
_ANOMALIES = {
    "id": "Series and start of the bucket.", "timestamp": "Start of the bucket in which it begins.",
    "service_id": "Service; empty for all services together.", "period": "Length of the bucket, 1h or 1d.",
    "metric_name": "What is measured.", "current_value": "What is unusual of the bucket, such as its value.",
    "expected_value": "What was expected of it.",
    "deviation": "Signed distance from that in robust standard deviations; null off a constant line.",
    "severity": "low, medium, high or critical.", "description": "What happened.",
}  # fmt: skip
_PREDICTIONS = {
    "id": "Series, day and days ahead.", "timestamp": "The day at whose end the forecast was made.",
    "service_id": "Service; empty for all services together.", "prediction_type": "What is forecast.",
    "unit": "Of the value: count, ratio, score, percent, ms or bytes.",
    "predicted_value": "The forecast; null without one.", "lower_value": "Lower end of the 80 % interval.",
    "upper_value": "Its upper end.", "confidence": "Share of earlier values within their 80 % interval.",
    "time_horizon": "Days ahead, like 7d.", "forecast_day": "The day that is forecast.",
    "recommendation": "What to do, else what to reckon with, or why there is no forecast.",
}  # fmt: skip
Days = Annotated[int, Query(ge=1, le=400, description="Days up to the newest one.")]
Service = Annotated[str | None, Query(max_length=1_000, description="A service; each of them by default.")]


@routes.get("/aggregations", **documented("/api/v1/analytics/aggregations?period=1h&limit=5", AGGREGATION))
def aggregations(
    asked: Annotated[Asked, Depends()], service_id: Service = None,
    period: Annotated[services.Grain, Query(description="Length of the buckets.")] = "1m",
    days: Days = 1,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Operations and latencies per bucket, the oldest first."""
    table = f"services.service_stats_{period}"
    asked_days = days_of(asked.database, table, f"{days}d")
    page = services.aggregations(asked.database, period, *as_moments(asked_days), service_id, limit, cursor)
    rows = [aggregation(row, period) for row in page.rows]
    return asked.page(Page(rows, page.next, page.coverage), [table], asked_days, columns=list(AGGREGATION))


@of_platform.get("/metrics", **documented("/api/v1/analytics/metrics?period=1h&limit=5", "platform.gauges_1h"))
def gauges(
    asked: Annotated[Asked, Depends()], service_id: Service = None,
    period: Annotated[platform.Bucket, Query(description="Length of the buckets.")] = "1h",
    name: Annotated[str | None, Query(max_length=200, description="A gauge; each of them by default.")] = None,
    days: Days = 1, limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The gauges of services per bucket, the oldest first; a tenant sees those of its own services."""
    table = f"platform.service_gauges_{period}"
    asked_days = days_of(asked.database, table, f"{days}d")
    first, last = asked_days.first, asked_days.last
    page = platform.gauges(asked.database, first, last, period, service_id, name, None, limit, cursor)
    return asked.page(page, [table], asked_days)


@routes.get("/anomalies", **documented("/api/v1/analytics/anomalies?service_id=play&limit=10", _ANOMALIES))
def anomalies(asked: Annotated[AskedNewest, Depends()], service_id: Service = None, days: Days = 30) -> Response:
    """The newest anomalies of one service, or of each and of all together."""
    table = "services.anomalies"
    asked_days = days_of(asked.database, table, f"{days}d")
    page = services.anomalies(asked.database, asked_days.first, asked_days.last, service_id, _MOST)
    rows = [_anomaly(row) for row in page.rows]
    return asked.page(Page(rows, coverage=page.coverage), [table], asked_days, columns=list(_ANOMALIES))


@routes.get("/predictions", **documented("/api/v1/analytics/predictions?limit=10", _PREDICTIONS))
def predictions(asked: Annotated[AskedNewest, Depends()], service_id: Service = None, days: Days = 1) -> Response:
    """The newest forecasts of one service, or of each and of all together."""
    table = "services.forecasts"
    asked_days = days_of(asked.database, table, f"{days}d")
    page = services.forecasts(asked.database, asked_days.first, asked_days.last, service_id, _MOST)
    rows = [_prediction(row) for row in page.rows]
    return asked.page(Page(rows, coverage=page.coverage), [table], asked_days, columns=list(_PREDICTIONS))


@routes.get("/dashboard", **documented(
    "/api/v1/analytics/dashboard", AGGREGATION,
    {"top_errors": {"type": "array"}, "top_users": {"type": "array"}, "system_health": {"type": "array"}},
    METRICS,
))  # fmt: skip
def dashboard(asked: Annotated[AskedWhole, Depends()], service_id: Service = None) -> Response:
    """The newest day of one service or of each: its metrics, most frequent errors, busiest users and health.

    Users have pseudonyms, the same as in reports.
    """
    days = days_of(asked.database, _DAYS, "1d")
    fields, coverage = services_dashboard.dashboard(asked.database, days.first, days.last, service_id)
    rows = fields.pop(METRICS)
    return asked.about(
        [_DAYS, _HEALTH], days.first, days.last, Answer(rows, METRICS, fields, list(AGGREGATION), coverage)
    )


def _anomaly(row: Row) -> dict[str, Any]:
    return {
        "id": f"{row['series_id']}:{row['bucket']:%Y-%m-%dT%H:%MZ}", "timestamp": row["bucket"],
        "service_id": row["service_id"], "period": row["grain"], "metric_name": row["metric"],
        "current_value": row["current_value"], "expected_value": row["expected_value"],
        "deviation": row["deviation"], "severity": row["severity"], "description": row["sentence"],
    }  # fmt: skip


def _prediction(row: Row) -> dict[str, Any]:
    recommendation = row["recommendation"] or row["reason"]
    if recommendation is None:
        recommendation = f"Reckon with {row['lower_80']:,.4g} to {row['upper_80']:,.4g} ({row['unit']})."
    return {
        "id": f"{row['series_id']}:{row['day']}:{row['steps']}d", "timestamp": row["day"],
        "service_id": row["service_id"], "prediction_type": row["metric"], "unit": row["unit"],
        "predicted_value": row["predicted_value"], "lower_value": row["lower_80"], "upper_value": row["upper_80"],
        "confidence": row["confidence_ratio"], "time_horizon": f"{row['steps']}d", "forecast_day": row["forecast_day"],
        "recommendation": recommendation,
    }  # fmt: skip


routes.include_router(of_platform)
