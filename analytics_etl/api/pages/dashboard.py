"""The dashboard as HTML: its pages, messages and style sheet. What a page says stands in `api/dashboard`."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Literal
from urllib.parse import urlencode

from jinja2 import Environment, StrictUndefined

from analytics_etl.api.dashboard.alerts import Acting
from analytics_etl.api.dashboard.registry import TONES as BADGES
from analytics_etl.api.dashboard.values import Page, Table
from analytics_etl.api.pages import environment
from analytics_etl.api.periods import ONE_DAY
from analytics_etl.catalog.states import STATES, TONES
from analytics_etl.families.queries import Row
from analytics_etl.families.queries.written import cell_value
from analytics_etl.reporting import cells, render, svg, wording

PLACES: Mapping[str, str] = {
    "/": "Overview", "/modules": "Modules", "/organizations": "Organisations", "/schemas": "Schemas",
    "/schedules": "Schedules", "/services": "Services", "/tenants": "Tenants", "/alerts": "Alerts",
    "/signals": "Signals", "/reports": "Reports", "/pipeline": "Pipeline",
}  # fmt: skip
Period = Literal["1d", "7d", "30d", "90d"]
PERIODS: Mapping[Period, str] = {"1d": "1 day", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
USUAL_PERIOD: Period = "7d"
_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "duration_ms": ("_ms",), "change_ratio": ("growth_ratio",), "ratio": ("_ratio", "_rate", "weight"),
    "bytes": ("_bytes",), "rank": ("rank",), "day": ("day",), "moment": ("_at", "bucket"), "score": ("score",),
    "health": ("status", "badge", "severity", "state"), "text": ("message", "reason", "recommendations", "sentence"),
}  # fmt: skip
"""What a column holds, by the end of its name."""
_STATES: Mapping[str, str] = {
    **BADGES, "ok": "good", "healthy": "good", "active": "good", "success": "good", "idle": "warn", "degraded": "warn",
    "stale": "warn", "low": "warn", "medium": "warn", "warning": "warn", "zombie": "bad", "down": "bad", "high": "bad",
    "critical": "bad", "failed": "bad", "failure": "bad", "error": "bad",
}  # fmt: skip

_MARKS: Mapping[str, tuple[str, str]] = {
    mark.sign: (render.STATE_TONES.get(name, "warn"), mark.words) for name, mark in STATES.items()
}
"""{mark of a day: (tone, words)}."""


def html_of(page: Page, period: str) -> str:
    """A page of the dashboard."""
    return _page("dashboard_page.html.j2", page, period)


def alerts_html(page: Page, period: str, acting: Acting) -> str:
    """The page of alerts, with a form for each of those that somebody may do something about."""
    return _page("dashboard_alerts.html.j2", page, period, acting=acting)


def _page(name: str, page: Page, period: str, **named: Any) -> str:
    template = _environment().get_template(name)
    tenant = page.parameters.get("id", "") if page.path == "/tenant" else page.tenant or ""
    return template.render(page=page, place=page.place, period=period, is_live=True, tenant=tenant, **named)


def message(title: str, detail: str = "", *, asks_for_token: bool = False) -> str:
    """A page that says what went wrong, or asks for a token."""
    template = _environment().get_template("dashboard_message.html.j2")
    return template.render(
        title=title,
        detail=detail,
        asks_for_token=asks_for_token,
        is_live=False,
        tenant="",
        place="/sign-in" if asks_for_token else "",
        period=USUAL_PERIOD,
    )


def _kinds(table: Table) -> dict[str, str]:
    """{column: what it holds} of a table."""
    return {column: table.kinds.get(column) or _kind(column, table.rows) for column in table.labels}


def _kind(column: str, rows: Sequence[Row]) -> str:
    """What a column holds: its name says it, or the type of its first value."""
    for kind, endings in _ENDINGS.items():
        if column.endswith(endings):
            return kind
    value = next((row[column] for row in rows if row[column] is not None), None)
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int):
        return "count"
    return "decimal" if isinstance(value, float) else "name"


def _shown(value: Any, kind: str) -> Any:
    """A value as a cell shows it."""
    if value is None or value == "":
        return wording.NOTHING
    if kind == "yes":
        return "yes" if value else "no"
    if kind in ("name", "health"):
        return render.breakable(str(cell_value(value)))
    if kind == "text":
        return str(value)
    return cells.reading(cell_value(value), kind)


def _tone(kind: str, value: Any) -> str:
    """The tone of a state or score; empty for what has none."""
    if kind == "mark":
        return _MARKS[value][0] if value else ""
    if kind == "score" and value is not None:
        return cells.grade(value)
    return _STATES.get(str(value), "") if kind == "health" else ""


def _spark(line: list[float | None]) -> tuple[str, str]:
    return svg.sparkline(line, len(line) // 2)


def _date_range(first: date, last: date) -> str:
    return wording.day_range(first, last + ONE_DAY)


def _here(page: Page, period: str, table: str | None = None) -> str:
    """The path of a page for a period, or of the CSV of one of its tables."""
    path = page.path or page.place
    wanted = {**page.parameters, "period": period, **({"csv": table} if table else {})}
    if page.search:
        wanted["q"] = page.search
    if page.tenant is not None:
        wanted["tenant"] = page.tenant
    return f"{path}?{urlencode(wanted)}"


@cache
def _environment() -> Environment:
    """The templates with what the dashboard's need."""
    made = environment().overlay(undefined=StrictUndefined)
    made.filters = {
        **made.filters, "kinds": _kinds, "shown": _shown, "tone": _tone,
        "spark": _spark, "exact": cells.exact, "headline": cells.headline, "breakable": render.breakable,
        "date_range": _date_range,
    }  # fmt: skip
    made.globals = {
        **made.globals, "PLACES": PLACES, "PERIODS": PERIODS, "TONES": TONES, "ROWS_OPEN": render.ROWS_OPEN,
        "NUMBERS": render.NUMBERS | {"score"}, "here": _here, "MARKS": _MARKS,
    }  # fmt: skip
    return made
