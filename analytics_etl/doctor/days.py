"""Findings about days: unread files, late rows, what is missing, failed, refused or unusual."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from analytics_etl.catalog import Catalog
from analytics_etl.checks.due import REASONS
from analytics_etl.doctor.finding import Finding
from analytics_etl.doctor.surroundings import first_closed, is_bad
from analytics_etl.english import counted, shortened
from analytics_etl.late import new_files
from analytics_etl.missing import FAILED, LATE, REPLACED, UNWRITTEN, Plan, known_days, make_plan
from analytics_etl.partitions import stretches
from analytics_etl.rejections import WAY_OUT, undated_files
from analytics_etl.status import rows_before_the_first_day
from analytics_etl.warehouse import CHANGE_CHECK, Warehouse


def files_read(warehouse: Warehouse) -> Finding:
    """Landing files that were not read to their end."""
    bad = warehouse.query("select path, state, reason from ops.loaded_files where state <> 'read' order by path")
    if not bad:
        return Finding("files read", is_well=True, detail="all of them to their end")
    first = bad[0]
    detail = (
        f"{counted(len(bad), 'file')} not read to the end, e.g. {first['path']} ({first['state']}): {first['reason']}"
    )
    return Finding(
        "files read",
        is_well=False,
        detail=detail,
        advice="mend the file, then run its day again: analytics-etl run DATE",
    )


def rejected_rows(warehouse: Warehouse) -> Finding:
    """Files with rejected rows that tell no day, those read last first: checks of days may not tell of them."""
    found = undated_files(warehouse)
    if not found:
        return Finding("rejected rows", is_well=True, detail="every rejected row is told by the checks of its day")
    many = [file for file in found if file.is_much]
    what = f"{counted(len(found), 'file')} with rejected rows that tell no day"
    detail = f"{what}: {shortened([str(file) for file in many or found], separator='; ')}"
    if not many:
        return Finding("rejected rows", is_well=True, detail=f"{detail}; no more than 1 % of any")
    return Finding("rejected rows", is_well=False, detail=detail, advice=WAY_OUT)


def unseen_files(warehouse: Warehouse, catalog: Catalog, *, is_daemon_running: bool) -> Finding:
    """Files that nothing has looked at yet: what they hold is in no other finding."""
    folder = warehouse.settings.landing_dir
    new = [
        file.path
        for contract in catalog.contracts.values()
        if not first_closed(folder / contract.name)
        for file in new_files(contract, catalog, warehouse)
        if not is_bad(file)
    ]
    if not new:
        return Finding("new files", is_well=True, detail="all files have been looked at")
    detail = f"{counted(len(new), 'landing file')} not looked at yet, new or replaced, e.g. {new[0]}"
    if is_daemon_running:
        return Finding("new files", is_well=True, detail=f"{detail}: the daemon does within minutes")
    advice = "analytics-etl backfill --missing"
    return Finding("new files", is_well=False, detail=f"{detail}: no daemon is there that would", advice=advice)


def late_rows(warehouse: Warehouse, today: date) -> Finding:
    """Rows of days that can be run: those of today wait until it is over."""
    can_run = warehouse.settings.start_date, today - timedelta(days=1)
    waiting = [
        row
        for row in warehouse.waiting_days()
        if can_run[0] <= row["day"] <= can_run[1] and (row["rows_waiting"] or row["is_loaded"])
    ]
    if not waiting:
        return Finding("late rows", is_well=True, detail="none are waiting")
    late = [row for row in waiting if row["rows_waiting"]]
    said = []
    if late:
        rows = counted(sum(row["rows_waiting"] for row in late), "row")
        number = counted(len({row["day"] for row in late}), "day")
        said.append(f"{rows} of {number} came after the day was loaded, or before it was asked for")
    if days := {row["day"] for row in waiting if not row["rows_waiting"]}:
        said.append(f"files of {counted(len(days), 'day')} were replaced since, or came late without a valid row")
    frozen = sorted({day for _, day in warehouse.frozen_days()})
    if frozen:
        said.append(f"final, and left as they are: {shortened(frozen)}")
    commands = [f'analytics-etl reopen {day} --reason "why"' for day in frozen]
    if {row["day"] for row in waiting} - set(frozen):
        commands.insert(0, "analytics-etl backfill --missing")
    return Finding("late rows", is_well=False, detail="; ".join(said), advice=shortened(commands, separator="\n"))


def early_rows(warehouse: Warehouse) -> Finding:
    """Rows that no partition can hold, of days before the first one."""
    early = rows_before_the_first_day(warehouse)
    if early is None:
        return Finding("early rows", is_well=True, detail=f"none are of days before {warehouse.settings.start_date}")
    detail, advice = early
    return Finding("early rows", is_well=False, detail=detail, advice=advice)


def missing(warehouse: Warehouse, catalog: Catalog, today: date) -> Iterator[Finding]:
    """What `backfill --missing` would run, without what the other findings tell of; and how new the newest day is."""
    newest, yesterday = warehouse.newest_day(list(catalog.contracts)), today - timedelta(days=1)
    if newest is None:
        yield Finding("days", is_well=False, detail="no day has been loaded", advice="analytics-etl run DATE")
        return
    known = known_days(warehouse, yesterday)
    if known is not None:
        plan = make_plan(warehouse, catalog, *known)
        gaps = [gap for gap in plan.gaps if gap.why not in (FAILED, UNWRITTEN, LATE, REPLACED)]
        # Views, checks and reports have findings of their own.
        reasons = replace(plan, gaps=gaps, views={}, checks=(), reports=(), is_index_due=False).reasons()
        first, last = known
        if reasons:
            which = shortened(reasons, separator="; ")
            detail = f"{counted(len(gaps), 'partition')} to run from {first} to {last}: {which}"
            yield Finding("days", is_well=False, detail=detail, advice="analytics-etl backfill --missing")
        else:
            yield Finding("days", is_well=True, detail=f"none missing or outdated from {first} to {last}")
        yield from _due(plan)
    if newest < yesterday:
        detail = f"{newest}; yesterday was {yesterday}"
        advice = f"if there are events of these days: analytics-etl backfill {newest + timedelta(days=1)} {yesterday}"
        yield Finding("newest day", is_well=False, detail=detail, advice=advice)
    else:
        yield Finding("newest day", is_well=True, detail=str(newest))


def _due(plan: Plan) -> Iterator[Finding]:
    """Checks and reports that were left out, as by a run that was killed."""
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


def failed_checks(warehouse: Warehouse) -> Finding:
    """Days with failed checks of severity error."""
    failed = warehouse.query(
        "select table_name, check_name, period_start, description from ops.check_results where not passed "
        "and severity = 'error' and check_name <> :change_check order by period_start desc, table_name",
        {"change_check": CHANGE_CHECK},
    )
    if not failed:
        return Finding("checks", is_well=True, detail="none of severity error has failed")
    first = failed[0]
    detail = (
        f"{len(failed):,} failed, the newest {first['check_name']} of {first['table_name']} on "
        f"{first['period_start']}: {first['description']}"
    )
    return Finding("checks", is_well=False, detail=detail, advice="analytics-etl ui, then the asset's page, Checks")


def refused_changes(warehouse: Warehouse) -> Finding:
    """Changes of final days that were not published, with what publishes them."""
    refused = warehouse.query(
        "select table_name, period_start as day from ops.check_results where not passed and check_name = :change_check "
        "order by period_start, table_name",
        {"change_check": CHANGE_CHECK},
    )
    if not refused:
        return Finding("changes", is_well=True, detail="none of final days was refused")
    of = [f"{row['table_name']} {row['day']}" for row in refused]
    days = list(stretches({row["day"] for row in refused}))
    look = f"analytics-etl changes {refused[0]['day']} {refused[-1]['day']}"
    publish = [f'analytics-etl {_run(first, last)} --accept-change --reason "why"' for first, last in days]
    detail = f"refused, since the day is final: {shortened(of)}; the old rows stay until somebody looks and accepts"
    return Finding("changes", is_well=False, detail=detail, advice=shortened([look, *publish], separator="\n"))


def _run(first: date, last: date) -> str:
    return f"run {first}" if first == last else f"backfill {first} {last}"


def last_attempts(warehouse: Warehouse) -> Finding:
    """Days whose last attempt to be written failed."""
    failed = warehouse.query(
        "select table_name, day, failure from ops.days where failure is not null order by day desc, table_name"
    )
    if not failed:
        return Finding("last attempts", is_well=True, detail="every day could be written")
    first = failed[0]
    number = counted(len(failed), "day")
    detail = f"{number} of tables could not be written, e.g. {first['table_name']} {first['day']}: {first['failure']}"
    return Finding("last attempts", is_well=False, detail=detail, advice="analytics-etl backfill --missing")


def volume(warehouse: Warehouse) -> Finding:
    """Days with an unusual number of rows, or too many, among the last 30."""
    odd = warehouse.query(
        """
        select table_name, day, rows, 'events_are_not_too_many' = any(warned_checks) as is_too_many from ops.days
        where warned_checks && array['volume_is_usual', 'events_are_not_too_many']
          and day > (select max(day) - 30 from ops.days where rows is not null)
        order by day desc, table_name"""
    )
    if not odd:
        return Finding("volume", is_well=True, detail="the last 30 days have as many rows as is usual")
    first = odd[0]
    rows = counted(first["rows"], "row") if first["rows"] else "no rows"
    if first["is_too_many"]:
        detail = (
            f"{first['table_name']} {first['day']} has {rows}, more than ANALYTICS_MOST_EVENTS_A_DAY; all of them are "
            f"kept. Of the last 30 days {counted(len(odd), 'day')} of tables had too many or an unusual number"
        )
        advice = "see whether a source repeats itself; if there are so many now, raise the setting"
        return Finding("volume", is_well=False, detail=detail, advice=advice)
    detail = (
        f"of the last 30 days {counted(len(odd), 'day')} of tables empty or far from the weekday's usual volume, the "
        f"newest {first['table_name']} {first['day']} with {rows}"
    )
    advice = f"see that all files of the day are there, then analytics-etl run {first['day']}"
    return Finding("volume", is_well=False, detail=detail, advice=advice)
