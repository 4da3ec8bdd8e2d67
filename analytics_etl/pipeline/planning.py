"""Making a backfill plan: the partitions, views, checks and reports that are due, and the few runs that make them.

Nothing runs here. The plan leaves days alone that wait for a person:
- final days with late or replaced files, which a run would load;
- dropped days that have no other files than before the drop;
- days whose change was refused, since it would be refused again;
- days that failed a check and would fail it again, since files, code and check are the same.

The plan as a value is in `plan`; why a partition is due, in `due_partitions`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from analytics_etl.catalog.calendar import CADENCES, NAMES, Cadence, neighbours, periods
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks import declared_checks
from analytics_etl.checks.due import REASONS, DueChecks, due_checks
from analytics_etl.ops.check_results import refused_changes
from analytics_etl.ops.days import day_states, frozen_days
from analytics_etl.ops.partitions import known_days as recorded_days
from analytics_etl.ops.records import failed_partitions, partitions, waiting_days
from analytics_etl.pipeline.dropped_days import by_family, dropped_days
from analytics_etl.pipeline.due_partitions import DuePartitions
from analytics_etl.pipeline.due_reports import INDEX, DueReport, due_reports
from analytics_etl.pipeline.due_reports import is_index_due as is_index_older
from analytics_etl.pipeline.due_views import due_views
from analytics_etl.pipeline.failed_checks import failed_checks, stuck
from analytics_etl.pipeline.gaps import find as find_gaps
from analytics_etl.pipeline.gaps import not_due
from analytics_etl.pipeline.jobs import VIEWS_JOB, Job, JobBuilder, Parts
from analytics_etl.pipeline.lineage import Lineage, family_of
from analytics_etl.pipeline.partition_states import refresh_all_days
from analytics_etl.pipeline.plan import DueItem, Plan
from analytics_etl.postgres.database import Database

_REPLACED = "a file was replaced"


def plan_of_named_days(
    plan: Plan, replaced: Mapping[str, Collection[date]], catalog: Catalog, days: tuple[date, date],
    families: tuple[str, ...] = (), within: Collection[str] | None = None,
) -> Plan:  # fmt: skip
    """Return the plan of a run that names its days: it also does what a plan leaves alone.

    `replaced` is {table: days that files held which were replaced since they were read}: these days are due, too. So is
    every partition that reads one that is due.
    """
    due_items = [*plan.partitions, *plan.left_alone]
    planned = {(item.table, item.start) for item in due_items}
    of_replaced_files = [
        DueItem(table, day, day + timedelta(days=1), _REPLACED)
        for table, days_of in replaced.items()
        for day in sorted(days_of)
        if (table, day) not in planned
    ]
    due: dict[str, set[date]] = {}
    for item in [*due_items, *of_replaced_files, *plan.reports]:
        due.setdefault(item.table, set()).add(item.start)
    lineage, readers = Lineage.of(catalog), []
    for name, cadence in lineage.cadences.items():
        if cadence is None or not is_of(name, families) or (within is not None and name not in within):
            continue
        for start, end in periods(cadence, *days).items():
            model = catalog.aggregates.get(name)
            first, until = (start, end) if model is None else model.reads(start, end)
            due_inputs = (read for read in lineage.reads[name] if any(first <= of < until for of in due.get(read, ())))
            if start not in due.get(name, ()) and (read := next(due_inputs, None)):
                readers.append(DueItem(name, start, end, f"its input {read} is written anew"))
                due.setdefault(name, set()).add(start)
    return replace(plan, partitions=[*due_items, *of_replaced_files, *readers])


def known_days(database: Database, last: date) -> tuple[date, date] | None:
    """The first and the last day, up to `last`, that have a partition or rows in a landing file; None without any.

    A file may hold rows of days before ANALYTICS_START_DATE or after `last`: these do not count, they cannot be run.
    """
    found = list(database.read(recorded_days, database.settings.start_date, last))
    return (found[0], found[-1]) if found else None


def make_plan(
    database: Database, catalog: Catalog, first: date, last: date, families: tuple[str, ...] = (),
    within: Collection[str] | None = None,
) -> Plan:  # fmt: skip
    """Plan what is due in the periods that hold the days first to last, and the runs that make it and its readers.

    The plan covers all families unless some are named, and all tables, views and reports unless `within` names some.
    """
    # The first week may begin in the month before, and a SELECT reads days around its window.
    start, end = first - timedelta(days=31), last + timedelta(days=31)
    reads = [model.reads(start, end) for model in catalog.aggregates.values()]
    start, end = min([start, *(r[0] for r in reads)]), max([end, *(r[1] for r in reads)])
    records: dict[str, dict[date, Mapping[str, Any]]] = {}
    for record in database.run(partitions, start, end):
        records.setdefault(record["table_name"], {})[record["period_start"]] = record
    # The lateness windows may have changed since a day was written.
    refresh_all_days(database, catalog.kept_by_day)
    failed = failed_checks(database, catalog)
    due_partitions = DuePartitions(
        catalog,
        records,
        database.run(failed_partitions, start, end),
        {(r["table_name"], r["day"]): r["rows_waiting"] for r in database.run(waiting_days)},
        {(r["table_name"], r["day"]) for r in database.run(day_states, start, end) if r["failure"] is not None},
        stuck(failed),
    )
    unknown, dropped = not_due(find_gaps(database)), dropped_days(database)
    idle_days = {family: unknown | days for family, days in by_family(dropped).items()}
    due_items = [
        DueItem(table, period, until, why)
        for cadence in CADENCES
        for table in catalog.in_order()
        if table not in catalog.views and cadence_of(table) == cadence and is_of(table, families)
        if within is None or table in within
        for period, until in periods(cadence, first, last).items()
        if not (idle := idle_days.get(family_of(table), unknown))
        or not idle.issuperset(periods("day", max(period, first), min(until - timedelta(days=1), last)))
        if (why := due_partitions.why(table, period, until)) is not None
    ]
    frozen = {day for table, day in database.run(frozen_days) if is_of(table, families)}
    refused = refused_days(database, first, last, families)
    waiting = {*frozen, *refused}
    left_alone = [item for item in due_items if cadence_of(item.table) == "day" and item.start in waiting]
    to_run = [item for item in due_items if not (cadence_of(item.table) == "day" and item.start in waiting)]
    views = {
        view: why for view, why in due_views(database, catalog, families).items() if within is None or view in within
    }
    builder = JobBuilder(Lineage.of(catalog), declared_checks(catalog), within, set(due_partitions.stuck))
    for item in to_run:
        builder.add([item.table], cadence_of(item.table), item.start, item.end)
    builder.add_views(views)
    whole = builder.jobs()
    due = _due(database, catalog, (first, last), families, whole, within)
    is_index_due = not to_run and (within is None or INDEX in within) and is_index_older(database.settings.reports_dir)
    jobs = [job for cadence in CADENCES for job in [*whole, *due.jobs()] if job.cadence == cadence]
    pages = [job for job in whole if job.cadence is None]
    if not pages and (is_index_due or (due.reports and within is None)):
        pages = [Job(VIEWS_JOB, only=Parts(reports=(INDEX,)))]
    return Plan(
        to_run, views, [*jobs, *pages], sorted(day for day in frozen if first <= day <= last), refused,
        [DueItem(found.table, found.start, found.end, REASONS[found.why]) for found in due.checks],
        [DueItem(found.name, found.start, found.end, found.why) for found in due.reports], is_index_due,
        [
            check for checks in due_partitions.stuck.values() for check in checks
            if first <= check.start <= last and is_of(check.table, families)
        ],
        left_alone,
        [each for each in dropped if first <= each.day <= last and (not families or each.family in families)],
    )  # fmt: skip


def due_after(database: Database, catalog: Catalog, remade: Mapping[str, Collection[date]]) -> list[Job]:
    """The runs that check remade partitions ({table: first days}) and write the reports that show these checks."""
    days = [day for starts in remade.values() for day in starts]
    if not days:
        return []
    due = _due(database, catalog, (min(days), max(days)), (), (), None)
    checks = [found for found in due.checks if found.start in remade.get(found.table, ())]
    checked = {(family_of(found.table), found.start) for found in checks}
    reports = [
        report
        for report in due.reports
        if any(family == report.family and report.start <= start < report.end for family, start in checked)
    ]
    return _Due(checks, reports).jobs()


@dataclass(frozen=True)
class _Due:
    """Checks and reports that are due although their tables are not."""

    checks: list[DueChecks]
    reports: list[DueReport]

    def jobs(self) -> list[Job]:
        """One run for each stretch of consecutive periods; checks and reports of the same stretch share a run."""
        return [job for cadence in CADENCES for job in self._jobs_of(cadence)]

    def _jobs_of(self, cadence: Cadence) -> Iterator[Job]:
        checks = [found for found in self.checks if cadence_of(found.table) == cadence]
        reports = [found for found in self.reports if found.cadence == cadence]
        of_checks = [(min(group), max(group)) for group in neighbours({c.start: c.end for c in checks})]
        of_reports = [(min(group), max(group)) for group in neighbours({r.start: r.end for r in reports})]
        for first, last in [*of_checks, *(stretch for stretch in of_reports if stretch not in of_checks)]:
            names = {(c.table, name) for c in checks if first <= c.start <= last for name in c.names}
            pages = {report.name for report in reports if first <= report.start <= last}
            parts = Parts(
                tuple(sorted(names)) if (first, last) in of_checks else (),
                tuple(sorted(pages)) if (first, last) in of_reports else (),
            )
            yield Job(NAMES[cadence], first, last, only=parts)


def _due(
    database: Database, catalog: Catalog, days: tuple[date, date], families: tuple[str, ...], whole: Sequence[Job],
    within: Collection[str] | None,
) -> _Due:  # fmt: skip
    """The checks and reports that are due and that no run of `whole` does. A report is due with the checks it shows."""
    wanted = {
        table: checks
        for table, checks in declared_checks(catalog).items()
        if is_of(table, families) and (within is None or table in within)
    }
    spans = {cadence: periods(cadence, *days) for cadence in CADENCES}
    start, end = min(min(span) for span in spans.values()), max(max(span.values()) for span in spans.values())
    checks = [
        found
        for found in due_checks(database, wanted, start, end)
        if found.start in spans[cadence_of(found.table)]
        and not any(job.does(cadence_of(found.table), found.start, found.table) for job in whole)
    ]
    to_check = {(family_of(found.table), found.start, found.end) for found in checks}
    reports = due_reports(database, catalog, *days, families, to_check)
    left = [
        report
        for report in reports
        if (within is None or report.name in within)
        and not any(job.does(report.cadence, report.start, report.name) for job in whole)
    ]
    return _Due(checks, left)


def refused_days(database: Database, first: date, last: date, families: Collection[str] = ()) -> list[date]:
    """The days whose last change was refused: nothing was published since."""
    found = database.read(refused_changes, first, last)
    return sorted({day for table, day in found if is_of(table, families)})
