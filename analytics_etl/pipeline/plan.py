"""A backfill plan as a value, and its lines for people. How a plan is made is in `planning`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics_etl.pipeline.dropped_days import DroppedDay
from analytics_etl.pipeline.due_reports import INDEX
from analytics_etl.pipeline.failed_checks import FailedCheck
from analytics_etl.pipeline.jobs import Job
from analytics_etl.pipeline.lineage import family_of
from analytics_etl.text.english import shortened

MOST_TABLES = 3
"""Tables that one line names."""


@dataclass(frozen=True)
class DueItem:
    """A partition of a table, or a report of a period, that is due, and why."""

    table: str
    start: date
    end: date
    why: str


@dataclass(frozen=True)
class Plan:
    """What is due in a range of days and why, the runs that make it, and the days that the plan leaves alone."""

    partitions: list[DueItem]
    """Partitions to run."""
    views: Mapping[str, str]
    """{view to refresh: why}."""
    jobs: list[Job]
    frozen: list[date]
    """Days left alone: final ones with late or replaced files."""
    refused: list[date]
    """Days left alone: those whose change was refused."""
    checks: Sequence[DueItem] = ()
    """Partitions whose checks are due; the partitions themselves are not."""
    reports: Sequence[DueItem] = ()
    """Reports that are due although their tables are not; `table` is the asset's name with a dot."""
    is_index_due: bool = False
    stuck: Sequence[FailedCheck] = ()
    """Checks of these periods that failed and would fail again; tables that read these days wait for them."""
    left_alone: Sequence[DueItem] = ()
    """Partitions of the frozen and the refused days: they are run only when a command names these days."""
    dropped: Sequence[DroppedDay] = ()
    """Days that were dropped and whose files are still there."""

    def reasons(self) -> list[str]:
        """One line for all tables of a family that have the same days and reason: tables, partitions, reason."""
        return [*_reasons(self.partitions), *self._due_views(), *self.due_checks(), *self.due_reports(), *self.index()]

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
        """The line about the index page of the reports, if it is due."""
        return [f"{INDEX}: not there, or older than a report"] if self.is_index_due else []


def _reasons(items: Iterable[DueItem], noun: str = "partitions") -> list[str]:
    found: dict[tuple[str, str], list[date]] = {}
    for item in items:
        found.setdefault((item.table, item.why), []).append(item.start)
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
