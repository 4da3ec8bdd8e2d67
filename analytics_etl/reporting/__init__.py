"""Reports: rows of the report queries -> one value -> HTML and JSON. Pure: no database, no Dagster, no clock.

    windows = section_windows("registry", "weekly", start, end)  # the window each query is asked for
    report = build_report("weekly", "registry", start, end, rows, newest_day=..., lateness_days=7, expected_tables=...)
    render_html(report), render_json(report)  # two readings of the same value
    render_index(entries), render_index_json(entries)  # entries = [index_entry(report), ...]

    page = build_module(row, rows, ...)  # of a module; render_module, render_badge; build_modules lists all

`calendar` has the periods, `wording` numbers and days as people read them; `value`, `state`, `trend` and `quality` what
every report says, `families` what that of each family does; `charts` and `svg` its pictures; `render` makes it text,
`mail` a mail. What it looks like stands in `reports_templates`.
"""

from analytics_etl.reporting.badge import render_badge
from analytics_etl.reporting.calendar import Cadence, Window
from analytics_etl.reporting.mail import Mail, differing, figures_of, render_mail
from analytics_etl.reporting.module_files import LISTS, PAGES_FOLDER, SUFFIXES, Suffix, module_file, module_path
from analytics_etl.reporting.module_page import build_module, build_modules, module_entry, module_window
from analytics_etl.reporting.overview import build_overview, summary_of
from analytics_etl.reporting.render import (
    render_html,
    render_index,
    render_index_json,
    render_json,
    render_module,
    render_modules,
    render_overview,
)
from analytics_etl.reporting.value import (
    SCHEMA_VERSION,
    build_index,
    build_report,
    index_entry,
    report_of,
    section_windows,
)

__all__ = [
    "LISTS",
    "PAGES_FOLDER",
    "SCHEMA_VERSION",
    "SUFFIXES",
    "Cadence",
    "Mail",
    "Suffix",
    "Window",
    "build_index",
    "build_module",
    "build_modules",
    "build_overview",
    "build_report",
    "differing",
    "figures_of",
    "index_entry",
    "module_entry",
    "module_file",
    "module_path",
    "module_window",
    "render_badge",
    "render_html",
    "render_index",
    "render_index_json",
    "render_json",
    "render_mail",
    "render_module",
    "render_modules",
    "render_overview",
    "report_of",
    "section_windows",
    "summary_of",
]
