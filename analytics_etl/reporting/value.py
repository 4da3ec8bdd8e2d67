"""The value of a report and of the index: everything HTML and JSON say, and nothing about how they say it.

The value is JSON-able, its keys are those of `reports_templates/report.schema.json` and `index.schema.json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from analytics_etl.catalog.calendar import period_name, report_path
from analytics_etl.reporting import quality, signals
from analytics_etl.reporting.calendar import (
    Cadence,
    Window,
    WindowKind,
    check_period,
    days_of,
    period_label,
    previous_start,
    window,
)
from analytics_etl.reporting.families import REPORTS
from analytics_etl.reporting.family import FamilyReport, Section
from analytics_etl.reporting.links import report_links
from analytics_etl.reporting.module_files import LISTS
from analytics_etl.reporting.period import Kpi, Period, Row, Value
from analytics_etl.reporting.state import period_state

SCHEMA_VERSION = 3
SPARKLINE_WEEKS = 4

QUALITY_TOPIC = "Data quality"
"""The page folds its sections into one."""

QUALITY: Mapping[str, tuple[Section, ...]] = {
    QUALITY_TOPIC: (
        quality.days,
        quality.quality_checks,
        quality.quality_rows,
        quality.quality_reasons,
        quality.first_figures,
        quality.changed_tables,
    ),
}
"""The last sections of every report; their queries are in sql/ops/reports."""

SIGNALS: Mapping[str, tuple[Section, ...]] = {
    "Signals": (signals.alerts, signals.incidents, signals.begun_anomalies, signals.newest_forecasts)
}
"""Sections of every family with series, left out if there is nothing to say; their queries are in sql/ops."""

_QUALITY_WINDOWS: Mapping[str, WindowKind] = {"days": "days"}


def report_of(family: str, tenant: str | None = None) -> FamilyReport:
    """What belongs to a family in its report, or in that of one of its tenants."""
    report = REPORTS[family]
    if tenant is None:
        return report
    assert report.of_tenants is not None, f"tenants have no reports of {family}"
    return report.of_tenants


def section_windows(
    family: str, cadence: Cadence, start: date, end: date, tenant: str | None = None
) -> dict[str, Window]:
    """The window to bind to each report query, by section, for the period [start, end).

    The books and the signals are about all tenants together, so that the report of a tenant has neither.
    """
    report = report_of(family, tenant)
    kinds = {**_QUALITY_WINDOWS, **report.windows}
    of_all = [*_sections(SIGNALS), *_sections(QUALITY)] if tenant is None else []
    names = ["kpis", *report.lookups, *(section.__name__ for section in [*report.sections, *of_all])]
    return {name: window(kinds.get(name, "period"), cadence, start, end) for name in dict.fromkeys(names)}


def build_report(
    cadence: Cadence,
    family: str,
    start: date,
    end: date,
    sections: Mapping[str, Sequence[Row]],
    *,
    newest_day: date,
    lateness_days: int,
    expected_tables: Iterable[str],
    first_day: date | None = None,
    families: Sequence[str] = (),
    neighbours: tuple[date | None, date | None] | None = None,
    look_ahead_days: int = 0,
    tenant: str | None = None,
) -> dict[str, Any]:
    """The one value of the report of [start, end).

    `sections` has the rows of each report query for its window of `section_windows`. `newest_day` is the newest day in
    the database: a day nothing is known of is provisional until `lateness_days` more are loaded. A day is missing when
    one of `expected_tables` (those kept by day, with their schema) does not have it. `first_day` is the first day there
    can be data of. `families` are those that have a report of the period, `neighbours` the first days of the periods
    before and after that have one: this one links to them. Without `neighbours` the next one has a report as far as
    `newest_day`, and the one before in any case. `look_ahead_days` after the period are read by its tables, too. The
    report is about `tenant` alone if one is given. Raises ValueError for a period that is not one of the cadence.
    """
    check_period(cadence, start, end)
    report = report_of(family, tenant)
    windows = section_windows(family, cadence, start, end, tenant)
    period = Period(
        cadence, start, end, sections, tuple(expected_tables), windows, report.kpis, newest_day, first_day or date.min,
        look_ahead_days, tenant,
    )  # fmt: skip
    label = period_label(cadence, start, end)
    state = period_state(period, label, newest_day, lateness_days)
    comparison = _comparison(period, is_complete=state["is_complete"], is_under_way=state["is_under_way"])
    adjacent = (previous_start(cadence, start), end if newest_day >= end else None)
    period = replace(period, rows=_fairly_compared(period, report.windows, is_fair=comparison["is_comparable"]))
    value = {
        "schema_version": SCHEMA_VERSION,
        "title": f"{family.capitalize()} {cadence} report{'' if tenant is None else f' of {tenant}'}: {label}",
        "family": family,
        "cadence": cadence,
        "period": {"name": period_name(cadence, start), "label": label, "start": start, "end": end},
        "state": state,
        "comparison": comparison,
        "kpis": [_kpi(period, kpi, is_fair=comparison["is_comparable"]) for kpi in report.kpis],
        "sections": [
            {
                "name": section.__name__,
                "topic": topic,
                **_without_comparison(section(period), is_fair=comparison["is_comparable"] or topic == QUALITY_TOPIC),
            }
            for topic, built in {**report.topics, **({} if tenant is not None else {**SIGNALS, **QUALITY})}.items()
            for section in built
            if section not in (*report.optional, *_sections(SIGNALS)) or period.rows.get(section.__name__)
        ],
        "links": report_links(period, family, families, neighbours or adjacent),
    }
    jsonable: dict[str, Any] = _jsonable(value if tenant is None else {**value, "tenant": tenant})
    return jsonable


def index_entry(report: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a report in the index."""
    kpis = {
        kpi["name"]: {name: kpi[name] for name in ("label", "kind", "value", "change_ratio")} for kpi in report["kpis"]
    }
    start = date.fromisoformat(report["period"]["start"])
    figures = report_of(report["family"], report.get("tenant")).index_kpis
    names = ("is_final", "is_complete", "is_under_way", "is_empty", "sentence")
    state = {name: report["state"][name] for name in names}
    return {
        "family": report["family"],
        "cadence": report["cadence"],
        "period": dict(report["period"]),
        # Reports of earlier versions do not have this field, so whether they failed is unknown.
        "state": {"is_failed": report["state"].get("is_failed", False), **state},
        "kpis": {name: kpis[name] for name in figures},
        "links": {
            "html": report_path(report["family"], report["cadence"], start),
            "json": report_path(report["family"], report["cadence"], start, "json"),
        },
    }


