"""Pages of schema usage: all schemas, and one schema."""

from collections.abc import Sequence
from uuid import UUID

from analytics_etl.api.dashboard.values import (
    Card,
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
    next_link,
    summed_cards,
    within,
    without,
)
from analytics_etl.api.periods import Days, as_moments
from analytics_etl.families.queries import Page as Answer
from analytics_etl.families.queries import Row, usage, usage_breakdowns, usage_names, usage_schemas
from analytics_etl.families.queries.usage import ALL_SCHEMAS

_DAYS, _HEALTH = "usage.schema_usage_1d", "usage.schema_health_daily"
_SUMMED = {"operation_count": "Operations", "error_count": "Errors"}
_DAY = {
    "day": "Day", "operation_count": "Operations", "error_count": "Errors", "success_rate": "Succeeded",
    "p50_latency_ms": "Median latency", "p95_latency_ms": "95th percentile",
}  # fmt: skip
_ANOMALIES = {
    "bucket": "Hour", "schema_name": "Schema", "severity": "Severity", "metric": "Metric", "current_value": "Value",
    "expected_value": "Expected", "deviation": "Times expected",
}  # fmt: skip


def schemas(question: Question) -> Page:
    """All schemas together and those used most; or those that a search finds."""
    database, days = question.database, question.days(_DAYS)
    if question.search:
        found = usage_names.named_like(database, question.search)[: question.limit]
        return Page("Schemas", "/schemas", [
            Section("Which schemas are called so?", Table("found", found, {
                "schema_name": "Schema", "schema_id": "Id",
            }, _links(question, found)), empty="No schema has these letters in its name or id."),
        ], (), days, "", question.search)  # fmt: skip
    statistics = usage.statistics(database, "1d", *as_moments(Days(days.before.first, days.last)))
    rows = by_day(statistics.rows)
    top = usage_schemas.top_of_days(database, days.first, days.last, None, question.limit, question.cursor)
    operations = usage_breakdowns.operations(database, days.first, days.last)
    zombies = usage_schemas.liveness(database, None, "zombie", question.limit)
    anomalies = usage_breakdowns.anomalies(database, *as_moments(days), limit=question.limit)
    unusual = [
        {**row, "schema_name": "all schemas"} if row["schema_id"] == ALL_SCHEMAS else row for row in anomalies.rows
    ]
    cards = summed_cards(rows, _SUMMED, days, is_comparable=is_whole(statistics.coverage, days.before))
    named = [{**row, "schema_name": row["schema_name"] or str(row["schema_id"])} for row in top.rows]
    return Page("Schemas", "/schemas", [
        Section("How much was done?", Table("days", within(rows, days)[::-1], _DAY),
                daily_figure(rows, "operation_count", days, "Operations per day")),
        Section("Which schemas are used most?", Table("top_schemas", named, {
                    "rank": "#", "schema_name": "Schema", "operation_count": "Operations",
                    "error_count": "Errors", "success_rate": "Succeeded",
                }, _links(question, named), next_link(question, "/schemas", top.next)),
                bars(named, "schema_name", "operation_count", "Operations by schema")),
        Section("What was done with them?", Table("operations", operations.rows, {
                    "operation": "Operation", "operation_count": "Operations", "operation_ratio": "Share",
                    "success_rate": "Succeeded", "schema_count": "Schemas", "p95_latency_ms": "95th percentile",
                }), bars(operations.rows, "operation", "operation_count", "Operations by kind", "error_count")),
        Section("Which hours were unusual?", Table("anomalies", unusual, _ANOMALIES,
                _links(question, anomalies.rows)), empty="No hour of these days was unusual."),
        Section("Which schemas does nobody use any more?", Table("zombies", zombies.rows, {
                    "schema_name": "Schema", "schema_id": "Id", "last_used_day": "Last use",
                    "days_since_use": "Days since", "first_seen_day": "First seen",
                }, _links(question, zombies.rows)), empty="Every schema was used in the last 90 days."),
    ], cards, days, missing_note(statistics.coverage, days),
        question.search)  # fmt: skip


def schema(question: Question, schema_id: UUID) -> Page:
    """One schema: what was done with it, how healthy it is, which hours were unusual."""
    database, days = question.database, question.days(_DAYS)
    whole = as_moments(Days(days.before.first, days.last))
    statistics = usage.statistics(database, "1d", *whole, schema_id)
    rows = by_day(statistics.rows)
    detail = usage.statistics(database, "1d", *as_moments(days), schema_id, detail=True)
    judged = question.days(_HEALTH)
    health = usage_schemas.health(database, judged.first, judged.last, schema_id, 1_000)
    anomalies = usage_breakdowns.anomalies(database, *as_moments(days), schema_id, limit=question.limit)
    named = usage_names.with_names(database, Answer([{"schema_id": schema_id}]), days.last).rows[0]
    newest = max(health.rows, key=lambda row: row["day"], default=None)
    cards = summed_cards(rows, _SUMMED, days, is_comparable=is_whole(statistics.coverage, days.before))
    if newest:
        cards.append(Card("Health", newest["overall_score"], "score"))
    advice = [{"recommendation": line} for line in ((newest or {}).get("recommendations") or "").splitlines()]
    return Page(named["schema_name"] or str(schema_id), "/schemas", [
        Section("How much was done with it?", Table("days", within(rows, days)[::-1], _DAY),
                daily_figure(rows, "operation_count", days, "Operations per day")),
        Section("What was done, and where?", Table("operations", by_day(detail.rows)[::-1], {
                    "day": "Day", "operation": "Operation", "region": "Region", "operation_count": "Operations",
                    "error_count": "Errors", "p95_latency_ms": "95th percentile",
                })),
        Section("How healthy is it?", Table("health", sorted(health.rows, key=lambda row: row["day"], reverse=True), {
                    "day": "Day", "overall_score": "Score", "success_rate_score": "Success",
                    "performance_score": "Performance", "activity_score": "Activity", "reason": "Reason",
                }), empty="Its health is not known in these days."),
        Section("What would make it healthier?", Table("recommendations", advice, {
                    "recommendation": "Recommendation",
                }), empty="Nothing: no recommendation is open."),
        Section("Which hours were unusual?", Table("anomalies", anomalies.rows, without(_ANOMALIES, "schema_name")),
                empty="No hour of these days was unusual."),
    ], cards, days, missing_note(statistics.coverage, days),
        path="/schema", parameters={"id": str(schema_id)})  # fmt: skip


def _links(question: Question, rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """The page of each schema, from its name and its id."""
    ids = links(question, rows, "schema_id", "/schema", "id")
    names = {row["schema_name"]: ids[str(row["schema_id"])] for row in rows if row["schema_name"]}
    return {"schema_name": names, "schema_id": ids}
