"""The state of a period, in one line a person can quote, and what else to know before trusting its numbers."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.period import Period, Row

TABLES_NAMED = 3


def period_state(period: Period, label: str, newest_day: date, lateness_days: int) -> dict[str, Any]:
    """Final or provisional, complete or not, and the notices."""
    missing = period.missing_days(period.start, period.end)
    known = [row for row in period.own_days if row["row_count"] is not None]
    final_from = max([period.end + timedelta(lateness_days - 1), *(row["final_from"] for row in known)])
    is_final = newest_day >= final_from and all(row["is_final"] for row in known)
    is_empty = not period.totals()
    failed = _failed_tables(period)
    text = _sentence(period, label, missing, final_from, is_final=is_final)
    if is_empty and len(missing) < len(period.days):
        text += " It has no events."
    if period.undated_rows:
        rows = wording.plural(period.undated_rows, "row")
        tell = wording.verb(period.undated_rows, "tells", "tell")
        text += f" {rows} of its files {tell} no day and could not be counted."
    if failed:
        text += f" A check or the last run failed for {wording.plural(len(failed), 'table')}."
    return {
        "is_failed": bool(failed),
        "is_final": is_final,
        "is_complete": not missing,
        "is_under_way": period.is_under_way,
        "is_empty": is_empty,
        "missing_days": list(missing),
        "missing_tables": [{"day": day, "table_names": tables} for day, tables in missing.items()],
        "final_from": final_from,
        "newest_day": newest_day,
        "lateness_days": lateness_days,
        "sentence": text,
        "notices": _notices(period),
    }


def _failed_tables(period: Period) -> set[str]:
    """The tables of which a day could not be written, or failed a check of severity error."""
    days = {row["table_name"] for row in period.own_days if row["state"] == "failed"}
    checks = period.rows.get("quality_checks", ())
    return days | {row["table_name"] for row in checks if row["failed_count"] and row["severity"] == "error"}


def _sentence(period: Period, label: str, missing: dict[date, list[str]], final_from: date, *, is_final: bool) -> str:
    subject = f"{label[0].upper()}{label[1:]} (UTC)"
    later = f"late events can change it until {wording.day(final_from)} {final_from.year} is loaded"
    if not missing:
        return f"{subject} is complete and final." if is_final else f"{subject} is complete but provisional: {later}."
    if period.is_under_way:
        loaded = f"{len(period.days) - len(missing)} of {len(period.days)} days are loaded"
        return f"{subject} is in progress: {loaded}, up to {wording.day(period.newest_day)}."
    if period.cadence != "daily":
        are = wording.verb(len(missing), "is", "are")
        which = f"{len(missing)} of {len(period.days)} days {are} not loaded ({wording.day_list(list(missing))})"
    else:
        absent, tables = len(missing[period.start]), len(period.expected_tables)
        are = wording.verb(absent, "is", "are")
        which = "it is not loaded" if absent == tables else f"{absent} of {tables} tables {are} not loaded"
    return f"{subject} is incomplete: {which}." + ("" if is_final else f" It is provisional: {later}.")


def _notices(period: Period) -> list[dict[str, Any]]:
    """The notices about what is wrong or odd, each with its kind."""
    found = []
    if frozen := [row for row in period.own_days if row["rows_waiting"] and row["is_final"]]:
        rows = wording.plural(sum(row["rows_waiting"] for row in frozen), "row")
        came = f"{rows} of {_which(frozen)} came after the day was final"
        found.append(("late_rows", f"{came} and are not in these numbers until the day is reopened."))
    if waiting := [row for row in period.own_days if row["rows_waiting"] and not row["is_final"]]:
        rows = wording.plural(sum(row["rows_waiting"] for row in waiting), "row")
        found.append(("late_rows", f"{rows} of {_which(waiting)} came late and will be in these numbers soon."))
    if stale := [row for row in period.own_days if row["state"] == "frozen_late" and not row["rows_waiting"]]:
        files = f"Files of {_which(stale)} were replaced, or came without a valid row, after the day was final"
        found.append(("late_rows", f"{files}; the numbers stay as they are until the day is reopened."))
    if failed := [row for row in period.own_days if row["state"] == "failed"]:
        found.append(("failed", f"A check or the last run failed: {_which(failed)}."))
    if empty := [row for row in period.own_days if row["is_unusual"] and not row["row_count"]]:
        found.append(("empty", f"There are no rows at all: {_which(empty)}."))
    if odd := [row for row in period.own_days if row["is_unusual"] and row["row_count"]]:
        found.append(("volume", f"The number of rows is far from what is usual on this weekday: {_which(odd)}."))
    if undated := [row for row in period.rows.get("quality_rows", ()) if row.get("rows_undated")]:
        rows = wording.plural(period.undated_rows, "row")
        tables = ", ".join(wording.name(row["table_name"]) for row in undated)
        were, them = ("was", "it") if period.undated_rows == 1 else ("were", "them")
        found.append(
            ("rejected", f"{rows} without a usable time {were} rejected, so that no day has {them}: {tables}.")
        )
    if not_run := period.checks_not_run:
        tables = ", ".join(wording.name(row["table_name"]) for row in period.rows["checks_not_run"])
        have = wording.verb(not_run, "has", "have")
        found.append(("unchecked", f"{wording.plural(not_run, 'check')} {have} not run on these numbers: {tables}."))
    if changed := period.changed_figures:
        are = wording.verb(len(changed), "figure differs", "figures differ")
        when = wording.moment(period.first_published_at)
        found.append(("changed", f"{len(changed)} {are} from what was first published on {when}."))
    return [{"kind": kind, "sentence": sentence} for kind, sentence in found]


def _which(rows: Sequence[Row]) -> str:
    """Tables with their days: registry.download_events (2 and 3 April)."""
    days: dict[str, list[date]] = {}
    for row in rows:
        days.setdefault(row["table_name"], []).append(row["day"])
    named = [f"{wording.name(table)} ({wording.day_list(of)})" for table, of in days.items()]
    more = len(named) - TABLES_NAMED
    return ", ".join(named[:TABLES_NAMED]) + (f" and {more} more tables" if more > 0 else "")
