"""Reports: rows of the report queries -> one value -> HTML and JSON. Pure: no database, no Dagster, no clock.

    windows = section_windows("weekly", start, end)  # the window each query of sql/<family>/reports is asked for
    report = build_report("weekly", "registry", start, end, rows, newest_day=..., lateness_days=7, expected_tables=...)
    render_html(report), render_json(report)  # two readings of the same value
    render_index(entries), render_index_json(entries)  # entries = [index_entry(report), ...]

`periods` has the calendar, `wording` numbers and days as people read them, `value`, `usage` and `quality` what a report
says, `charts` and `svg` its pictures, `render` turns it into text. What it looks like stands in `reports_templates`.
"""

from analytics_etl.reporting.periods import Cadence, Window, period_name, report_path, section_windows
from analytics_etl.reporting.render import render_html, render_index, render_index_json, render_json
from analytics_etl.reporting.value import SCHEMA_VERSION, build_index, build_report, index_entry

__all__ = [
    "SCHEMA_VERSION",
    "Cadence",
    "Window",
    "build_index",
    "build_report",
    "index_entry",
    "period_name",
    "render_html",
    "render_index",
    "render_index_json",
    "render_json",
    "report_path",
    "section_windows",
]
