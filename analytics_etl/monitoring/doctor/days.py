"""Findings about days: late rows, dropped, missing and unusual days, due checks and reports."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks.due import REASONS
from analytics_etl.monitoring.doctor.failures import refused
from analytics_etl.monitoring.doctor.finding import Finding, days_of_tables
from analytics_etl.monitoring.status import rows_before_the_first_day
from analytics_etl.ops.days import frozen_days, unusual_days
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import waiting_days
from analytics_etl.pipeline.dropped_days import by_family, dropped_days
from analytics_etl.pipeline.due_partitions import FAILED, LATE, REPLACED, UNWRITTEN
from analytics_etl.pipeline.gaps import accepted_days, known_in
from analytics_etl.pipeline.plan import Plan
from analytics_etl.pipeline.planning import known_days, make_plan
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened, spanned


def late_rows(database: Database, today: date) -> Finding:
    """Waiting rows of days that can be run; today's rows wait until the day is over."""
    can_run = database.settings.start_date, today - timedelta(days=1)
    left = by_family(dropped_days(database))  # another finding reports these
    waiting = [
        row
        for row in database.run(waiting_days)
        if can_run[0] <= row["day"] <= can_run[1]
        and (row["rows_waiting"] or row["is_loaded"])
        and row["day"] not in left.get(row["table_name"].split(".", maxsplit=1)[0], ())
    ]
    if not waiting:
        return Finding("late rows", is_well=True, detail="none are waiting")
    late = [row for row in waiting if row["rows_waiting"]]
    parts = []
    if late:
        rows = counted(sum(row["rows_waiting"] for row in late), "row")
        number = counted(len({row["day"] for row in late}), "day")
        parts.append(f"{rows} of {number} came after the day was loaded, or before it was asked for")
    if days := {row["day"] for row in waiting if not row["rows_waiting"]}:
        parts.append(f"files of {counted(len(days), 'day')} were replaced since, or came late without a valid row")
    # Not days with a refused change: another finding has the command that publishes it, which loads these rows, too.
    frozen = sorted({day for _, day in database.run(frozen_days)} - refused(database))
    if frozen:
        parts.append(f"final, and left as they are: {shortened(frozen)}")
    commands = [f'analytics-etl reopen {day} --reason "why"' for day in frozen]
    if {row["day"] for row in waiting} - set(frozen) - refused(database):
        commands.insert(0, "analytics-etl backfill --missing")
    advice = shortened(commands or ["see changes: what publishes them loads these rows"], separator="\n")
    return Finding("late rows", is_well=False, detail="; ".join(parts), advice=advice)


def dropped(database: Database) -> Finding:
    """Dropped days whose files still exist, and that nobody has accepted as empty."""
    accepted, known = accepted_days(database), set(known_in(database, date.min, date.max))
    left = [each for each in dropped_days(database) if each.day not in accepted or each.day in known]
    if not left:
        return Finding("dropped days", is_well=True, detail="none with files that are still there")
    first, paths = left[0], sorted({path for each in left for path in each.paths})
    advice = [
        f"if it is to stay empty, move out of the landing folder: {shortened(paths)}",
        f"if its files are right: analytics-etl run {first.day} --family {first.family}",
    ]
    if first.day not in known:
        advice.insert(1, f'or: analytics-etl accept-gap {first.day} {first.day} --reason "why"')
    detail = shortened(left, separator="; ")
    return Finding("dropped days", is_well=False, detail=detail, advice="\n".join(advice))


def early_rows(database: Database) -> Finding:
    """Rows of days before the first partition."""
    early = rows_before_the_first_day(database)
    if early is None:
        return Finding("early rows", is_well=True, detail=f"none are of days before {database.settings.start_date}")
    detail, advice = early
    return Finding("early rows", is_well=False, detail=detail, advice=advice)


