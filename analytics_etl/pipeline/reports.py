"""Writing reports: section queries -> one value -> HTML and JSON files; and the index page that lists them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from analytics_etl.catalog.calendar import NAMES, Cadence, period_end, period_start, report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, ModelError, window_parameters
from analytics_etl.checks.declared import declared_checks
from analytics_etl.checks.due import due_checks
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
from analytics_etl.families.pseudonyms import Pseudonyms
from analytics_etl.ops import partitions
from analytics_etl.ops.records import record_report, record_written_report
from analytics_etl.ops.reports import written_version
from analytics_etl.pipeline import alerts
from analytics_etl.pipeline.due_reports import families_with_reports, look_ahead, report_version
from analytics_etl.pipeline.tenant_reports import folders_to_index, listed_tenants, write_tenant_reports
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.reporting import (
    LISTS,
    SCHEMA_VERSION,
    Window,
    build_overview,
    build_report,
    index_entry,
    render_html,
    render_index,
    render_index_json,
    render_json,
    render_overview,
    report_of,
    section_windows,
    summary_of,
)

_ENTRY_CACHE = ".index_entries.json"
_CACHED = 3
"""Changes with what the cache has of a report."""


@dataclass(frozen=True)
class WrittenReport:
    """The files of a report, and its value."""

    html: Path
    json: Path
    value: Mapping[str, Any]


def write_report(
    database: Database, catalog: Catalog, family: str, cadence: Cadence, start: date, run_id: str | None = None,
    publishing: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> WrittenReport:  # fmt: skip
    """Write one report, and those of tenants, from a single snapshot. Raise ModelError if a file for it is broken.

    `publishing` is called with the value of a report that is about to be published: after a kill a second time.
    """
    if unusable := catalog.broken_reports(family):
        raise ModelError(f"no report of {family} can be written: {unusable[0].reason}")
    for table in lacking_tables(database, catalog, family, cadence) if catalog.broken else ():
        if table in catalog.broken:
            raise ModelError(f"no report of {family} can be written without {table}: {catalog.broken[table]}")
    alerts.judge(database, catalog)
    name, end = NAMES[cadence], period_end(cadence, start)
    queries = {**catalog.reports("ops"), **catalog.reports(family)}
    windows = section_windows(family, name, start, end)
    expected = [table for table in catalog.kept_by_day if table.startswith(f"{family}.")]
    with database.snapshot() as moment:
        written_at = moment.query("select clock_timestamp() as at")[0]["at"]
        sections = {
            section: _query_section(moment, queries[section], window, family) for section, window in windows.items()
        }
        sections = {section: _without_users(database, rows) for section, rows in sections.items()}
        sections["checks_not_run"] = _checks_not_run(moment, catalog, family, start, end)
        newest_day = moment.read(partitions.newest_day, expected) or start - timedelta(days=1)
        first_day = moment.read(partitions.first_day, expected) or start
        before, after = moment.read(partitions.days_around, expected, start, end)
        families = [
            other
            for other in moment.read(partitions.families_with, start, end)
            if other in families_with_reports(catalog)
        ]
        ahead = look_ahead(catalog, family)
        waits = not moment.read(partitions.has_days, expected, end, end + timedelta(days=ahead))

        lateness = max(
            database.settings.lateness_of(table, is_derived=is_derived)
            for table, is_derived in catalog.kept_by_day.items()
            if table in expected
        )
        build_period = partial(
            build_report, name, family, start, end, newest_day=newest_day, lateness_days=lateness,
            expected_tables=expected, first_day=first_day, look_ahead_days=ahead,
        )  # fmt: skip
        folder, version = database.settings.reports_dir, report_version(catalog, family)
        if report_of(family).of_tenants is not None:
            write_tenant_reports(
                moment, catalog, folder, (family, name, start, end), sections["days"], build_period,
                is_anew=moment.read(written_version, family, name, start) != version,
            )  # fmt: skip

    def build() -> dict[str, Any]:
        around = (before and period_start(cadence, before), after and period_start(cadence, after))
        return build_period(sections, families=families, neighbours=around)

    value = build()
    if value["state"]["is_complete"] and not waits and not sections["first_figures"]:
        # This first complete version publishes the report. It is built again, since it shows that it is published.
        publishing(value)
        database.run(record_report, family, name, start, {kpi["name"]: kpi["value"] for kpi in value["kpis"]})
        sections["first_figures"] = _query_section(database, queries["first_figures"], windows["first_figures"], family)
        value = build()
    html, text = folder / report_path(family, name, start), folder / report_path(family, name, start, "json")
    _write(text, render_json(value), folder)
    _write(html, render_html(value), folder)
    database.run(
        record_written_report,
        {
            "family": family,
            "cadence": name,
            "period_start": start,
            "written_at": written_at,
            "code_version": version,
            "final_from": value["state"]["final_from"],
            "is_final": value["state"]["is_final"],
            "has_next": value["links"]["next"] is not None,
            "run_id": run_id,
        },
    )
    return WrittenReport(html, text, value)


def loaded_families(database: Database, cadence: Cadence, start: date) -> list[str]:
    """The families with a loaded day in a period, so that there is something to report."""
    with database.snapshot() as moment:
        return moment.read(partitions.families_with, start, period_end(cadence, start))


def lacking_tables(database: Database, catalog: Catalog, family: str, cadence: Cadence) -> list[str]:
    """The tables that a report reads and that do not exist yet: the first run of a family creates them."""
    queries = {**catalog.reports("ops"), **catalog.reports(family)}
    some_day = date(2000, 1, 1)  # the queries of a report do not depend on its day
    start = period_start(cadence, some_day)
    windows = section_windows(family, NAMES[cadence], start, period_end(cadence, start))
    read = {table for section in windows for table in queries[section].dependencies}
    return sorted(read - set(database.run(column_types, sorted(read))))


def _checks_not_run(
    moment: Snapshot, catalog: Catalog, family: str, start: date, end: date
) -> list[dict[str, Any]]:  # fmt: skip
    """{table_name, check_count} of the checks that have not run on the present rows of the period."""
    own = {
        table: checks
        for table, checks in declared_checks(catalog).items()
        if table.startswith(f"{family}.") and table not in catalog.views
    }
    counts: dict[str, int] = {}
    for found in due_checks(moment, own, start, end):
        if found.end <= end and found.why != "version":
            counts[found.table] = counts.get(found.table, 0) + len(found.names)
    return [{"table_name": table, "check_count": count} for table, count in sorted(counts.items())]


def _query_section(source: Database | Snapshot, query: Model, window: Window, family: str) -> list[dict[str, Any]]:
    """The rows of a report query; queries of sql/ops/reports get the family as a parameter."""
    before = window_parameters(window.previous_start, window.previous_end)
    parameters: dict[str, str | int] = {
        "previous_start": before["start"], "previous_end": before["end"], "family": family
    }  # fmt: skip
    return source.query(query.select, parameters, window.start, window.end)


def _without_users(database: Database, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with pseudonyms, as `user_hash`, in place of users."""
    if not rows or "user_id" not in rows[0]:
        return rows
    pseudonym = Pseudonyms.of(database)
    return [{"user_hash": pseudonym(row.pop("user_id")), **row} for row in rows]


