"""The report of the registry: downloads, modules, languages, compilations. Its charts are in `registry_figures`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.families import registry_figures as figures
from analytics_etl.reporting.families.registry_schemas import SCHEMAS, linked
from analytics_etl.reporting.family import FamilyReport
from analytics_etl.reporting.period import Column, Kpi, Period, Row, compared, section, uncompared
from analytics_etl.reporting.trend import Trend, build, draw

KPIS = (
    Kpi("download_count", "Downloads", "count"),
    Kpi("active_users", "Active users", "count"),
    Kpi("modules_downloaded", "Modules downloaded", "count"),
    Kpi("view_count", "Page views", "count"),
    Kpi("compilation_count", "Compilations", "count"),
    Kpi("error_ratio", "Error ratio", "ratio", "lower", "downloads and compilations"),
    Kpi("total_download_bytes", "Bytes downloaded", "bytes"),
    Kpi("download_cache_hit_ratio", "Downloads from cache", "ratio", "higher", "those of which it is known"),
)

TREND = Trend(
    noun="download",
    additive=(
        ("download_count", "Downloads", "count"),
        ("failed_download_count", "Failed", "count"),
        ("total_download_bytes", "Bytes", "bytes"),
        ("view_count", "Views", "count"),
        ("compilation_count", "Compilations", "count"),
        ("failed_compilation_count", "Failed compilations", "count"),
    ),
    hidden=("failed_compilation_count",),
    highest=("active_users", "Active users", "count"),
    ratio=("error_ratio", "Errors of downloads and compilations", "ratio"),
    numerator=("failed_download_count", "failed_compilation_count"),
    denominator=("download_count", "failed_download_count", "compilation_count"),
    ratio_caption="Error ratio of downloads and compilations",
)


def trend(period: Period) -> dict[str, Any]:
    return build(TREND, period)


def top_modules(period: Period) -> dict[str, Any]:
    rows = linked(period, "top_modules")
    parts = []
    if rows:
        first = rows[0]
        parts.append(
            f"most downloads: {wording.name(first['module_name'])} with {wording.count(first['download_count'])}"
        )
        total = period.totals().get("download_count")
        if total:
            share = sum(row["download_count"] for row in rows) / total
            parts.append(f"{_these(rows, 'module')} had {wording.ratio(share)} of {wording.plural(total, 'download')}")
        climber = max(rows, key=lambda row: row["rank_change"] or 0)
        if (climber["rank_change"] or 0) > 0:
            gained = wording.plural(climber["rank_change"], "place")
            parts.append(f"{wording.name(climber['module_name'])} climbed most, {gained} to {climber['rank']}")
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("rank_change", "Places", "rank_change"),
        ("module_name", "Module", "module"),
        ("download_count", "Downloads", "count"),
        ("previous_download_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("total_download_bytes", "Bytes", "bytes"),
    ]
    return section(
        "Which modules were downloaded most?", parts or [period.nothing("no module was downloaded")], columns, rows
    )


def growing_modules(period: Period) -> dict[str, Any]:
    rows = linked(period, "growing_modules")
    grown = [row for row in rows if not row["is_new"]]
    new = [row for row in rows if row["is_new"]]
    window = period.windows["growing_modules"]
    if missing := period.missing_days(window.previous_start, window.end):
        return section("Which modules grew?", [period.nothing(uncompared(period, missing))], [], [])
    parts = []
    if grown:
        first = grown[0]
        counts = f"{wording.count(first['previous_download_count'])} to {wording.count(first['download_count'])}"
        parts.append(
            f"most growth: {wording.name(first['module_name'])}, {wording.change(first['growth_ratio'])} ({counts})"
        )
    elif new:
        parts.append("no module with enough downloads before grew")
    if new:
        best = f"{wording.name(new[0]['module_name'])}, {wording.plural(new[0]['download_count'], 'download')}"
        which = "the only new module" if len(new) == 1 else "the most downloaded new module"
        parts.append(f"{which}: {best}")
    parts = parts or [period.nothing("no module with enough downloads before grew, and none is new")]
    parts.append(compared(window))
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("module_name", "Module", "module"),
        ("download_count", "Downloads", "count"),
        ("previous_download_count", "Before", "count"),
        ("growth_ratio", "Growth", "change_ratio"),
        ("is_new", "", "new"),
    ]
    return section("Which modules grew?", parts, columns, rows)


def top_versions(period: Period) -> dict[str, Any]:
    rows = linked(period, "top_versions")
    parts = []
    if rows:
        first = rows[0]
        name = f"{wording.name(first['version'])} of {wording.name(first['module_name'])}"
        share = wording.ratio(first["module_share_ratio"])
        parts.append(
            f"most downloads: version {name} with {wording.count(first['download_count'])}, {share} of its module's"
        )
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("module_name", "Module", "module"),
        ("version", "Version", "name"),
        ("download_count", "Downloads", "count"),
        ("previous_download_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("module_share_ratio", "Of its module", "ratio"),
        ("highest_daily_unique_users", _users_label(period), "count"),
    ]
    return section("Which versions are in use?", parts or [period.nothing("no version was downloaded")], columns, rows)


def top_organizations(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("top_organizations", ()))
    parts = []
    if rows:
        first = rows[0]
        requests = wording.plural(first["request_count"], "request")
        parts.append(f"most active: {wording.name(first['organization_id'])} with {requests}")
        if new := [row for row in rows if row["previous_request_count"] == 0]:
            parts.append(f"{len(new)} of {_these(rows, 'organisation')} asked for nothing before")
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("organization_id", "Organisation", "name"),
        ("request_count", "Requests", "count"),
        ("previous_request_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("download_count", "Downloads", "count"),
        ("compilation_count", "Compilations", "count"),
        ("highest_daily_active_users", _users_label(period), "count"),
    ]
    return section("Which organisations use the registry?", parts or [period.nothing("none did")], columns, rows)


def _users_label(period: Period) -> str:
    return "Users" if period.cadence == "daily" else "Highest daily users"


def languages(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("languages", ()))
    parts = []
    if rows:
        total = sum(row["compilation_count"] for row in rows)
        parts.append(f"{wording.plural(total, 'compilation')} into {wording.plural(len(rows), 'language')}")
        share = wording.ratio(rows[0]["compilation_share_ratio"])
        parts.append(f"most into {wording.name(rows[0]['language'])} ({share})")
        if failed := sum(row["failure_count"] for row in rows):
            worst = min(rows, key=lambda row: row["success_ratio"])
            parts.append(f"{wording.count(failed)} failed, {wording.ratio(failed / total)} of all")
            if len(rows) > 1:
                lowest = f"{wording.name(worst['language'])}, {wording.ratio(worst['success_ratio'])}"
                parts.append(f"the lowest success ratio: {lowest}")
        else:
            parts.append("none failed")
    columns: list[Column] = [
        ("language", "Language", "name"),
        ("compilation_count", "Compilations", "count"),
        ("compilation_share_ratio", "Share", "ratio"),
        ("previous_compilation_count", "Before", "count"),
        ("failure_count", "Failed", "count"),
        ("success_ratio", "Success", "ratio"),
    ]
    return section(
        "Which languages were modules compiled into?", parts or [period.nothing("nothing was compiled")], columns, rows
    )


def compilation_performance(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("compilation_performance", ()))
    highest = "" if period.cadence == "daily" else "highest daily "
    timed = [row for row in rows if row["highest_daily_p95_duration_ms"] is not None]
    parts = []
    if timed:
        slowest = max(timed, key=lambda row: row["highest_daily_p95_duration_ms"])
        p95 = wording.duration(slowest["highest_daily_p95_duration_ms"])
        count = sum(row["timed_count"] for row in timed)
        mean = sum(row["avg_duration_ms"] * row["timed_count"] for row in timed) / count
        parts.append(f"the mean of {wording.plural(count, 'timed compilation')} was {wording.duration(mean)}")
        parts.append(f"the {highest}p95 of {wording.name(slowest['language'])} was the longest, {p95}")
    if untimed := sum(row["compilation_count"] - row["timed_count"] for row in rows):
        parts.append(f"{wording.count(untimed)} came without a duration")
    columns: list[Column] = [
        ("language", "Language", "name"),
        ("timed_count", "Timed", "count"),
        ("avg_duration_ms", "Mean", "duration_ms"),
        ("previous_avg_duration_ms", "Mean before", "duration_ms"),
        ("highest_daily_p50_duration_ms", f"{highest}p50".capitalize() if highest else "p50", "duration_ms"),
        ("highest_daily_p95_duration_ms", f"{highest}p95".capitalize() if highest else "p95", "duration_ms"),
        ("highest_daily_p99_duration_ms", f"{highest}p99".capitalize() if highest else "p99", "duration_ms"),
    ]
    return section("How fast were compilations?", parts or [period.nothing("nothing was compiled")], columns, rows)


def _these(rows: Sequence[Row], noun: str) -> str:
    return f"these {len(rows)} {noun}s" if len(rows) > 1 else f"this {noun}"


REPORT = FamilyReport(
    kpis=KPIS,
    topics={
        "Downloads": (trend, top_modules, growing_modules, top_versions, top_organizations),
        "Compilations": (languages, compilation_performance),
        "Schemas": SCHEMAS,
    },
    drawings={
        "trend": partial(draw, TREND),
        "top_modules": figures.top_modules,
        "growing_modules": figures.growing_modules,
        "top_organizations": figures.top_organizations,
        "languages": figures.languages,
        "compilation_performance": figures.compilation_performance,
    },
    index_kpis=("download_count", "active_users", "error_ratio"),
    windows={"trend": "trend", "growing_modules": "growth"},
    optional=SCHEMAS,
    lookups=("registered_modules",),
)
