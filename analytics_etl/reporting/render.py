"""A report or an index -> text: HTML by the templates, JSON as it is. The only module that knows Jinja."""

import hashlib
import json
import re
from base64 import b64encode
from calendar import Calendar
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from analytics_etl.catalog.states import FLAGS, STATES, TONES
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.reporting import signals, svg, wording
from analytics_etl.reporting.badge import BADGE_TONES, badge_words
from analytics_etl.reporting.calendar import days_of, period_label
from analytics_etl.reporting.cells import exact, grade, headline, raw, reading
from analytics_etl.reporting.module_figures import module_figures
from analytics_etl.reporting.module_files import module_file
from analytics_etl.reporting.value import QUALITY_TOPIC, build_index, report_of

ROWS_OPEN = 10
"""Rows of a table that are shown at once; the others unfold."""
TENANTS_OPEN = 30
"""Tenants that the index shows at once; more unfold."""
NAME_LENGTH = 96
"""Characters of a name in HTML; its tooltip and JSON have all of it."""
CARDS = 6
"""KPIs with a card of their own; the others share a line."""
NUMBERS = {
    "count",
    "bytes",
    "duration_ms",
    "ratio",
    "change_ratio",
    "rank",
    "rank_change",
    "days",
    "failed",
    "figure",
    "decimal",
}


def render_json(value: Mapping[str, Any]) -> str:
    """The value as JSON, the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def render_html(report: Mapping[str, Any]) -> str:
    """The report as one self-contained page."""
    drawings = {
        **report_of(report["family"], report.get("tenant")).drawings, "begun_anomalies": signals.draw_anomalies,
    }  # fmt: skip
    figures = {
        section["name"]: drawings[section["name"]](section["rows"], report)
        if section["name"] in drawings and section["rows"]
        else []
        for section in report["sections"]
    }
    return _environment().get_template("report.html.j2").render(report=report, figures=figures)


def render_index_json(
    entries: Iterable[Mapping[str, Any]], modules: Mapping[str, Any] | None = None,
    tenants: Iterable[Mapping[str, str]] = (),
) -> str:  # fmt: skip
    """The index of these reports as JSON, one per line: indenting thousands takes a third of a second."""
    index = build_index(entries, modules, tenants)
    lines = [_compact(entry) for entry in index.pop("reports")]
    listed = "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"
    return f'{{"reports": {listed}, {_compact(index)[1:]}\n'


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def render_index(
    entries: Iterable[Mapping[str, Any]], modules: Mapping[str, Any] | None = None,
    tenants: Iterable[Mapping[str, str]] = (),
) -> str:  # fmt: skip
    """The page that lists these reports, and leads to the list of modules and to the reports of tenants, if any."""
    return _environment().get_template("index.html.j2").render(index=build_index(entries, modules, tenants))


def render_module(page: Mapping[str, Any]) -> str:
    """The page of a module as one self-contained file."""
    template = _environment().get_template("module.html.j2")
    return template.render(page=page, figures=module_figures(page), file=module_file(page["module_name"]))


def render_modules(value: Mapping[str, Any], section: Mapping[str, Any]) -> str:
    """The list of all modules as one self-contained page; the section is its table."""
    return _environment().get_template("modules.html.j2").render(list=value, section=section)


def health_badge(name: str, score: float | None) -> Markup:
    """The badge of a module in a page: mark, colour in words, score."""
    tone = BADGE_TONES[name][0]
    return Markup('<span class="badge {}">{} {}</span>').format(tone, TONES.get(tone, ""), badge_words(name, score))


def style_sheet() -> str:
    """The style sheet of all reports, for pages that look like them."""
    return _environment().get_template("_style.css.j2").render()


def script_hash() -> str:
    """The hash of the script in reports, for a Content-Security-Policy."""
    return str(_environment().globals["SCRIPT_HASH"])


def mail_template() -> Template:
    """The template of a report in a mail."""
    return _environment().get_template("mail.html.j2")


def render_overview(value: Mapping[str, Any]) -> str:
    """The page of what is wrong."""
    return _environment().get_template("overview.html.j2").render(overview=value)


STATE_TONES = {
    "expected": "bad",
    "provisional": "warn",
    "final": "good",
    "frozen_late": "warn",
    "failed": "bad",
    "archived": "good",
    "dropped": "good",
}
"""State of a day -> tone of its mark."""


def states(row: Mapping[str, Any], period: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each day of the period as (day, mark, tone, words)."""
    days = days_of(date.fromisoformat(period["start"]), date.fromisoformat(period["end"]))
    return [
        (wording.day(day), STATES[state].sign, STATE_TONES[state], STATES[state].words)
        for day, state in zip(days, row["day_states"], strict=True)
    ]