def build_index(
    entries: Iterable[Mapping[str, Any]], modules: Mapping[str, Any] | None, tenants: Iterable[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The value of the index: all reports, by family and cadence, newest first; and what the list of modules says.

    `tenants` are those with reports of their own: {tenant, href of their index}.
    """
    order = {"daily": 0, "weekly": 1, "monthly": 2}
    by_start = sorted(entries, key=lambda entry: entry["period"]["start"], reverse=True)
    ordered = sorted(by_start, key=lambda entry: (entry["family"], order[entry["cadence"]]))
    listed = sorted((dict(each) for each in tenants), key=lambda each: each["tenant"])
    return {
        "schema_version": SCHEMA_VERSION,
        "title": "Reports",
        "reports": [dict(entry) for entry in ordered],
        "modules": None if modules is None else {"sentence": modules["sentence"], "links": dict(LISTS)},
        **({"tenants": listed} if listed else {}),
    }


def _comparison(period: Period, *, is_complete: bool, is_under_way: bool) -> dict[str, Any]:
    """The period before, and whether comparing with it is fair."""
    start, end = period.compared
    label = period_label(period.cadence, start, end)
    missing = period.missing_days(start, end)
    if not period.totals("previous"):
        sentence = f"No comparison: {label} has no data."
    elif is_under_way:
        sentence = "No comparison: this period is not over yet."
    elif not is_complete:
        sentence = "No comparison: this period is incomplete."
    elif missing:
        sentence = f"No comparison: {label} is incomplete."
    else:
        sentence = f"Compared with {label}."
    is_fair = sentence.startswith("Compared")
    return {"start": start, "end": end, "label": label, "is_comparable": is_fair, "sentence": sentence}


def _fairly_compared(
    period: Period, windows: Mapping[str, WindowKind], *, is_fair: bool
) -> Mapping[str, Sequence[Row]]:
    """The rows without their comparisons, unless comparing is fair: with days missing in either period, growth would
    only show what is missing. A section about growth alone then has no rows.
    """
    rows = dict(period.rows)
    for name, of in period.rows.items():
        if windows.get(name) == "growth":
            window = period.windows[name]
            rows[name] = [] if period.missing_days(window.previous_start, window.end) else of
        elif not is_fair and name != "kpis":
            rows[name] = [{key: None if _is_comparison(key) else value for key, value in row.items()} for row in of]
    return rows


def _without_comparison(section: dict[str, Any], *, is_fair: bool) -> dict[str, Any]:
    """A section without the columns that compare, when that is not fair; its rows keep the keys, without values."""
    columns = [c for c in section["columns"] if is_fair or not _is_comparison(c["name"]) or _has_values(section, c)]
    return {**section, "columns": columns}


def _has_values(section: Mapping[str, Any], column: Mapping[str, str]) -> bool:
    return any(row.get(column["name"]) is not None for row in section["rows"])


def _is_comparison(column: str) -> bool:
    return column.startswith("previous_") or column in ("growth_ratio", "rank_change")


def _sections(topics: Mapping[str, tuple[Section, ...]]) -> list[Section]:
    return [section for sections in topics.values() for section in sections]


def _kpi(period: Period, kpi: Kpi, *, is_fair: bool) -> dict[str, Any]:
    value, previous = period.totals().get(kpi.name), period.totals("previous").get(kpi.name)
    by_day = {row["day"]: row[kpi.name] for row in period.rows.get("trend", ())}
    days = days_of(min(max(_sparkline_start(period), period.first_day), period.start), period.end)
    day_before = None
    yesterday = period.start - timedelta(1)
    if period.cadence == "daily" and not period.missing_days(yesterday, period.start):
        day_before = by_day.get(yesterday)
    return {
        **kpi._asdict(),
        "value": value,
        "previous": previous,
        "change": value - previous if is_fair and value is not None and previous is not None else None,
        "change_ratio": _growth(value, previous) if is_fair else None,
        "day_before": day_before,
        "day_before_change_ratio": _growth(value, day_before),
        "sparkline": {
            "start": days[0],
            "end": period.end,
            "current_start": period.start,
            "values": [by_day.get(day) for day in days],
        },
    }


def _growth(value: float | None, previous: float | None) -> float | None:
    return None if value is None or not previous else value / previous - 1


def _sparkline_start(period: Period) -> date:
    if period.cadence == "daily":
        return period.windows["trend"][0]
    if period.cadence == "weekly":
        return period.end - timedelta(7 * SPARKLINE_WEEKS)
    return period.compared[0]


def _jsonable(value: Value) -> Value:
    """Days as ISO text, containers as dict and list, the rest as it is."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
