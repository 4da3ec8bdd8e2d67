"""Books as after runs that did everything, for tests that make tables by themselves and run no checks and reports."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.catalog.calendar import NAMES, Cadence, period_end, periods, report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks
from analytics_etl.checks.due import due_checks
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import CheckResult, record_report, record_written_report
from analytics_etl.pipeline.due_reports import families_with_reports, report_version
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.pipeline.reports import write_index
from analytics_etl.postgres.database import Database
from analytics_etl.reporting import build_report, render_json, section_windows


def settle(database: Database, first: date, last: date) -> None:
    """Say that all checks passed and all reports of some days are written; the reports are empty files."""
    catalog = Catalog.of(database.settings)
    checks = declared_checks(catalog)
    named = {(table, check.name): check for table, of in checks.items() for check in of}
    judged = [(d.table, name, d.start, d.end) for d in due_checks(database, checks) for name in d.names]
    for view, model in catalog.views.items():
        newest = database.run(newest_day, model.dependencies) or database.settings.start_date
        judged += [(view, check.name, newest, newest) for check in checks[view]]
    record_checks(database,
        [
            CheckResult(
                table, name, start, end, True, named[table, name].severity, "d", 0, [], named[table, name].code_version  # noqa: FBT003
            )
            for table, name, start, end in judged
        ]
    )  # fmt: skip
    for family in families_with_reports(catalog):
        for cadence in NAMES:
            for start in periods(cadence, first, last):
                _write(database, catalog, family, cadence, start)
    write_index(database.settings.reports_dir)


def _write(database: Database, catalog: Catalog, family: str, cadence: Cadence, start: date) -> None:
    """A report that says nothing, and what the books say of it."""
    name, end = NAMES[cadence], period_end(cadence, start)
    rows: dict[str, list[dict[str, Any]]] = {section: [] for section in section_windows(family, name, start, end)}
    value = build_report(name, family, start, end, rows, newest_day=end, lateness_days=7, expected_tables=[])
    for suffix, text in {"html": "", "json": render_json(value)}.items():
        path = database.settings.reports_dir / report_path(family, name, start, suffix)  # type: ignore[arg-type]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    database.run(record_report, family, name, start, {})
    database.run(record_written_report,
        {
            "family": family, "cadence": name, "period_start": start, "written_at": datetime.now(UTC),
            "code_version": report_version(catalog, family), "final_from": start + timedelta(days=400),
            "is_final": False, "has_next": True, "run_id": None,
        }
    )  # fmt: skip