def badge(state: Mapping[str, Any]) -> tuple[str, str, str]:
    """The state of a whole report as (mark, tone, word)."""
    if state["is_failed"]:
        return STATES["failed"].sign, STATE_TONES["failed"], STATES["failed"].words
    if state["is_under_way"]:
        return TONES["warn"], "warn", "in progress"
    if not state["is_complete"]:
        return TONES["bad"], "bad", "incomplete"
    return finality(state["is_final"])


def listed(state: Mapping[str, Any]) -> tuple[str, str, str]:
    """The state of a report in the index as (mark, tone, word); a complete report without events has its own."""
    if state["is_empty"] and state["is_complete"] and not (state["is_failed"] or state["is_under_way"]):
        return FLAGS["empty"].sign, "warn", FLAGS["empty"].words
    return badge(state)


def finality(is_final: bool) -> tuple[str, str, str]:  # noqa: FBT001 - a field of the report
    """Whether a report is final as (mark, tone, word)."""
    name = "final" if is_final else "provisional"
    return STATES[name].sign, STATE_TONES[name], STATES[name].words


def breakable(name: str) -> Markup:
    """A name that may be broken after its separators instead of anywhere; a very long one is cut in its middle."""
    return Markup("<wbr>").join(re.split(r"(?<=[._/-])(?=[^._/-])", wording.name(name, NAME_LENGTH)))


def compared_with(report: Mapping[str, Any]) -> tuple[str, str]:
    """What numbers are compared with, and of a day the day before, in the few characters a card has."""
    start = date.fromisoformat(report["comparison"]["start"])
    if report["cadence"] == "daily":
        day = start.weekday()
        return f"last {wording.WEEKDAYS[day][:3]}", wording.WEEKDAYS[day - 1][:3]
    if report["cadence"] == "weekly":
        return f"week {start.isocalendar().week}", ""
    return wording.MONTHS[start.month - 1], ""


def calendars(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Daily reports as months, newest first: weeks of (day, report or None); None outside the month."""
    by_day = {date.fromisoformat(entry["period"]["start"]): entry for entry in entries}
    months = sorted({day.replace(day=1) for day in by_day}, reverse=True)
    return [
        {
            "label": period_label("monthly", month, month),
            "weeks": [
                [(day.day, by_day.get(day)) if day.month == month.month else None for day in week]
                for week in Calendar().monthdatescalendar(month.year, month.month)
            ],
        }
        for month in months
    ]


def leading(entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Of reports of a cadence, newest first, the one to open the index with: the newest that has events, if one has."""
    return [*(entry for entry in entries if not entry["state"]["is_empty"]), *entries][:1]


def spark(line: Mapping[str, Any]) -> tuple[str, str]:
    """The two paths of a KPI's sparkline."""
    current = (date.fromisoformat(line["end"]) - date.fromisoformat(line["current_start"])).days
    return svg.sparkline(line["values"], current)


@cache
def _environment() -> Environment:
    script = (TEMPLATES_DIR / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        reading=reading,
        exact=exact,
        raw=raw,
        headline=headline,
        grade=grade,
        change=wording.change,
        points=wording.points,
        breakable=breakable,
    )
    environment.globals.update(
        PALETTE=svg.PALETTE,
        TONES=TONES,
        ROWS_OPEN=ROWS_OPEN,
        TENANTS_OPEN=TENANTS_OPEN,
        QUALITY_TOPIC=QUALITY_TOPIC,
        WIDTHS=svg.WIDTHS,
        SCRIPT=script,
        SCRIPT_HASH=f"sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        CARDS=CARDS,
        NUMBERS=NUMBERS,
        WEEKDAYS=wording.WEEKDAYS,
        calendars=calendars,
        leading=leading,
        compared_with=compared_with,
        states=states,
        badge=badge,
        listed=listed,
        finality=finality,
        health_badge=health_badge,
        drawn=Markup,  # our own pictures, which must not be escaped
        spark=spark,
    )
    return environment
