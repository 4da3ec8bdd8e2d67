"""The sections about the quality of the data: a question, one sentence that answers it, columns and rows. No HTML."""

from collections.abc import Mapping, Sequence
from datetime import date
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
    elif count and period.checks_not_run:
        parts.append(f"none of the {wording.plural(count, 'check result')} there is")
    elif count:
        parts.append(
            f"none: all {wording.plural(count, 'check result')} passed" if count > 1 else "the only check passed"
        )
    if count and (not_run := period.checks_not_run):
        parts.append(f"{wording.plural(not_run, 'check')} {wording.verb(not_run, 'has', 'have')} not run")
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
        tell = wording.verb(period.undated_rows, "tells", "tell")
        undated = f", {wording.count(period.undated_rows)} of which {tell} no day" if period.undated_rows else ""
        parts += [duplicates, f"{wording.count(total['rows_rejected'])} rejected{undated}"]
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
    rows = [_days_of_table(period, table) for table in period.expected_tables]
    columns: list[Column] = [
        ("table_name", "Table", "name"),
        ("day_states", "Days" if period.cadence != "daily" else "State", "states"),
        ("row_count", "Rows", "count"),
        ("rows_waiting", "Late rows waiting", "count"),
    ]
    parts = [_loaded(period, missing)]
    if states := [state for row in rows for state in row["day_states"] if state != "expected"]:
        counts = [(name, states.count(state)) for state, name in _STATE_NAMES.items() if states.count(state)]
        if len(counts) == 1:
            parts.append(f"all are {counts[0][0]}" if len(states) > 1 else f"it is {counts[0][0]}")
        else:
            what = "days of single tables: " if period.cadence != "daily" else ""
            parts.append(what + ", ".join(f"{wording.count(number)} {name}" for name, number in counts))
    return section("Which days are loaded, and can they still change?", parts, columns, rows)


_STATE_NAMES = {
    "provisional": "provisional",
    "final": "final",
    "frozen_late": "final with late rows waiting",
    "failed": "failed",
    "archived": "final and archived",
    "dropped": "final with raw events not kept",
}


def _days_of_table(period: Period, table: str) -> dict[str, Any]:
    known = [period.day_states.get((table, day)) for day in period.days]
    counts = [row["row_count"] for row in known if row is not None and row["row_count"] is not None]
    return {
        "table_name": table,
        "day_count": len(counts),
        "expected_day_count": len(period.days),
        "missing_days": [
            day for day, row in zip(period.days, known, strict=True) if row is None or row["row_count"] is None
        ],
        "day_states": ["expected" if row is None else row["state"] for row in known],
        "row_count": sum(counts) if counts else None,
        "rows_waiting": sum(row["rows_waiting"] for row in known if row is not None),
    }


def _loaded(period: Period, missing: Mapping[date, Sequence[str]]) -> str:
    expected = len(period.expected_tables)
    tables = wording.plural(expected, "table")
    incomplete = {table for absent in missing.values() for table in absent}
    if not expected:
        return "no table is expected"
    if not incomplete:
        of_days = "" if period.cadence == "daily" else f" for all {len(period.days)} days"
        which = f"all {tables} are" if expected > 1 else "the only table is"
        return f"{which} loaded{of_days}"
    if period.is_under_way:
        to_come = wording.verb(len(missing), "is", "are")
        return f"{wording.day_list(list(missing))} {to_come} still to come, all days before are loaded"
    what = ("is", "are") if period.cadence == "daily" else ("has", "have")
    state = "not loaded" if period.cadence == "daily" else f"missing days: {wording.day_list(list(missing))}"
    return f"{len(incomplete)} of {tables} {wording.verb(len(incomplete), *what)} {state}"


def first_figures(period: Period) -> dict[str, Any]:
    rows = period.changed_figures
    columns: list[Column] = [
        ("label", "Figure", "text"),
        ("first_value", "First published", "figure"),
        ("value", "Now", "figure"),
        ("change_ratio", "Change", "change_ratio"),
    ]
    if period.first_published_at is None:
        ahead = period.look_ahead_days
        after = f" and {wording.plural(ahead, 'day')} after it, which can complete it" if ahead else ""
        parts = [f"it is not published yet: that is when all its days are loaded{after}"]
    else:
        when = wording.moment(period.first_published_at)
        parts = [
            f"{len(rows)} of {wording.plural(len(period.kpis), 'key figure')} since {when}"
            if rows
            else f"nothing: all key figures are as first published on {when}"
        ]
    return section("What changed since this report was first published?", parts, columns, rows)


def changed_tables(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("changed_tables", ()))
    parts = []
    if rows:
        count = sum(row["change_count"] for row in rows)
        parts.append(f"{wording.plural(count, 'partition')} of {wording.plural(len(rows), 'table')}")
        added, removed, changed = (
            wording.count(sum(row[f"rows_{what}"] for row in rows)) for what in ("added", "removed", "changed")
        )
        parts.append(f"{added} rows added, {removed} removed, {changed} changed")
    columns: list[Column] = [
        ("table_name", "Table", "name"),
        ("change_count", "Times", "count"),
        ("first_changed_day", "From", "day"),
        ("last_changed_day", "To", "day"),
        ("rows_added", "Added", "count"),
        ("rows_removed", "Removed", "count"),
        ("rows_changed", "Changed", "count"),
        ("last_changed_at", "Last", "moment"),
    ]
    return section("Which tables were written anew with other content since?", parts or ["none"], columns, rows)
