"""The states of all tables and periods as values, and notes about them. Prints nothing.

States of days come from `ops.days`, which the pipeline keeps; those of weeks and months follow the same rules.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from analytics_etl.catalog.calendar import CADENCES, Cadence, periods
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks.declared import VOLUME_CHECK, declared_checks
from analytics_etl.checks.due import due_checks
from analytics_etl.ops.changes import CHANGE_CHECK
from analytics_etl.ops.days import day_states, frozen_days
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import failed_partitions, partitions, waiting_days
from analytics_etl.pipeline.gaps import explain as explain_gap
from analytics_etl.pipeline.gaps import find as find_gaps
from analytics_etl.pipeline.partition_states import refresh_all_days
from analytics_etl.pipeline.planning import known_days
from analytics_etl.pipeline.rejections import of_days
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened, spanned

State = Literal["expected", "provisional", "final", "frozen_late", "failed", "outdated", "archived", "dropped"]
"""The states of ops.days, and outdated: made by an earlier version of its SQL, which the books alone cannot say."""

Flag = Literal["empty", "unusual", "unchecked"]
"""A remark beside the state: no rows, an unusual number of rows, or checks that have not run."""

MOST_CHECK = "events_are_not_too_many"


@dataclass(frozen=True)
class Cell:
    """The state of one period of one table; `rows` is None if it was never written."""

    state: State
    rows: int | None
    flag: Flag | None = None
    is_due: bool = True
    """False for a period without rows before the first known day: it is not missing."""

    @property
    def label(self) -> str:
        """The state and its remark."""
        return f"{self.state}, {self.flag}" if self.flag else self.state


CellOf = Callable[[str, date, date], Cell]
"""(table, start, end) -> the cell of the period [start, end)."""


@dataclass(frozen=True)
class Matrix:
    """The cells of all tables and periods of one cadence; each list of cells is in the order of `periods`."""

    cadence: Cadence
    periods: list[date]
    cells: Mapping[str, list[Cell]]


def matrices(
    database: Database, catalog: Catalog, first: date, last: date, families: Collection[str] = ()
) -> list[Matrix]:
    """One matrix for each cadence, over the periods that contain the days first to last.

    Without `families`, of all families.
    """
    refresh_states(database, catalog)
    return [_matrix(database, catalog, cadence, periods(cadence, first, last), families) for cadence in CADENCES]


def refresh_states(database: Database, catalog: Catalog) -> None:
    """Bring the states of days up to date with the settings, which may have changed since a day was written."""
    refresh_all_days(database, catalog.kept_by_day)


def notes(database: Database, start: date, end: date, families: Collection[str] = ()) -> list[str]:
    """Sentences about what is wrong with days, each with what to type.

    In this order: days outside of [start, end) that wait, gaps and early rows; days of [start, end), newest first;
    rejected rows of [start, end).
    """
    found = []
    frozen = {day for table, day in database.run(frozen_days) if is_of(table, families)}
    if hidden := sorted(day for day in frozen if not start <= day < end):
        days = f"{shortened(hidden)}, not shown here, {'is' if len(hidden) == 1 else 'are'}"
        found.append(f"{days} final and late or replaced files wait: analytics-etl doctor says what to type")
    found += [": ".join(explain_gap(gap)).replace("\n", "; ") for gap in find_gaps(database) if not gap.is_accepted]
    if early := rows_before_the_first_day(database, families):
        found.append(": ".join(early))
    states = [row for row in database.run(day_states, start, end) if is_of(row["table_name"], families)]
    for row in sorted(states, key=lambda row: row["day"], reverse=True):
        which, day = f"{row['table_name']} {row['day']}", row["day"]
        if row["failure"] is not None:
            found.append(f"{which} could not be written: {row['failure']}; try again: analytics-etl run {day}")
        elif CHANGE_CHECK in row["failed_checks"]:
            publish = f'analytics-etl run {day} --accept-change --reason "why"'
            found.append(
                f"{which} keeps its old rows, since a change of final data was refused; to publish it: {publish}"
            )
        elif row["failed_checks"]:
            found.append(f"{which} failed {', '.join(row['failed_checks'])}; what mends it says: analytics-etl doctor")
        if waiting := _waiting(row):
            found.append(f"{which} {waiting}")
        if VOLUME_CHECK in row["warned_checks"]:
            what = f"has {counted(row['rows'], 'row')}, far from what is usual" if row["rows"] else "has no rows"
            found.append(f"{which} {what}: are all its files there?")
        if MOST_CHECK in row["warned_checks"]:
            found.append(
                f"{which} has {counted(row['rows'], 'row')}, more than ANALYTICS_MOST_EVENTS_A_DAY; all are kept"
            )
    mend = "to load them, mend the file under its name, then: analytics-etl backfill --missing"
    found += [f"{rows}; {mend}" for rows in of_days(database, start, end, families)]
    return found


def rows_before_the_first_day(database: Database, families: Collection[str] = ()) -> tuple[str, str] | None:
    """(detail, advice) about rows before the first day of the settings, which are in no table; None without any."""
    start = database.settings.start_date
    early = [
        row
        for row in database.run(waiting_days)
        if row["day"] < start and row["rows_waiting"] and is_of(row["table_name"], families)
    ]
    if not early:
        return None
    count = sum(row["rows_waiting"] for row in early)
    first, last = min(row["day"] for row in early), max(row["day"] for row in early)
    tables = shortened(sorted({row["table_name"] for row in early}))
    rows = f"{counted(count, 'row')} of {tables} of {spanned(first, last)} {'is' if count == 1 else 'are'} in no table"
    days = counted((start - first).days, "day")
    advice = (
        f"if the times are wrong, mend the files; if not, set ANALYTICS_START_DATE={first} for good, which makes "
        f"{days} more of every table: analytics-etl backfill --missing"
    )
    return f"{rows}, since days begin on {start}", advice


def _waiting(row: Mapping[str, Any]) -> str | None:
    """What waits for a day, and what to type; None when nothing waits."""
    day, rows, files, is_final = row["day"], row["rows_waiting"], row["files_waiting"], row["is_final"]
    reopen = f'analytics-etl reopen {day} --reason "why"'
    if rows and is_final:
        return f"is final and has {counted(rows, 'late row')} waiting; to load them: {reopen}"
    if rows:
        return f"has {counted(rows, 'row')} waiting; to load them now: analytics-etl run {day}"
    if not files:
        return None
    what = f"{counted(files, 'file')} replaced since, or late without a valid row"
    if is_final:
        return f"is final and keeps what it was made of; {what}; to make it anew: {reopen}"
    return f"is older than its files: {what}; to make it anew now: analytics-etl run {day}"


def _matrix(
    database: Database, catalog: Catalog, cadence: Cadence, starts: Mapping[date, date], families: Collection[str]
) -> Matrix:
    tables = [
        table
        for table in [*catalog.in_order(), *catalog.broken]
        if not catalog.is_view(table) and cadence_of(table) == cadence and is_of(table, families)
    ]
    start, end = min(starts), max(starts.values())
    versions = {(r["table_name"], r["period_start"]): r["code_version"] for r in database.run(partitions, start, end)}
    cell = _days(database, start, end) if cadence == "day" else _periods(database, catalog, start, end)

    current = {table: catalog.code_version(table) for table in tables if table not in catalog.broken}
    checks = {table: of for table, of in declared_checks(catalog).items() if table in current}
    unchecked = {(due.table, due.start) for due in due_checks(database, checks, start, end) if due.why != "version"}

    known = known_days(database, end)

    def shown(table: str, first: date, after: date) -> Cell:
        found = cell(table, first, after)
        if found.state == "expected" and (known is None or after <= known[0]):
            return replace(found, is_due=False)
        if (table, first) in unchecked and found.flag is None and found.state in ("provisional", "final"):
            found = Cell(found.state, found.rows, "unchecked")
        is_outdated = table in current and versions.get((table, first), current[table]) != current[table]
        if is_outdated and found.state in ("provisional", "final"):
            return Cell("outdated", found.rows, found.flag)
        return found

    return Matrix(
        cadence, list(starts), {table: [shown(table, *period) for period in starts.items()] for table in tables}
    )


def _days(database: Database, start: date, end: date) -> CellOf:
    known = {(row["table_name"], row["day"]): row for row in database.run(day_states, start, end)}

    def cell(table: str, first: date, after: date) -> Cell:
        del after
        row = known.get((table, first))
        if row is None:
            return Cell("expected", None)
        if VOLUME_CHECK not in row["warned_checks"]:
            return Cell(row["state"], row["rows"])
        return Cell(row["state"], row["rows"], "unusual" if row["rows"] else "empty")

    return cell


def _periods(database: Database, catalog: Catalog, start: date, end: date) -> CellOf:
    records = {(r["table_name"], r["period_start"]): r["rows"] for r in database.run(partitions, start, end)}
    failed = database.run(failed_partitions, start, end)
    newest = {
        family: database.run(newest_day, [t for t in catalog.kept_by_day if t.startswith(f"{family}.")])
        for family in catalog.families
    }

    def cell(table: str, first: date, after: date) -> Cell:
        if (table, first) not in records:
            return Cell("expected", None)
        rows = records[table, first]
        if (table, first) in failed:
            return Cell("failed", rows)
        final_from = after + timedelta(days=database.settings.lateness_of(table, is_derived=True) - 1)
        latest = newest[table.split(".", maxsplit=1)[0]]
        return Cell("final" if latest is not None and latest >= final_from else "provisional", rows)

    return cell
