"""Writing reports: section queries -> one value -> HTML and JSON files, and the index page that lists them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from analytics_etl.catalog.calendar import NAMES, Cadence, period_end, period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, ModelError, window_parameters
from analytics_etl.checks.declared import declared_checks
from analytics_etl.checks.due import due_checks
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
from analytics_etl.ops import partitions
from analytics_etl.ops.operations import record_report, record_written_report
from analytics_etl.pipeline.due_reports import families_with_reports, look_ahead, report_version
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.reporting import (
    SCHEMA_VERSION,
    Window,
    build_report,
    index_entry,
    render_html,
    render_index,
    render_index_json,
    render_json,
    report_path,
    section_windows,
)

_MEMORY = ".index_entries.json"


@dataclass(frozen=True)
class WrittenReport:
    """A report as it lies on disk."""

    html: Path
    json: Path
    value: Mapping[str, Any]


def write_report(
    database: Database, catalog: Catalog, family: str, cadence: Cadence, start: date, run_id: str | None = None
) -> WrittenReport:
    """Render one report from what the tables hold now, all of them at the same moment, as of the end of its period."""
    if unusable := catalog.broken_reports(family):
        raise ModelError(f"no report of {family} can be written: {unusable[0].reason}")
    for table in lacking_tables(database, catalog, family, cadence) if catalog.broken else ():
        if table in catalog.broken:
            raise ModelError(f"no report of {family} can be written without {table}: {catalog.broken[table]}")
    name, end = NAMES[cadence], period_end(cadence, start)
    queries = {**catalog.reports("ops"), **catalog.reports(family)}
    windows = section_windows(family, name, start, end)
    expected = [table for table in catalog.kept_by_day if table.startswith(f"{family}.")]
    with database.snapshot() as moment:
        written_at = moment.query("select clock_timestamp() as at")[0]["at"]
        sections = {section: _ask(moment, queries[section], window, family) for section, window in windows.items()}
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

    def build() -> dict[str, Any]:
        return build_report(
            name,
            family,
            start,
            end,
            sections,
            newest_day=newest_day,
            lateness_days=max(
                database.settings.lateness_of(table, is_derived=is_derived)
                for table, is_derived in catalog.kept_by_day.items()
                if table in expected
            ),
            expected_tables=expected,
            first_day=first_day,
            families=families,
            neighbours=(before and period_start(cadence, before), after and period_start(cadence, after)),
            look_ahead_days=ahead,
        )

    value = build()
    if value["state"]["is_complete"] and not waits and not sections["first_figures"]:
        # It is published with this version, which says so.
        database.run(record_report, family, name, start, {kpi["name"]: kpi["value"] for kpi in value["kpis"]})
        sections["first_figures"] = _ask(database, queries["first_figures"], windows["first_figures"], family)
        value = build()
    folder = database.settings.reports_dir
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
            "code_version": report_version(catalog, family),
            "final_from": value["state"]["final_from"],
            "is_final": value["state"]["is_final"],
            "has_next": value["links"]["next"] is not None,
            "run_id": run_id,
        },
    )
    return WrittenReport(html, text, value)


def loaded_families(database: Database, cadence: Cadence, start: date) -> list[str]:
    """The families of which any day of a period is loaded, so that there is something to report."""
    with database.snapshot() as moment:
        return moment.read(partitions.families_with, start, period_end(cadence, start))


def lacking_tables(database: Database, catalog: Catalog, family: str, cadence: Cadence) -> list[str]:
    """The tables a report reads and that are not there yet, since the first run of a family makes them."""
    queries = {**catalog.reports("ops"), **catalog.reports(family)}
    some_day = date(2000, 1, 1)  # which queries a report asks does not depend on its day
    start = period_start(cadence, some_day)
    windows = section_windows(family, NAMES[cadence], start, period_end(cadence, start))
    read = {table for section in windows for table in queries[section].dependencies}
    return sorted(read - set(database.run(column_types, sorted(read))))


def _checks_not_run(
    moment: Snapshot, catalog: Catalog, family: str, start: date, end: date
) -> list[dict[str, Any]]:  # fmt: skip
    """How many checks of each table have not judged the rows that its partitions in the period hold now."""
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


def _ask(source: Database | Snapshot, query: Model, window: Window, family: str) -> list[dict[str, Any]]:
    """The rows of a report query; those of sql/ops/reports are asked about the family."""
    before = window_parameters(window.previous_start, window.previous_end)
    parameters: dict[str, str | int] = {
        "previous_start": before["start"], "previous_end": before["end"], "family": family
    }  # fmt: skip
    return source.query(query.select, parameters, window.start, window.end)


def write_index(reports_dir: Path) -> tuple[Path, int]:
    """Write index.html and index.json from the reports that are there; returns the page and how many it lists.

    After three years there are 1,300 reports of a family: only those written since the last time are read. Listing them
    takes a second all the same, so it is done once after the runs of a day, not by each report.
    """
    for folder in (reports_dir, *reports_dir.glob("*/*/")):
        if folder.is_dir():
            remove_leftovers(folder)
    memory = reports_dir / _MEMORY
    known = _remembered(memory)
    now: dict[str, Any] = {}
    for path in sorted(reports_dir.glob("*/*/*.json")):
        if path.with_suffix(".html").exists():
            name, status = path.relative_to(reports_dir).as_posix(), path.stat()
            # A report that is written again is a new file.
            mark = [SCHEMA_VERSION, status.st_mtime_ns, status.st_size, status.st_ino]
            is_known = name in known and known[name]["mark"] == mark
            entry = known[name]["entry"] if is_known else index_entry(json.loads(path.read_text(encoding="utf-8")))
            now[name] = {"mark": mark, "entry": entry}
    entries = [remembered["entry"] for remembered in now.values()]
    page = reports_dir / "index.html"
    _write(reports_dir / "index.json", render_index_json(entries), reports_dir)
    _write(page, render_index(entries), reports_dir)
    if now != known:
        _write(memory, json.dumps(now), reports_dir)
    return page, len(entries)


def _remembered(memory: Path) -> dict[str, Any]:
    """What the index said of each report last time, and how to tell that the report is still the same."""
    try:
        found: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there yet, or not ours: it is written anew
        return {}
    return found


def _write(path: Path, text: str, reports_dir: Path) -> None:
    """Complete or not at all: somebody may be reading it."""
    with whole_file(path, reports_dir) as part:
        part.write_text(text, encoding="utf-8")
