"""The sections about the use of the registry: a question, one sentence that answers it, columns and rows. No HTML."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.period import Column, Period, Row, section
from analytics_etl.reporting.periods import days_of, next_end

ADDITIVE = (
    "download_count",
    "failed_download_count",
    "total_download_bytes",
    "view_count",
    "compilation_count",
    "failed_compilation_count",
)


def trend(period: Period) -> dict[str, Any]:
    rows = _trend_rows(period)
    known = [row for row in rows if row["download_count"] is not None]
    names = {"daily": "day", "weekly": "week", "monthly": "month"}
    noun = names[period.cadence]
    current = rows[-1] if rows else {}
    parts = []
    if current.get("download_count") is not None:
        on = "on" if period.cadence == "daily" else "in"
        parts.append(f"{wording.plural(current['download_count'], 'download')} {on} the {noun}")
        whole = [row["download_count"] for row in rows[:-1] if _is_whole(row)]
        mean = sum(whole) / len(whole) if whole and _is_whole(current) else 0
        if mean:
            before = wording.plural(len(whole), f"{'' if period.cadence == 'daily' else 'complete '}{noun}")
            growth = wording.change(current["download_count"] / mean - 1)
            parts.append(f"{growth} against the mean of {before} before, {wording.count(round(mean))}")
    if known:
        best = max(known, key=lambda row: row["download_count"])
        label = _trend_label(period, best["period_start"])
        if best is not current:
            parts.append(f"the highest was {wording.count(best['download_count'])} ({label})")
    expected = sum(row["expected_day_count"] for row in rows)
    empty = expected - sum(row["day_count"] for row in rows)
    if empty and known:
        parts.append(f"{empty} of {expected} days {wording.verb(empty, 'has', 'have')} no data")
    several = period.cadence != "daily"
    users = "Highest daily active users" if several else "Active users"
    columns: list[Column] = [("period_start", noun.capitalize(), period.cadence)]
    columns += [("day_count", "Days with data", "days")] if several else []
    columns += [
        ("download_count", "Downloads", "count"),
        ("failed_download_count", "Failed", "count"),
        ("total_download_bytes", "Bytes", "bytes"),
        ("view_count", "Views", "count"),
        ("compilation_count", "Compilations", "count"),
        ("highest_daily_active_users", users, "count"),
        ("error_ratio", "Error ratio", "ratio"),
    ]
    parts = parts or [f"no data, neither of this {noun} nor of the {len(rows) - 1} {noun}s before"]
    return section("How did downloads develop?", parts, columns, rows[::-1] if known else [])


def top_modules(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("top_modules", ()))
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
        ("module_name", "Module", "name"),
        ("download_count", "Downloads", "count"),
        ("previous_download_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("total_download_bytes", "Bytes", "bytes"),
    ]
    return section(
        "Which modules were downloaded most?", parts or [period.nothing("no module was downloaded")], columns, rows
    )


def growing_modules(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("growing_modules", ()))
    grown = [row for row in rows if not row["is_new"]]
    new = [row for row in rows if row["is_new"]]
    previous_start, start, end = period.windows["growing_modules"]
    parts = []
    if grown:
        first = grown[0]
        counts = f"{wording.count(first['previous_download_count'])} to {wording.count(first['download_count'])}"
        parts.append(
            f"most growth: {wording.name(first['module_name'])}, {wording.change(first['growth_ratio'])} ({counts})"
        )
    elif new:
        parts.append("no module with at least 10 downloads before grew")
    if new:
        best = f"{wording.name(new[0]['module_name'])}, {wording.plural(new[0]['download_count'], 'download')}"
        which = "the only new module" if len(new) == 1 else "the most downloaded new module"
        parts.append(f"{which}: {best}")
    parts = parts or [period.nothing("no module with at least 10 downloads before grew, and none is new")]
    compared = f"{wording.day_range(start, end)} against {wording.day_range(previous_start, start)}"
    parts.append(f"compared: {compared}")
    if missing := period.missing_days(previous_start, end):
        parts.append(
            f"{wording.plural(len(missing), 'day')} of these {wording.verb(len(missing), 'is', 'are')} not loaded"
        )
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("module_name", "Module", "name"),
        ("download_count", "Downloads", "count"),
        ("previous_download_count", "Before", "count"),
        ("growth_ratio", "Growth", "change_ratio"),
        ("is_new", "", "new"),
    ]
    return section("Which modules grew?", parts, columns, rows)


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


def _trend_rows(period: Period) -> list[dict[str, Any]]:
    """One row per day, week or month of the trend, oldest first; what a period has no data for is None."""
    first, _, end = period.windows["trend"]
    bounds = [first]
    while bounds[-1] < end:
        bounds.append(next_end(period.cadence, bounds[-1]))
    by_day = {row["day"]: row for row in period.rows.get("trend", ())}
    rows = []
    for start, after in pairwise(bounds):
        inside = [by_day[day] for day in days_of(start, after) if day in by_day]
        sums = {name: sum(row[name] for row in inside) if inside else None for name in ADDITIVE}
        rows.append(
            {
                "period_start": start,
                "day_count": len(inside),
                "expected_day_count": (after - start).days,
                **sums,
                "highest_daily_active_users": max((row["active_users"] for row in inside), default=None),
                "error_ratio": _error_ratio(sums),
            }
        )
    return rows


def _is_whole(row: Row) -> bool:
    return bool(row["day_count"] == row["expected_day_count"])


def _error_ratio(sums: Mapping[str, int | None]) -> float | None:
    """Share of downloads and compilations that failed."""
    downloads, failed = sums["download_count"] or 0, sums["failed_download_count"] or 0
    compilations, broken = sums["compilation_count"] or 0, sums["failed_compilation_count"] or 0
    events = downloads + failed + compilations
    return (failed + broken) / events if events else None


def _trend_label(period: Period, start: date) -> str:
    if period.cadence == "daily":
        return f"{wording.WEEKDAYS[start.weekday()]} {wording.day(start)}"
    if period.cadence == "weekly":
        return f"week {start.isocalendar().week}, {wording.day_range(start, next_end('weekly', start))}"
    return f"{wording.MONTHS[start.month - 1]} {start.year}"


def _these(rows: Sequence[Row], noun: str) -> str:
    return f"these {len(rows)} {noun}s" if len(rows) > 1 else f"this {noun}"
