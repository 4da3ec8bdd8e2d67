"""The report of the platform: health of its services, tenants, business, metrics, capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure, beside_before, compared_mark
from analytics_etl.reporting.family import FamilyReport
from analytics_etl.reporting.period import Column, Kpi, Period, Row, section
from analytics_etl.reporting.trend import Trend, build, draw

PLATFORM = "the platform"
"""What stands for the tenant without a name."""

KPIS = (
    Kpi("sample_count", "Samples", "count"),
    Kpi("tenant_count", "Tenants", "count"),
    Kpi("active_users", "Most users of a day", "count"),
    Kpi("unhealthy_ratio", "Services not healthy", "ratio", "lower", "services, each day"),
    Kpi("reset_count", "Restarts of counters", "count"),
)

TREND = Trend(
    noun="sample",
    additive=(
        ("sample_count", "Samples", "count"),
        ("service_count", "Services", "count"),
        ("unhealthy_count", "Services not healthy", "count"),
        ("reset_count", "Restarts of counters", "count"),
    ),
    highest=("tenant_count", "Tenants", "count"),
    ratio=("unhealthy_ratio", "Not healthy", "ratio"),
    numerator=("unhealthy_count",),
    denominator=("service_count",),
    ratio_caption="Share of the services that were not healthy",
    hidden=("service_count",),
)

TREND_OF_TENANT = replace(TREND, highest=("active_users", "Users", "count"))


def trend(period: Period) -> dict[str, Any]:
    return build(TREND if period.tenant is None else TREND_OF_TENANT, period)


def health(period: Period) -> dict[str, Any]:
    rows = [
        {**row, "tenant": _tenant(row), "service": row["service_id"] or "not told"} for row in _rows(period, "health")
    ]
    parts = []
    if rows:
        counts = {status: sum(row["status"] == status for row in rows) for status in ("critical", "degraded")}
        said = [f"{n} {wording.verb(n, 'was', 'were')} {status}" for status, n in counts.items() if n]
        shown = wording.plural(len(rows), "service")
        parts.append(f"of {shown} {' and '.join(said) or 'none was degraded'}")
        parts += [f"{_service(rows[0])}: {rows[0]['reason'].rstrip('.')}"] if said else []
    columns: list[Column] = [
        ("tenant", "Tenant", "name"),
        ("service", "Service", "name"),
        ("status", "Status", "health"),
        ("reason", "Why", "text"),
        ("critical_hour_count", "Critical hours", "count"),
    ]
    if period.cadence != "daily":
        columns += [
            ("day", "As of", "day"),
            ("degraded_day_count", "Days degraded", "count"),
            ("critical_day_count", "Days critical", "count"),
        ]
    nothing = period.nothing("no gauge says how a service was")
    return section("Was each service healthy?", parts or [nothing], _told(period, columns), rows)


def tenants(period: Period) -> dict[str, Any]:
    rows = [{**row, "tenant": _tenant(row)} for row in _rows(period, "tenants")]
    parts = []
    if named := [row for row in rows if row["tenant_id"]]:
        first = named[0]
        parts.append(
            f"most samples are about {wording.name(first['tenant_id'])}, {wording.count(first['sample_count'])}"
        )
        grown = [row for row in named if row["growth_ratio"] is not None]
        if best := max(grown, key=lambda row: row["growth_ratio"], default=None):
            parts.append(f"{wording.name(best['tenant_id'])} changed most, by {wording.change(best['growth_ratio'])}")
        if bad := [wording.name(row["tenant_id"]) for row in named if row["status"] in ("degraded", "critical")]:
            parts.append(f"services of {', '.join(bad)} were not healthy")
    columns: list[Column] = [
        ("tenant", "Tenant", "name"),
        ("sample_count", "Samples", "count"),
        ("previous_sample_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("most_active_users", "Users" if period.cadence == "daily" else "Most users a day", "count"),
        ("status", "Status", "health"),
    ]
    return section("What did each tenant do?", parts or [period.nothing("no tenant has samples")], columns, rows)


def business(period: Period) -> dict[str, Any]:
    rows = [{**row, "tenant": _tenant(row)} for row in _rows(period, "business")]
    parts = []
    for row in sorted((row for row in rows if row["growth_ratio"] is not None), key=_size_of_change)[-2:][::-1]:
        unit = f" {wording.name(row['unit'])}" if row["unit"] else ""
        parts.append(f"{wording.name(row['name'])} of {wording.name(row['tenant'])}: "
                     f"{wording.count(row['total_value'])}{unit}, {wording.change(row['growth_ratio'])}")  # fmt: skip
    parts = parts or ([f"{wording.plural(len(rows), 'metric')} of business"] if rows else [])
    columns: list[Column] = [
        ("tenant", "Tenant", "name"),
        ("name", "Metric", "name"),
        ("unit", "Unit", "name"),
        ("series_count", "Dimensions", "count"),
        ("total_value", "Total", "decimal"),
        ("previous_total_value", "Before", "decimal"),
        ("growth_ratio", "Change", "change_ratio"),
        ("avg_value", "Mean level", "decimal"),
        ("previous_avg_value", "Before", "decimal"),
    ]
    nothing = period.nothing("no metric of business")
    return section("How did business go?", parts or [nothing], _told(period, columns), rows)


def dimensions(period: Period) -> dict[str, Any]:
    rows = [{**row, "tenant": _tenant(row), "labels": _labels(row)} for row in _rows(period, "dimensions")]
    grown = [row for row in rows if row["growth_ratio"] is not None]
    parts = [f"{wording.plural(len(rows), 'dimension')}"] if rows else []
    if best := max(grown, key=_size_of_change, default=None):
        parts.append(f"{wording.name(best['name'])} of {wording.name(best['labels'])} changed most, by "
                     f"{wording.change(best['growth_ratio'])}")  # fmt: skip
    columns: list[Column] = [
        ("tenant", "Tenant", "name"),
        ("name", "Metric", "name"),
        ("labels", "Dimension", "name"),
        ("unit", "Unit", "name"),
        ("total_value", "Total", "decimal"),
        ("previous_total_value", "Before", "decimal"),
        ("growth_ratio", "Change", "change_ratio"),
        ("highest_value", "Highest", "decimal"),
    ]
    nothing = period.nothing("no metric of business")
    return section("Where did business come from?", parts or [nothing], _told(period, columns), rows)


def labels(period: Period) -> dict[str, Any]:
    rows = [{**row, "labels": _labels(row)} for row in _rows(period, "labels")]
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most samples: {wording.name(first['labels'])}, {wording.count(first['sample_count'])} of "
                     f"{wording.plural(first['metric_count'], 'metric')}")  # fmt: skip
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("labels", "Labels", "name"),
        ("sample_count", "Samples", "count"),
        ("previous_sample_count", "Before", "count"),
        ("metric_count", "Metrics", "count"),
        ("tenant_count", "Tenants", "count"),
    ]
    return section("What are they about?", parts or [period.nothing("nothing")], _told(period, columns), rows)


def metrics(period: Period) -> dict[str, Any]:
    rows = _rows(period, "metrics")
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most samples: {wording.name(first['name'])}, {wording.count(first['sample_count'])} in "
                     f"{wording.count(first['series_count'])} series")  # fmt: skip
        parts += [
            f"{wording.name(row['name'])} began anew {wording.plural(row['reset_count'], 'time')}"
            for row in rows
            if row["reset_count"]
        ]
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("name", "Metric", "name"),
        ("type", "Type", "name"),
        ("unit", "Unit", "name"),
        ("sample_count", "Samples", "count"),
        ("previous_sample_count", "Before", "count"),
        ("series_count", "Series" if period.cadence == "daily" else "Most series a day", "count"),
        ("tenant_count", "Tenants", "count"),
        ("min_value", "Lowest", "decimal"),
        ("max_value", "Highest", "decimal"),
        ("reset_count", "Restarts", "count"),
    ]
    return section("Which metrics are there?", parts or [period.nothing("none")], _told(period, columns), rows)


def capacity(period: Period) -> dict[str, Any]:
    rows = [
        {**row, "table": row["table_name"] or "all together", "full": None if full is None else full.isoformat()}
        for row in _rows(period, "capacity")
        for full in [row["full_on"]]
    ]
    parts = []
    if rows:
        parts.append(f"the lake holds {wording.size(rows[0]['size_bytes'])} and grows by "
                     f"{wording.size(round(rows[0]['daily_bytes']))} a day")  # fmt: skip
        full = rows[0]["full"]
        parts.append(f"at this pace it is full on {full}" if full else "at this pace it is not full within 100 years")
        parts += [f"the largest is {wording.name(rows[1]['table'])}"] if len(rows) > 1 else []
    columns: list[Column] = [
        ("table", "Table", "name"),
        ("size_bytes", "Size", "bytes"),
        ("row_count", "Rows", "count"),
        ("period_bytes", "Of this period", "bytes"),
        ("previous_period_bytes", "Before", "bytes"),
        ("full", "Full on", "text"),
    ]
    return section("How much room is left?", parts or [period.nothing("the lake is empty")], columns, rows)


def _rows(period: Period, name: str) -> list[Row]:
    return list(period.rows.get(name, ()))


def _told(period: Period, columns: list[Column]) -> list[Column]:
    """The columns of a table; in the report of one tenant none tells tenants apart."""
    return [column for column in columns if period.tenant is None or column[0] not in ("tenant", "tenant_count")]


def _tenant(row: Row) -> str:
    return str(row["tenant_id"] or PLATFORM)


def _labels(row: Row) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(row["labels"].items())) or "no label"


def _service(row: Row) -> str:
    of = f" ({wording.name(row['tenant_id'])})" if row["tenant_id"] else ""
    return f"{wording.name(row['service'])}{of}"


def _size_of_change(row: Row) -> float:
    return abs(float(row["growth_ratio"]))


def _draw_tenants(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["tenant"],
            row["sample_count"],
            beside_before(row["sample_count"], row["previous_sample_count"]),
            row["previous_sample_count"],
        )
        for row in rows[:BARS_SHOWN]
    ]
    mark = compared_mark(rows, "previous_sample_count", report["cadence"])
    return [bar_figure(bars, "Samples of the tenants", (("accent", "samples"), *mark))]


def _draw_capacity(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    del report
    largest = rows[1 : BARS_SHOWN + 1]
    bars = [svg.Bar(row["table"], row["size_bytes"], wording.size(row["size_bytes"]), None) for row in largest]
    return [bar_figure(bars, "The largest tables of the lake", (("accent", "bytes"),))] if bars else []


OF_TENANTS = FamilyReport(
    kpis=tuple(kpi for kpi in KPIS if kpi.name != "tenant_count"),
    topics={"Services": (trend, health), "Business": (business, dimensions), "Metrics": (metrics, labels)},
    drawings={},  # which take longer than all else, and there may be many tenants
    index_kpis=("sample_count", "active_users", "unhealthy_ratio"),
    windows={"trend": "trend"},
)

REPORT = FamilyReport(
    kpis=KPIS,
    topics={
        "Services": (trend, health),
        "Tenants": (tenants, business, dimensions),
        "Metrics": (metrics, labels, capacity),
    },
    drawings={"trend": partial(draw, TREND), "tenants": _draw_tenants, "capacity": _draw_capacity},
    index_kpis=("sample_count", "tenant_count", "unhealthy_ratio"),
    windows={"trend": "trend"},
    of_tenants=OF_TENANTS,
)