def missing(database: Database, catalog: Catalog, today: date) -> Iterator[Finding]:
    """What `backfill --missing` would run, except what other findings report; due checks, reports; the newest day."""
    newest, yesterday = database.run(newest_day, list(catalog.contracts)), today - timedelta(days=1)
    if newest is None:
        yield _no_day(database, yesterday)
        return
    known = known_days(database, yesterday)
    if known is not None:
        plan = make_plan(database, catalog, *known)
        gaps = [gap for gap in plan.partitions if gap.why not in (FAILED, UNWRITTEN, LATE, REPLACED)]
        # Views, checks and reports have findings of their own.
        reasons = replace(plan, partitions=gaps, views={}, checks=(), reports=(), is_index_due=False).reasons()
        first, last = known
        if reasons:
            which = shortened(reasons, separator="; ")
            detail = f"{counted(len(gaps), 'partition')} to run from {first} to {last}: {which}"
            yield Finding("days", is_well=False, detail=detail, advice="analytics-etl backfill --missing")
        else:
            yield Finding("days", is_well=True, detail=f"none missing or outdated from {first} to {last}")
        yield from _due(plan)
    if newest < yesterday:
        detail = f"nothing is loaded after {newest}, and yesterday was {yesterday}"
        advice = f"if there are events of these days: analytics-etl backfill {newest + timedelta(days=1)} {yesterday}"
        yield Finding("newest day", is_well=False, detail=detail, advice=advice)
    else:
        yield Finding("newest day", is_well=True, detail=str(newest))


def _no_day(database: Database, yesterday: date) -> Finding:
    """The finding when no day is loaded, with the days of files that were read; unread files may hold any day."""
    known = known_days(database, yesterday)
    detail = "no day has been loaded" + (f"; files hold events of {spanned(*known)}" if known else "")
    files = "" if known else "with files in the landing folders above: "
    return Finding("days", is_well=False, detail=detail, advice=f"{files}analytics-etl backfill --missing")


def _due(plan: Plan) -> Iterator[Finding]:
    """Due checks and reports, such as a killed run leaves behind."""
    advice = "analytics-etl backfill --missing"
    views = [f"{view}: {why}" for view, why in plan.views.items() if why in REASONS.values()]
    if plan.checks or views:
        count = counted(
            len({(gap.table, gap.start) for gap in plan.checks}) + len(views),
            "partition or view",
            "partitions and views",
        )
        detail = f"{count} with checks to run: {shortened([*plan.due_checks(), *views], separator='; ')}"
        yield Finding("checks run", is_well=False, detail=detail, advice=advice)
    else:
        yield Finding("checks run", is_well=True, detail="every partition and view is checked")
    if plan.reports or plan.is_index_due:
        detail = shortened([*plan.due_reports(), *plan.index()], separator="; ")
        what = f"{counted(len(plan.reports), 'report')} to write" if plan.reports else "the index to write"
        yield Finding("reports", is_well=False, detail=f"{what}: {detail}", advice=advice)
    else:
        yield Finding("reports", is_well=True, detail="all written and up to date")


def volume(database: Database) -> Finding:
    """Days among the last 30 with too many or an unusual number of rows."""
    odd = database.read(unusual_days)
    if not odd:
        return Finding("volume", is_well=True, detail="the last 30 days have as many rows as is usual")
    first = odd[0]
    rows = counted(first["rows"], "row") if first["rows"] else "no rows"
    if first["is_too_many"]:
        detail = (
            f"{first['table_name']} {first['day']} has {rows}, more than ANALYTICS_MOST_EVENTS_A_DAY; all of them are "
            f"kept. Of the last 30 days {days_of_tables(odd)} had too many or an unusual number"
        )
        advice = "see whether a source repeats itself; if there are so many now, raise the setting"
        return Finding("volume", is_well=False, detail=detail, advice=advice)
    detail = (
        f"of the last 30 days {days_of_tables(odd)} empty or far from the weekday's usual volume, the newest "
        f"{first['table_name']} {first['day']} with {rows}"
    )
    advice = f"see that all files of the day are there, then analytics-etl run {first['day']}"
    return Finding("volume", is_well=False, detail=detail, advice=advice)
