"""Retention: removing old data from the tables, in steps that can be interrupted and resumed.

First days that an earlier version loaded or archived are taken over into the lake. Then personal data is removed, and
each old day leaves its table once its rows were compared with those in the lake. Each run reads from tables and books
what is due; nothing else is kept between two runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import ALL_DAYS, Model
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.lake import LakeError
from analytics_etl.ops import days, dropped
from analytics_etl.ops.dropped import Reader
from analytics_etl.pipeline import gaps, lake_upkeep
from analytics_etl.pipeline.progress import Progress
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver
from analytics_etl.text.english import counted

TAKE_OVER = "take over into the lake"


@dataclass(frozen=True)
class Step:
    """One action on one day of one table."""

    table: Contract | Model
    day: date
    what: str
    """`take over into the lake`, `archive`, `drop raw events`, or `personal data in` `partition` or `lake`."""

    def __str__(self) -> str:
        return f"{self.what}: {self.table.table} {self.day}"


@dataclass
class Outcome:
    """The counts of what a run of retention did."""

    taken_over: int = 0
    """Days of an earlier version that got a file in the lake."""
    days: int = 0
    """Days that left their tables."""
    rows: int = 0
    bytes: int = 0
    dropped_days: int = 0
    """Days whose raw rows were not kept."""
    personal_values: int = 0
    rejected_rows: int = 0
    """Rejected rows whose content was removed."""
    lake_files: int = 0
    """Files removed from the lake: superseded ones, and ones that were never booked."""
    lake_bytes: int = 0


def plan_taking_over(database: Database, catalog: Catalog) -> Iterator[Step]:
    """The days that an earlier version loaded, archived or computed, and that the lake alone does not have yet."""
    for contract in catalog.contracts.values():
        for day in Archiver(database.settings).days_to_take_over(contract):
            yield Step(contract, day, TAKE_OVER)
    for model in catalog.aggregates.values():
        for day in lake_upkeep.days_to_take_over(database, model):
            yield Step(model, day, TAKE_OVER)


def plan(database: Database, catalog: Catalog) -> Iterator[Step]:
    """The due steps for days in the lake, in order.

    Days after a gap that nobody accepted do not make others old: they may be wrong.
    """
    settings = database.settings
    check_names(settings, catalog)
    newest = gaps.last_day_before(gaps.find(database))
    for contract in catalog.contracts.values():
        yield from _personal_steps(database, contract, newest)
        if catalog.may_be_read_by(contract.table) is not None:
            continue  # once it is corrected, a broken SELECT may need these rows
        if settings.keep_raw_events.of(contract.table):
            for day in Archiver(database.settings).due(contract):
                if _is_due(day, settings.hot_days.of(contract.table), newest):
                    yield Step(contract, day, "archive")
        keep = _days_to_keep(settings, contract)
        if keep is not None:
            for day in _days_to_drop(database, contract, keep, *_readers(contract, catalog)):
                if keep == 0 or _is_due(day, keep, newest):
                    yield Step(contract, day, "drop raw events")


def _personal_steps(database: Database, contract: Contract, newest: date | None) -> Iterator[Step]:
    """The places and days of a table that personal data is to be removed from."""
    due = {
        "partition": Archiver(database.settings).personal_due(contract),
        "lake": lake_upkeep.days_with_personal_data(database, contract),
    }
    for place, found in due.items():
        for day in found:
            if _is_due(day, database.settings.personal_retention.of(contract.table), newest):
                yield Step(contract, day, f"personal data in {place}")


def _is_due(day: date, keep: int | None, newest: date | None) -> bool:
    """Whether a day is at least `keep` days older than `newest`, the day before a gap; True without a gap."""
    return newest is None or (keep is not None and day <= newest - timedelta(days=keep))


def run(database: Database, catalog: Catalog, actor: str, report_progress: Progress) -> Outcome:
    """Run the due steps. The steps before an error stay done.

    A day whose file is damaged or missing does not hold up the others: they are done first, then the error is raised.
    """
    outcome, archiver = Outcome(), Archiver(database.settings)
    for contract in catalog.contracts.values():
        archiver.remove_unfinished(contract)
    failed = _run_steps(database, list(plan_taking_over(database, catalog)), actor, report_progress, outcome)
    failed += _run_steps(database, list(plan(database, catalog)), actor, report_progress, outcome)
    for contract in catalog.contracts.values() if gaps.last_day_before(gaps.find(database)) is None else ():
        outcome.rejected_rows += archiver.remove_rejected_content(contract)
    collected = lake_upkeep.collect(database)
    outcome.lake_files, outcome.lake_bytes = collected.files, collected.bytes
    if failed:
        more = f" ({counted(len(failed) - 1, 'more step')} failed likewise; all others are done)" * (len(failed) > 1)
        raise LakeError(f"{failed[0]}{more}") from failed[0]
    return outcome


def _run_steps(
    database: Database, steps: Sequence[Step], actor: str, report_progress: Progress, outcome: Outcome
) -> list[LakeError]:
    """Run steps and add their counts to `outcome`; return the errors of days whose file cannot be used."""
    failed = []
    for done, step in enumerate(steps):
        report_progress(str(step), done, len(steps))
        try:
            _run_step(database, step, actor, outcome)
        except LakeError as error:
            failed.append(error)
    report_progress("done", len(steps), len(steps))
    return failed


def _run_step(database: Database, step: Step, actor: str, outcome: Outcome) -> None:
    archiver, contract = Archiver(database.settings), step.table
    if isinstance(contract, Model) or step.what == TAKE_OVER:
        take_over(database, step, actor)
        outcome.taken_over += 1
    elif step.what == "archive":
        file = archiver.drop(contract, step.day, actor)
        outcome.days += 1
        outcome.rows += file.rows
        outcome.bytes += file.size_bytes
    elif step.what == "drop raw events":
        _drop_raw_events(database, contract, step.day, actor)
        outcome.dropped_days += 1
    elif step.what == "personal data in partition":
        outcome.personal_values += archiver.remove_personal_from_table(contract, step.day, actor)
    else:
        outcome.personal_values += lake_upkeep.remove_personal_data(database, contract, step.day, actor)


def take_over(database: Database, step: Step, actor: str) -> None:
    """Take over a day of an event table, or a partition of a fine-grained one."""
    if isinstance(step.table, Model):
        lake_upkeep.take_over(database, step.table, step.day, actor)
    else:
        Archiver(database.settings).take_over(step.table, step.day, actor)


def _days_to_keep(settings: Settings, contract: Contract) -> int | None:
    """How many days raw rows are kept at least; None = for ever."""
    return settings.lake_days.of(contract.table) if settings.keep_raw_events.of(contract.table) else 0


def _setting(keep: int) -> str:
    """The setting that says so."""
    return f"ANALYTICS_LAKE_DAYS says {keep}" if keep else "ANALYTICS_KEEP_RAW_EVENTS says no"


def _days_to_drop(
    database: Database, contract: Contract, keep: int, margin: int, readers: Sequence[Reader]
) -> list[date]:  # fmt: skip
    """Days of a raw table that may be dropped: everything was made of them, and no provisional day still reads them.

    They are at least `keep` days older than the newest; `margin` is how many days before its own a day reads.
    """
    settings = database.settings
    windows = [settings.lateness_of(contract.table, is_derived=False)]
    windows += [settings.lateness_of(reader.name, is_derived=True) for reader in readers]
    return database.run(
        dropped.due_days, contract, max(keep, max(windows) + margin), max(windows), readers, archived_too=keep > 0
    )


def _drop_raw_events(database: Database, contract: Contract, day: date, actor: str) -> None:
    """Drop the raw rows of a day for good."""
    keep = _days_to_keep(database.settings, contract)
    assert keep is not None
    with database.transaction() as connection:
        dropped.drop(connection, contract, day, actor, _setting(keep))
        days.refresh(connection, contract.table, database.settings.lateness_of(contract.table, is_derived=False))


def days_before(database: Database, catalog: Catalog, contract: Contract, before: date) -> list[date]:
    """The days of a raw table before a day that may be dropped, whatever the settings keep.

    Raise SettingsError if something reads raw rows of all days.
    """
    _refuse_readers(contract, catalog, "raw rows were to be dropped")
    if catalog.may_be_read_by(contract.table) is not None:
        return []  # as `plan` has it
    newest = gaps.last_day_before(gaps.find(database))
    found = _days_to_drop(database, contract, 1, *_readers(contract, catalog))
    return [day for day in found if day < before and _is_due(day, 1, newest)]


def drop_days(database: Database, contract: Contract, wanted: Sequence[date], actor: str) -> int:
    """Drop raw rows of days that `days_before` named, each in a transaction; returns how many rows there were."""
    count = 0
    for day in wanted:
        with database.transaction() as connection:
            count += dropped.drop(connection, contract, day, actor, "somebody asked for it")
            days.refresh(connection, contract.table, database.settings.lateness_of(contract.table, is_derived=False))
    return count


def _readers(contract: Contract, catalog: Catalog) -> tuple[int, list[Reader]]:
    """How many days back the run of one day reads raw rows, and the derived tables that read them."""
    table = contract.table
    margins = [catalog.checks[name].lookback_days for name in catalog.checks if catalog.checks[name].family == "ops"]
    found = []
    for name, (back, ahead) in catalog.read_by(table).items():
        # A run of a day also refreshes the days before it that look ahead to it, and these look back in turn.
        margins.append(ahead + back)
        found.append(Reader(name, catalog.code_version(name), back, ahead))
    return max(margins), found


def _refuse_readers(contract: Contract, catalog: Catalog, setting: str) -> None:
    """Raise SettingsError if a view, report or table reads raw rows of all days: it would silently lose days."""
    lasting = (*catalog.views.values(), *catalog.reports(contract.family).values())
    readers = [model.table for model in lasting if contract.table in model.dependencies]
    readers += [name for name, (back, _) in catalog.read_by(contract.table).items() if back == ALL_DAYS]
    if readers:
        raise SettingsError(
            f"{setting} for {contract.table}, but {readers[0]} reads raw rows of all days: "
            "keep them, or let it read what is made of them"
        )


def check_names(settings: Settings, catalog: Catalog) -> None:
    """Raise SettingsError if a retention setting names an unknown table, or drops raw rows that are read for good."""
    for contract in catalog.contracts.values():
        if (keep := _days_to_keep(settings, contract)) is not None:
            _refuse_readers(contract, catalog, _setting(keep))
    tables = catalog.event_tables
    known = {*tables, *(table.split(".")[1] for table in tables)}
    for variable, keeping in (
        ("ANALYTICS_HOT_DAYS", settings.hot_days),
        ("ANALYTICS_LAKE_DAYS", settings.lake_days),
        ("ANALYTICS_PERSONAL_RETENTION_DAYS", settings.personal_retention),
        ("ANALYTICS_KEEP_RAW_EVENTS", settings.keep_raw_events),
    ):
        for table, _ in keeping.tables:
            if table not in known:
                raise SettingsError(f"{variable} names {table!r}, expected one of {tables}")