def write_index(reports_dir: Path) -> tuple[Path, int]:
    """Write index.html and index.json from the reports on disk, also of tenants; returns the page and their number.

    After three years a family has 1,300 reports, so entries are cached and only reports written since are read. Listing
    the files still takes a second, so callers do this once after the runs of a day, not for each report.
    """
    for own in folders_to_index(reports_dir):
        write_index(own)
    for folder in (reports_dir, *reports_dir.glob("*/*/")):
        if folder.is_dir():
            remove_leftovers(folder)
    cache = reports_dir / _ENTRY_CACHE
    cached = _read_cache(cache)
    current: dict[str, Any] = {}
    for path in sorted(reports_dir.glob("*/*/*.json")):
        if path.with_suffix(".html").exists():
            name, status = path.relative_to(reports_dir).as_posix(), path.stat()
            # A rewritten report is a new file: modification time, size or inode differ.
            mark = [SCHEMA_VERSION, _CACHED, status.st_mtime_ns, status.st_size, status.st_ino]
            is_cached = name in cached and cached[name]["mark"] == mark
            current[name] = cached[name] if is_cached else _indexed(path, mark)
    entries = [each["entry"] for each in current.values()]
    page = reports_dir / "index.html"
    listed = reports_dir / LISTS["json"]
    modules = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else None
    tenants = listed_tenants(reports_dir)
    _write(reports_dir / "index.json", render_index_json(entries, modules, tenants), reports_dir)
    _write(page, render_index(entries, modules, tenants), reports_dir)
    _write_overview(reports_dir, current)
    if current != cached:
        _write(cache, json.dumps(current), reports_dir)
    return page, len(entries)


def _write_overview(reports_dir: Path, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Write overview.html and overview.json from the newest daily report of each family."""
    daily = [each for each in known.values() if each["entry"]["cadence"] == "daily"]
    daily.sort(key=lambda each: each["entry"]["period"]["start"])
    newest = {each["entry"]["family"]: each["summary"] for each in daily}
    value = build_overview(newest.values(), SCHEMA_VERSION)
    _write(reports_dir / "overview.json", render_json(value), reports_dir)
    _write(reports_dir / "overview.html", render_overview(value), reports_dir)


def _indexed(path: Path, mark: Sequence[int]) -> dict[str, Any]:
    """What the index and the overview say of a report."""
    report = json.loads(path.read_text(encoding="utf-8"))
    return {"mark": mark, "entry": index_entry(report), "summary": summary_of(report)}


def _read_cache(cache: Path) -> dict[str, Any]:
    """{report file: its index entry, and a mark that changes with the file}; empty if there is no valid cache."""
    try:
        found: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # it does not exist yet, or is damaged: it is written anew
        return {}
    return found


def _write(path: Path, text: str, reports_dir: Path) -> None:
    """Write a file completely or not at all, since somebody may be reading it."""
    with whole_file(path, reports_dir) as part:
        part.write_text(text, encoding="utf-8")
