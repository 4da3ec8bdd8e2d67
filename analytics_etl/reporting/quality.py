"""The sections about the quality of the data: a question, one sentence that answers it, columns and rows. No HTML."""

from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.period import Column, Period, section

ROW_COUNTS = (
    "file_count",
    "rows_read",
    "rows_loaded",
    "rows_duplicate",
    "rows_conflicting",
    "rows_rejected",
    "rows_waiting",
)


def quality_checks(period: Period) -> dict[str, Any]:
    results = list(period.rows.get("quality_checks", ()))
    failed = [row for row in results if row["failed_count"]]
    count = sum(row["result_count"] for row in results)
    parts = []
    if failed:
        failures = sum(row["failed_count"] for row in failed)
        errors = sum(row["failed_count"] for row in failed if row["severity"] == "error")
        kinds = f"{wording.plural(errors, 'error')}, {wording.plural(failures - errors, 'warning')}"
        parts.append(f"{wording.count(failures)} of {wording.plural(count, 'check result')} failed: {kinds}")
    elif count:
        parts.append(
            f"none: all {wording.plural(count, 'check result')} passed" if count > 1 else "the only check passed"
        )
    columns: list[Column] = [
        ("severity", "Severity", "severity"),
        ("table_name", "Table", "name"),
        ("description", "What the check demands", "text"),
        ("failed_count", "Failed", "failed"),
        ("unexpected_count", "Unexpected rows", "count"),
        ("last_failed_day", "Last failure", "day"),
    ]
    return section("Which checks failed?", parts or ["no check has run for this period"], columns, failed)


def quality_rows(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("quality_rows", ()))
    total = {name: sum(row[name] for row in rows) for name in ROW_COUNTS}
    parts = []
    if rows:
        read = total["rows_read"]
        parts.append(f"{wording.plural(read, 'row')} read from {wording.plural(total['file_count'], 'file')}")
        if read:
            loaded = total["rows_loaded"]
            parts.append(f"{wording.count(loaded)} loaded ({wording.ratio(loaded / read)})")
        duplicates = f"{wording.plural(total['rows_duplicate'], 'duplicate')}"
        if total["rows_conflicting"]:
            duplicates += f" ({wording.count(total['rows_conflicting'])} with contents that disagree)"
        parts += [duplicates, f"{wording.count(total['rows_rejected'])} rejected"]
        if total["rows_waiting"]:
            parts.append(f"{wording.count(total['rows_waiting'])} waiting to be loaded")
    columns: list[Column] = [
        ("table_name", "Table", "name"),
        ("file_count", "Files", "count"),
        ("rows_read", "Read", "count"),
        ("rows_loaded", "Loaded", "count"),
        ("rows_duplicate", "Duplicate", "count"),
        ("rows_conflicting", "Conflicting", "count"),
        ("rows_rejected", "Rejected", "count"),
        ("rows_waiting", "Waiting", "count"),
    ]
    return section("What became of the rows that arrived?", parts or ["no rows arrived"], columns, rows)


def quality_reasons(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("quality_reasons", ()))
    parts = []
    if rows:
        first = rows[0]
        count = wording.plural(first["rejected_count"], "row")
        parts.append(f"most often ({count} of {first['table_name']}): {wording.name(first['reason'], 160)}")
    columns: list[Column] = [
        ("table_name", "Table", "name"),
        ("reason", "Reason", "text"),
        ("rejected_count", "Rows", "count"),
    ]
    return section("Why were rows rejected?", parts or ["no row was rejected"], columns, rows)


def days(period: Period) -> dict[str, Any]:
    missing = period.missing_days(period.start, period.end)
    rows = []
    for table in period.expected_tables:
        absent = [day for day, tables in missing.items() if table in tables]
        inside = [
            row["row_count"]
            for row in period.rows.get("days", ())
            if row["table_name"] == table and period.start <= row["period_start"] and row["period_end"] <= period.end
        ]
        expected = len(period.days)
        rows.append(
            {
                "table_name": table,
                "day_count": expected - len(absent),
                "expected_day_count": expected,
                "missing_days": absent,
                "row_count": sum(inside) if inside else None,
            }
        )
    tables = wording.plural(len(rows), "table")
    incomplete = [row for row in rows if row["missing_days"]]
    if not rows:
        parts = ["no table is expected"]
    elif not incomplete:
        days = "the day" if period.cadence == "daily" else f"all {len(period.days)} days"
        parts = [
            f"{days} of {'all ' if len(rows) > 1 else ''}{tables} {wording.verb(len(period.days), 'is', 'are')} loaded"
        ]
    else:
        what = ("is", "are") if period.cadence == "daily" else ("has", "have")
        state = "not loaded" if period.cadence == "daily" else f"missing days: {wording.day_list(list(missing))}"
        parts = [f"{len(incomplete)} of {tables} {wording.verb(len(incomplete), *what)} {state}"]
    columns: list[Column] = [
        ("table_name", "Table", "name"),
        ("missing_days", "Days" if period.cadence != "daily" else "State", "coverage"),
        ("row_count", "Rows", "count"),
    ]
    return section("Which days are loaded?", parts, columns, rows)
