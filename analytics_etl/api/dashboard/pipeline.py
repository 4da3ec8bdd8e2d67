"""Pages about the pipeline: the states of days, failed checks, changes, runs; and the list of reports."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.api.dashboard.values import Card, Page, Question, Section, Table
from analytics_etl.api.periods import Days
from analytics_etl.catalog.states import STATES
from analytics_etl.families.queries.keyset import Key
from analytics_etl.ops import listing
from analytics_etl.ops.partitions import newest_day_of_all

_DAYS, _CHANGES, _RUNS = Key({"day": date, "table_name": str}), Key({"change_id": int}), Key({"run_number": int})
_CHECKS = Key({"period_start": date, "table_name": str, "check_name": str})
_LARGEST = 10_000
_MARKED_DAYS = 14
"""Days of the matrix at most: more do not fit on a screen; the CSV of the days has all."""
_BAD = ("failed", "expected", "frozen_late")


def pipeline(question: Question) -> Page:
    """Which day of which table is in which state, which checks failed, what changed afterwards."""
    database = question.database
    newest = database.run(newest_day_of_all) or database.settings.start_date
    length = int(question.period.removesuffix("d"))
    days = Days(newest - timedelta(days=length - 1), newest)
    about = {"table": "", "first": days.first, "last": days.last}
    states = database.run(listing.days, {**about, **_DAYS.parameters(None, _LARGEST)})
    checks = database.run(listing.checks, {**about, "failed_only": True, **_CHECKS.parameters(None, question.limit)})[
        : question.limit
    ]
    changes = database.run(listing.changes, {**about, **_CHANGES.parameters(None, question.limit)})[: question.limit]
    runs = database.run(listing.runs, _RUNS.parameters(None, question.limit))[: question.limit]
    wrong = [row for row in states if row["state"] in _BAD or row["failed_checks"] or row["waiting_row_count"]]
    shown = [days.last - timedelta(days=back) for back in range(min(length, _MARKED_DAYS))][::-1]
    legend = ", ".join(f"{mark.sign} {mark.words}" for name, mark in STATES.items() if name != "outdated")
    today = datetime.now(UTC).date()
    arrived = database.run(listing.arrived, today)
    return Page("Pipeline", "/pipeline", [
        Section("What has arrived today, so far?", Table("today", arrived, {
                    "table_name": "Table", "event_count": "Events", "rejected_count": "Rejected", "file_count": "Files",
                    "read_at": "Read",
                }), sentence=f"{today} is under way in UTC: these are not final, nothing is made of them yet, and "
                "what came twice counts twice.", empty="No file with events of today was read yet."),
        Section("Which days are there?", Table("states", _matrix(states, shown), {
                    "table_name": "Table", **{f"{day:%m-%d}": f"{day.day}" for day in shown},
                }, kinds={f"{day:%m-%d}": "mark" for day in shown}), sentence=f"The days up to {days.last}: {legend}."),
        Section("Which days need somebody?", Table("days", wrong, {
                    "day": "Day", "table_name": "Table", "state": "State", "failed_checks": "Failed checks",
                    "waiting_row_count": "Waiting rows",
                }), empty="None: every day of every table is there, and nothing waits."),
        Section("Which checks failed?", Table("checks", checks, {
                    "period_start": "Period", "table_name": "Table", "check_name": "Check", "severity": "Severity",
                    "description": "What it expects", "unexpected_count": "Rows",
                }), empty="No check failed."),
        Section("Which published numbers changed?", Table("changes", changes, {
                    "changed_at": "Changed", "table_name": "Table", "period_start": "Period",
                    "rows_added": "Added", "rows_removed": "Removed", "rows_changed": "Changed rows",
                }), empty="No number changed after it was published."),
        Section("What ran?", Table("runs", runs, {
                    "created_at": "Created", "job_name": "Job", "status": "Status", "ended_at": "Ended",
                }), empty="Dagster has not run here yet."),
    ], [
        Card("Events today so far", sum(row["event_count"] for row in arrived)),
        Card("Days of tables", len(states)), Card("Need somebody", len(wrong)),
        Card("Failed checks", len(checks)),
    ], days)  # fmt: skip


def _matrix(states: list[dict[str, Any]], days: list[date]) -> list[dict[str, Any]]:
    """A row for each table, with the mark of each day."""
    marks: dict[str, dict[date, str]] = defaultdict(dict)
    for row in states:
        marks[row["table_name"]][row["day"]] = STATES[row["state"]].sign
    return [
        {"table_name": table, **{f"{day:%m-%d}": of_day.get(day, "") for day in days}}
        for table, of_day in sorted(marks.items())
    ]


def reports(question: Question) -> Page:
    """The reports that were written, the newest first, with links to their pages."""
    folder = question.database.settings.reports_dir
    try:
        entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))["reports"]
    except FileNotFoundError:
        entries = []
    rows = [
        {
            "report": f"{entry['family'].capitalize()}, {entry['period']['label']}", "cadence": entry["cadence"],
            "first_day": entry["period"]["start"], "sentence": entry["state"]["sentence"],
            "file": entry["links"]["html"],
        }
        for entry in sorted(entries, key=lambda entry: entry["period"]["start"], reverse=True)
    ]  # fmt: skip
    to_file = {row["report"]: f"/reports/{row['file']}" for row in rows}
    sections = [
        Section(f"{cadence.capitalize()} reports", Table(cadence, [r for r in rows if r["cadence"] == cadence], {
            "report": "Report", "first_day": "From", "sentence": "State",
        }, {"report": to_file}), empty=f"No {cadence} report was written yet.")
        for cadence in ("daily", "weekly", "monthly")
    ]  # fmt: skip
    return Page("Reports", "/reports", sections)
