"""Runs as values: a job, a range of its partitions, and the tables and reports to make. Not here: executing them.

A run makes the same tables and reports of each of its periods, which are consecutive.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from analytics_etl.catalog.calendar import CADENCES, NAMES, Cadence, neighbours, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks.declared import Check, declared_checks
from analytics_etl.pipeline.lineage import NO_FAMILIES, PAGES, Lineage, family_of
from analytics_etl.text.english import shortened

CADENCE_OF: Mapping[str, Cadence] = {name: cadence for cadence, name in NAMES.items()}


@dataclass(frozen=True)
class Parts:
    """The parts of a job to run, if these are not all parts of some families."""

    checks: tuple[tuple[str, str], ...] = ()
    """(table, check) of tables that are not run themselves."""
    reports: tuple[str, ...] = ()
    """The names of their assets, with a dot: `registry.daily_report`, `reports.index`."""
    tables: tuple[str, ...] = ()
    """Tables and views; each is run with all its checks."""

    def __str__(self) -> str:
        tables = {table for table, _ in self.checks}
        found = [shortened(self.tables)] if self.tables else []
        found += [f"checks of {shortened(sorted(tables))}"] if tables else []
        return "; ".join([*found, *([shortened(self.reports)] if self.reports else [])])


@dataclass(frozen=True)
class Job:
    """One run: a job and a range of its partitions; the job of the views has no partitions."""

    name: str
    first: date | None = None
    last: date | None = None
    families: tuple[str, ...] = ()
    """Families to run, and with them the pages that belong to no family; all families if none is named."""
    only: Parts | None = None
    """The parts to run, if these are not all parts of the families."""

    def __str__(self) -> str:
        return f"{self.when}: {self.only}" if self.only else self.label

    @property
    def when(self) -> str:
        """The job and its days."""
        days = dict.fromkeys(str(day) for day in (self.first, self.last) if day is not None)
        return f"{self.name} {' to '.join(days)}".rstrip()

    @property
    def label(self) -> str:
        """The job, its days and families, without its parts: the prefix of each line about the run."""
        return self.when + f" of {', '.join(self.families)}" * bool(self.families)

    @property
    def cadence(self) -> Cadence | None:
        """The cadence of its partitions; None for the job that has none."""
        return CADENCE_OF.get(self.name)

    def makes(self, lineage: Lineage) -> list[str]:
        """The tables, views and reports that the run makes, each after those it reads."""
        return [name for name in lineage.of_cadence(self.cadence) if self.covers(name)]

    def does(self, cadence: Cadence, start: date, name: str) -> bool:
        """Whether the run makes a table or report of the period that starts on a day."""
        if self.cadence != cadence or self.first is None or self.last is None:
            return False
        return self.first <= start <= self.last and self.covers(name)

    def covers(self, name: str) -> bool:
        """Whether the run makes a table, view or report of its job."""
        if self.only is not None:
            return name in self.only.tables or name in self.only.reports
        return not self.families or family_of(name) in {*self.families, *NO_FAMILIES}


@dataclass(frozen=True)
class JobBuilder:
    """Collects partitions to make and everything that reads them, then groups them into few jobs."""

    lineage: Lineage
    checks: Mapping[str, Sequence[Check]]
    """{table: its checks}, for every table."""
    within: Collection[str] | None = None
    """If given, only these tables, views and reports are made."""
    stuck: Collection[tuple[str, date]] = ()
    """(table, start) of partitions that would fail a check again; tables of the period that read one wait for it."""
    _periods: dict[Cadence, dict[date, set[str]]] = field(default_factory=lambda: {c: {} for c in CADENCES})
    _ends: dict[tuple[Cadence, date], date] = field(default_factory=dict)
    _pages: set[str] = field(default_factory=set)

    def add(self, names: Collection[str], cadence: Cadence, start: date, end: date) -> None:
        """Add tables or reports of the period [start, end) and everything that reads them; of a day also the readers'
        weeks and months.
        """
        for name in self._kept(self.lineage.with_readers(names)):
            own_cadence = self.lineage.cadences[name]
            if own_cadence is None:
                self._pages.add(name)
            elif own_cadence == cadence:
                self._note(cadence, start, end, name)
            elif cadence == "day":
                for first, after in periods(own_cadence, start, end - timedelta(days=1)).items():
                    self._note(own_cadence, first, after, name)

    def add_views(self, names: Iterable[str]) -> None:
        """Add views or pages, which have no partitions, and everything that reads them."""
        self._pages.update(n for n in self._kept(self.lineage.with_readers(names)) if not self.lineage.cadences[n])

    def jobs(self) -> list[Job]:
        """One run for each stretch of consecutive periods with the same tables: days, then weeks, months, views."""
        found = []
        for cadence, noted in self._periods.items():
            wanted = {start: names - self._waiting(start, names) for start, names in noted.items()}
            for first, last in self._stretches(cadence, {start: names for start, names in wanted.items() if names}):
                found.append(self._job(cadence, first, last, wanted[first]))
        pages = {*self._pages, *self._kept(PAGES)} if found or self._pages else set()
        return [*found, *([self._job(None, None, None, pages)] if pages else [])]

    def _kept(self, names: Iterable[str]) -> set[str]:
        return set(names) if self.within is None else set(names) & set(self.within)

    def _note(self, cadence: Cadence, start: date, end: date, name: str) -> None:
        self._periods[cadence].setdefault(start, set()).add(name)
        self._ends[cadence, start] = end

    def _waiting(self, start: date, names: Collection[str]) -> set[str]:
        """The tables of a period that wait for a stuck partition which is not remade; reports do not wait."""
        failed = [table for table, first in self.stuck if first == start and table not in names]
        return {name for name in self.lineage.with_readers(failed) if not self.lineage.is_report(name)}

    def _stretches(self, cadence: Cadence, wanted: Mapping[date, Collection[str]]) -> Iterator[tuple[date, date]]:
        """First and last start of each stretch of consecutive periods with the same tables."""
        for group in neighbours({start: self._ends[cadence, start] for start in wanted}):
            for _, same in groupby(sorted(group), wanted.__getitem__):
                starts = list(same)
                yield starts[0], starts[-1]

    def _job(self, cadence: Cadence | None, first: date | None, last: date | None, names: Collection[str]) -> Job:
        job = VIEWS_JOB if cadence is None else NAMES[cadence]
        families = self.lineage.whole_families(cadence, names)
        if families is not None:
            return Job(job, first, last, families)
        in_order = [name for name in self.lineage.of_cadence(cadence) if name in names]
        reports = tuple(name for name in in_order if self.lineage.is_report(name))
        tables = tuple(name for name in in_order if name not in reports)
        return Job(job, first, last, only=Parts(self._others(cadence, names), reports, tables))

    def _others(self, cadence: Cadence | None, names: Collection[str]) -> tuple[tuple[str, str], ...]:
        """(table, check) of other tables of the same cadence whose checks read one of some tables."""
        return tuple(
            (table, check.name)
            for table in self.lineage.of_cadence(cadence)
            if table not in names
            for check in self.checks.get(table, ())
            if not set(names).isdisjoint(check.others)
        )


def jobs_of(first: date, last: date, families: tuple[str, ...] = ()) -> list[Job]:
    """The runs that bring everything up to date for the days first to last: days, weeks, months, views."""
    spans = {cadence: list(periods(cadence, first, last)) for cadence in CADENCES}
    jobs = [Job(NAMES[cadence], span[0], span[-1], families) for cadence, span in spans.items()]
    return [*jobs, Job(VIEWS_JOB, families=families)]


def selected_jobs(catalog: Catalog, first: date, last: date, names: Collection[str]) -> list[Job]:
    """The runs that make only some tables, views and reports, of the periods that hold the days first to last."""
    lineage = Lineage.of(catalog)
    builder = JobBuilder(lineage, declared_checks(catalog), within=names)
    for cadence in CADENCES:
        own = [name for name in lineage.of_cadence(cadence) if name in names]
        for start, end in periods(cadence, first, last).items() if own else ():
            builder.add(own, cadence, start, end)
    builder.add_views(name for name in lineage.of_cadence(None) if name in names)
    return builder.jobs()


VIEWS_JOB = "views"
