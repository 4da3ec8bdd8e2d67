"""What a backfill has to do: partitions that are missing, failed or outdated, views, checks and reports that are due,
and the few runs that mend them.

Nothing is run here. Days that wait for a person are left alone: final ones with late or replaced files, which a run
would load; those that were dropped and have only the files they had; those of which a change was refused, which would
be refused again; and those that failed a check and would fail it again, as long as files, code and the check are the
same.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from analytics_etl.catalog.calendar import CADENCES, NAMES, Cadence, neighbours, periods
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.models import Model, cadence_of
from analytics_etl.checks import declared_checks
from analytics_etl.checks.due import REASONS, DueChecks, due_checks
from analytics_etl.ops.check_results import refused_changes
from analytics_etl.ops.days import day_states, frozen_days
from analytics_etl.ops.operations import failed_partitions, partitions, waiting_days
from analytics_etl.ops.partitions import known_days as known_days_of_books
from analytics_etl.pipeline.dropped_days import DroppedDay, by_family, dropped_days
from analytics_etl.pipeline.due_reports import INDEX, DueReport, due_reports
from analytics_etl.pipeline.due_reports import is_index_due as is_index_older
from analytics_etl.pipeline.due_views import EARLIER, unmade_views
from analytics_etl.pipeline.failed_checks import FailedCheck, failed_checks, stuck
from analytics_etl.pipeline.gaps import find as find_gaps
from analytics_etl.pipeline.gaps import not_due
from analytics_etl.pipeline.jobs import VIEWS_JOB, Job, Parts, Wanted
from analytics_etl.pipeline.lineage import Lineage, family_of
from analytics_etl.pipeline.publishing import refresh_all_days
from analytics_etl.postgres.database import Database
from analytics_etl.tables.dropping import OF_DROPPED_DAYS
from analytics_etl.text.english import shortened

FAILED, UNWRITTEN = "failed a check", "could not be written last time"
LATE, REPLACED = "rows of a late or replaced file are waiting", "a file was replaced, or came late without a valid row"
MOST_TABLES = 3
"""Named of those of a family that have the same days and reason."""
REPLACED_SINCE = "a file was replaced"
_DROPPED = "made of days that were dropped since"


@dataclass(frozen=True)
class Gap:
    """A partition to run, and why."""

    table: str
    start: date
    end: date
    why: str


@dataclass(frozen=True)
class Plan:
    """The gaps of a range of days, the views to make and why, the runs that do it, and the days that are left alone:
    final ones with late rows, and those of which a change was refused.
    """

    gaps: list[Gap]
    views: Mapping[str, str]
    jobs: list[Job]
    frozen: list[date]
    refused: list[date]
    checks: Sequence[Gap] = ()
    """Partitions of which checks have to run, and nothing else."""
    reports: Sequence[Gap] = ()
    """Reports that have to be written, and nothing else of their period; named as their assets, with a dot."""
    is_index_due: bool = False
    stuck: Sequence[FailedCheck] = ()
    """Checks of these periods that failed and would fail again; what reads their days waits for them."""
    left_alone: Sequence[Gap] = ()
    """The gaps of the frozen and the refused days, which only a run that names them makes."""
    dropped: Sequence[DroppedDay] = ()
    """Days that were dropped and whose files are still there."""

    def reasons(self) -> list[str]:
        """One line for each reason and the tables of a family that it holds for on the same days: how many partitions,
        and which.
        """
        return [*_reasons(self.gaps), *self._due_views(), *self.due_checks(), *self.due_reports(), *self.index()]

    def _due_views(self) -> list[str]:
        alike: dict[str, list[str]] = {}
        for view, why in self.views.items():
            alike.setdefault(why, []).append(view)
        return [f"{shortened(views, MOST_TABLES)}: {why}" for why, views in alike.items()]

    def due_checks(self) -> list[str]:
        """The lines about checks."""
        return _reasons(self.checks)

    def due_reports(self) -> list[str]:
        """The lines about reports."""
        return _reasons(self.reports, "reports")

    def index(self) -> list[str]:
        """The line about the page that lists the reports, if it is due."""
        return [f"{INDEX}: not there, or older than a report"] if self.is_index_due else []


def as_asked(
    plan: Plan, replaced: Mapping[str, Collection[date]], catalog: Catalog, days: tuple[date, date],
    families: tuple[str, ...] = (), within: Collection[str] | None = None,
) -> Plan:  # fmt: skip
    """A plan with the reasons of a run that names its days, which leaves none alone, reads files that were `replaced`
    since they were read, {table: days they held rows of}, and makes anew what is made of all that.
    """
    gaps = [*plan.gaps, *plan.left_alone]
    told = {(gap.table, gap.start) for gap in gaps}
    since = [
        Gap(table, day, day + timedelta(days=1), REPLACED_SINCE)
        for table, days_of in replaced.items()
        for day in sorted(days_of)
        if (table, day) not in told
    ]
    due: dict[str, set[date]] = {}
    for gap in [*gaps, *since, *plan.reports]:
        due.setdefault(gap.table, set()).add(gap.start)
    lineage, follow = Lineage.of(catalog), []
    for name, cadence in lineage.cadences.items():
        if cadence is None or not is_of(name, families) or (within is not None and name not in within):
            continue
        for start, end in periods(cadence, *days).items():
            model = catalog.aggregates.get(name)
            first, until = (start, end) if model is None else model.reads(start, end)
            anew = (read for read in lineage.reads[name] if any(first <= of < until for of in due.get(read, ())))
            if start not in due.get(name, ()) and (read := next(anew, None)):
                follow.append(Gap(name, start, end, f"its input {read} is written anew"))
                due.setdefault(name, set()).add(start)
    return replace(plan, gaps=[*gaps, *since, *follow])


def _reasons(gaps: Iterable[Gap], noun: str = "partitions") -> list[str]:
    found: dict[tuple[str, str], list[date]] = {}
    for gap in gaps:
        found.setdefault((gap.table, gap.why), []).append(gap.start)
    alike: dict[tuple[str, tuple[date, ...], str], list[str]] = {}
    for (table, why), starts in found.items():
        alike.setdefault((family_of(table), tuple(starts), why), []).append(table)
    return [
        f"{shortened(tables, MOST_TABLES)}: {_partitions(starts, noun, is_each=len(tables) > 1)}{why}"
        for (_, starts, why), tables in alike.items()
    ]


def _partitions(starts: Sequence[date], noun: str, *, is_each: bool) -> str:
    if len(starts) == 1:
        return f"{starts[0]} " if not is_each else f"{starts[0]}: "
    return f"{len(starts):,} {noun}{' each' if is_each else ''} between {starts[0]} and {starts[-1]}: "


def known_days(database: Database, last: date) -> tuple[date, date] | None:
    """The first and the last day that a partition or a landing file is known of, up to `last`; None if there is none.

    A file may hold rows of days before the first partition, or of one that is not over: these cannot be run.
    """
    found = list(database.read(known_days_of_books, database.settings.start_date, last))
    return (found[0], found[-1]) if found else None


def make_plan(
    database: Database, catalog: Catalog, first: date, last: date, families: tuple[str, ...] = (),
    within: Collection[str] | None = None,
) -> Plan:  # fmt: skip
    """Find what is missing, failed or outdated in the periods that hold the days first to last; of all families, unless
    some are named, and `within` some tables, views and reports. Its runs make that and what is made of it.
    """
    # The first week may begin in the month before, and the SELECTs read days around their own.
    start, end = first - timedelta(days=31), last + timedelta(days=31)
    reads = [model.reads(start, end) for model in catalog.aggregates.values()]
    start, end = min([start, *(r[0] for r in reads)]), max([end, *(r[1] for r in reads)])
    records: dict[str, dict[date, Mapping[str, Any]]] = {}
    for record in database.run(partitions, start, end):
        records.setdefault(record["table_name"], {})[record["period_start"]] = record
    refresh_all_days(database, catalog.kept_by_day)  # the settings may have changed since a day was written
    failed = failed_checks(database, catalog)
    search = _Search(
        catalog,
        records,
        database.run(failed_partitions, start, end),
        {(r["table_name"], r["day"]): r["rows_waiting"] for r in database.run(waiting_days)},
        {(r["table_name"], r["day"]) for r in database.run(day_states, start, end) if r["failure"] is not None},
        stuck(failed),
    )
    unknown, dropped = not_due(find_gaps(database)), dropped_days(database)
    idle_of = {family: unknown | days for family, days in by_family(dropped).items()}
    gaps = [
        Gap(table, period, until, why)
        for cadence in CADENCES
        for table in catalog.in_order()
        if table not in catalog.views and cadence_of(table) == cadence and is_of(table, families)
        if within is None or table in within
        for period, until in periods(cadence, first, last).items()
        if not (idle := idle_of.get(table.split(".", maxsplit=1)[0], unknown))
        or not idle.issuperset(periods("day", max(period, first), min(until - timedelta(days=1), last)))
        if (why := search.why(table, period, until)) is not None
    ]
    frozen = {day for table, day in database.run(frozen_days) if is_of(table, families)}
    refused = refused_days(database, first, last, families)
    waits = {*frozen, *refused}
    left_alone = [gap for gap in gaps if cadence_of(gap.table) == "day" and gap.start in waits]
    left = [gap for gap in gaps if not (cadence_of(gap.table) == "day" and gap.start in waits)]
    views = {
        view: why for view, why in unmade_views(database, catalog, families).items() if within is None or view in within
    }
    wanted = Wanted(Lineage.of(catalog), declared_checks(catalog), within, set(search.stuck))
    for gap in left:
        wanted.add([gap.table], cadence_of(gap.table), gap.start, gap.end)
    wanted.add_views(views)
    whole = wanted.jobs()
    due = _due(database, catalog, (first, last), families, whole, within)
    is_index_due = not left and (within is None or INDEX in within) and is_index_older(database.settings.reports_dir)
    jobs = [job for cadence in CADENCES for job in [*whole, *due.jobs()] if job.cadence == cadence]
    pages = [job for job in whole if job.cadence is None]
    if not pages and (is_index_due or (due.reports and within is None)):
        pages = [Job(VIEWS_JOB, only=Parts(reports=(INDEX,)))]
    return Plan(
        left, views, [*jobs, *pages], sorted(day for day in frozen if first <= day <= last), refused,
        [Gap(found.table, found.start, found.end, REASONS[found.why]) for found in due.checks],
        [Gap(found.name, found.start, found.end, found.why) for found in due.reports], is_index_due,
        [c for of in search.stuck.values() for c in of if first <= c.start <= last and is_of(c.table, families)],
        left_alone,
        [each for each in dropped if first <= each.day <= last and (not families or each.family in families)],
    )  # fmt: skip


def due_after(database: Database, catalog: Catalog, remade: Mapping[str, Collection[date]]) -> list[Job]:
    """The runs that check partitions made anew, {table: first days}, and write the reports that tell of the checks."""
    days = [day for starts in remade.values() for day in starts]
    if not days:
        return []
    due = _due(database, catalog, (min(days), max(days)), (), (), None)
    checks = [found for found in due.checks if found.start in remade.get(found.table, ())]
    told = {(found.table.split(".", maxsplit=1)[0], found.start) for found in checks}
    reports = [
        report
        for report in due.reports
        if any(family == report.family and report.start <= start < report.end for family, start in told)
    ]
    return _Due(checks, reports).jobs()


@dataclass(frozen=True)
class _Due:
    """Checks and reports to run beside the tables they are about."""

    checks: list[DueChecks]
    reports: list[DueReport]

    def jobs(self) -> list[Job]:
        """One run for each stretch of neighbouring periods; that of checks writes the reports, if it is the same."""
        return [job for cadence in CADENCES for job in self._of(cadence)]

    def _of(self, cadence: Cadence) -> Iterator[Job]:
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
    """What is due beside the runs of whole periods, which check and report themselves. A report is due with the checks
    it tells of.
    """
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
    judged = {(found.table.split(".", maxsplit=1)[0], found.start, found.end) for found in checks}
    reports = due_reports(database, catalog, *days, families, judged)
    left = [
        report
        for report in reports
        if (within is None or report.name in within)
        and not any(job.does(report.cadence, report.start, report.name) for job in whole)
    ]
    return _Due(checks, left)


def refused_days(database: Database, first: date, last: date, families: Collection[str] = ()) -> list[date]:
    """The days of which a change was refused and nothing was published since."""
    found = database.read(refused_changes, first, last)
    return sorted({day for table, day in found if is_of(table, families)})


@dataclass(frozen=True)
class _Search:
    catalog: Catalog
    records: Mapping[str, Mapping[date, Mapping[str, Any]]]
    failed: set[tuple[str, date]]
    waiting: Mapping[tuple[str, date], int]
    """The valid rows of each day that has files waiting."""
    unwritten: set[tuple[str, date]]
    """Days whose last attempt to be written failed."""
    stuck: Mapping[tuple[str, date], Sequence[FailedCheck]] = field(default_factory=dict)
    """Partitions that would fail a check again."""

    @cached_property
    def stuck_starts(self) -> set[date]:
        return {start for _, start in self.stuck}

    @cached_property
    def written(self) -> dict[str, tuple[list[date], list[datetime]]]:
        """The partitions of each table in order, and when each was written: years of days are looked through."""
        return {
            table: (sorted(of), [of[start]["updated_at"] for start in sorted(of)]) for table, of in self.records.items()
        }

    def why(self, table: str, start: date, end: date) -> str | None:
        """Why a partition must be run; None when it need not."""
        record = self.records.get(table, {}).get(start)
        if start in self.stuck_starts and self._waits(table, start, end):
            return None
        if record is None:
            return "missing"
        if found := self._failure(table, start) or self._outdated(table, start, record):
            return found
        model = self.catalog.aggregates.get(table)
        newer = None if model is None else self._newer_input(model, start, end, record["updated_at"])
        return f"older than its input {newer}" if newer else None

    def _failure(self, table: str, start: date) -> str | None:
        """What failed, if a run may mend it."""
        if (table, start) in self.unwritten:
            return UNWRITTEN
        return FAILED if (table, start) in self.failed and (table, start) not in self.stuck else None

    def _outdated(self, table: str, start: date, record: Mapping[str, Any]) -> str | None:
        """Whether a partition is of another version of its code, or files wait for it."""
        if record["code_version"] != self.catalog.code_version(table):
            return _DROPPED if record["code_version"] == OF_DROPPED_DAYS else EARLIER
        if (table, start) in self.waiting:
            return LATE if self.waiting[table, start] else REPLACED
        return None

    def _waits(self, table: str, start: date, end: date) -> bool:
        """Whether a table reads the same period of one that is stuck: a run would not come to it."""
        model = self.catalog.aggregates.get(table)
        return model is not None and any(
            ((name, start) in self.stuck and self.why(name, start, end) is None) or self._waits(name, start, end)
            for name in model.dependencies
            if cadence_of(name) == model.cadence
        )

    def _newer_input(self, model: Model, start: date, end: date, than: datetime) -> str | None:
        """A table the SELECT reads of which a day that it reads was written later; its days are in order."""
        since, until = model.reads(start, end)
        for dependency in model.dependencies:
            days, written = self.written.get(dependency, ([], []))
            if any(at > than for at in written[bisect_left(days, since) : bisect_left(days, until)]):
                return dependency
        return None
