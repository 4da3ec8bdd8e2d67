"""Run days from the command line: progress, rejected rows, notifications, outcome."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.explanations import explanation
from analytics_etl.cli.failure_refresh import refresh_after_failure
from analytics_etl.cli.families import check_families
from analytics_etl.cli.interruption import mark_changing
from analytics_etl.cli.notifications import notify_owners
from analytics_etl.cli.terminal import BAD, actor, err, out, progress
from analytics_etl.cli.typed import check_range
from analytics_etl.config.settings import Settings
from analytics_etl.ops.records import record_audit
from analytics_etl.pipeline import misplaced, rejections
from analytics_etl.pipeline.misspelt import misspelt_columns
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import LOST_CONNECTION, DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import persistently

if TYPE_CHECKING:
    from analytics_etl.orchestration import runs


def run_days(
    settings: Settings, first: date, last: date, action: str, reason: str | None = None, *,
    families: tuple[str, ...] = (), names: Collection[str] | None = None, accept_change: bool = False,
    notify: bool = False,
) -> "runs.Outcome":  # fmt: skip
    """Run a range with its weeks, months and views, or only `names` of them; a failure ends the command.

    `action` is the name in the runs' tag and in the audit log. `accept_change` needs a reason.
    """
    if accept_change and not (reason or "").strip():
        raise click.UsageError('--accept-change publishes what was refused: say why with --reason "..."')
    catalog = read_catalog(settings)
    check_families(catalog, families)
    what = described(first, last, families, names)
    with reporting_rejected(settings, families), progress(1) as step:
        step("starting", 0, 1)
        actions = [action] if action in ("backfill", "reopen") or accept_change or reason else []
        if actions:
            persistently(settings, lambda: migrations.upgrade(settings))
            mark_changing()
        for done in [*actions, *(["accept change"] if accept_change else [])]:
            persistently(settings, partial(Database(settings).run, record_audit, actor(), done, what, reason))
        asked = {"analytics_etl/accept_change": accept_change, "analytics_etl/notify": notify}
        tags = {"analytics_etl/by": action, **{tag: "true" for tag, is_asked in asked.items() if is_asked}}
        try:
            return execute(settings, planned_jobs(catalog, first, last, families, names), step, tags)
        finally:
            if notify:
                _notify_owners_if_possible(settings)


def planned_jobs(
    catalog: Catalog, first: date, last: date, families: tuple[str, ...], names: Collection[str] | None
) -> "list[runs.Job]":
    """The jobs of a range of days, without those that have nothing to make."""
    from analytics_etl.pipeline import jobs  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.lineage import Lineage  # noqa: PLC0415 - only for this

    if names is not None:
        return jobs.selected_jobs(catalog, first, last, names)
    lineage = Lineage.of(catalog)
    return [job for job in jobs.jobs_of(first, last, families) if job.makes(lineage)]


def execute(
    settings: Settings, jobs: "Sequence[runs.Job]", step: "runs.Progress", tags: dict[str, str]
) -> "runs.Outcome":
    """Run jobs. After a failure, refresh views, reports and index; then end the command."""
    from analytics_etl.orchestration import runs  # noqa: PLC0415 - Dagster takes seconds to import

    def begun(what: str, done: int, steps: int) -> None:
        mark_changing()
        step(what, done, steps)

    try:
        return runs.execute(settings, jobs, begun, tags)
    except runs.RunFailedError as error:
        raise click.ClickException(refresh_after_failure(settings, error, jobs, step, tags)) from error


@contextmanager
def reporting_rejected(settings: Settings, families: tuple[str, ...]) -> Iterator[None]:
    """After the block, print which files had rejected rows or probably misspelt columns; also when the run failed."""
    began = time.monotonic()

    def report() -> None:
        database, seconds = Database(settings), time.monotonic() - began
        misspelt = misspelt_columns(database, seconds, families)
        more = ["and so in more files, see: analytics-etl doctor"] if len(misspelt) > rejections.MOST_FILES else []
        shown = [*misspelt[: rejections.MOST_FILES], *more]
        for line in [*rejections.since(database, seconds, families), *shown]:
            out.say(f"! {line}")

    try:
        yield
    except click.ClickException:
        with suppress(*LOST_CONNECTION, DatabaseError):  # the message is about the first failure
            report()
        raise
    report()


@contextmanager
def reporting_misplaced(settings: Settings, catalog: Catalog) -> Iterator[None]:
    """After the block, print which files lie outside the folders that are read; also when the run failed."""
    try:
        yield
    except click.UsageError:
        raise
    except click.ClickException:
        _print_misplaced(settings, catalog)
        raise
    _print_misplaced(settings, catalog)


def _print_misplaced(settings: Settings, catalog: Catalog) -> None:
    if found := misplaced.misplaced(settings, catalog):
        out.say(f"! {misplaced.describe(settings, found)}; what to type: analytics-etl doctor")


def _notify_owners_if_possible(settings: Settings) -> None:
    """Notify the owners; print a failure to do so, since the next `notify` tries again and the outcome comes first."""
    try:
        notify_owners(settings)
    except Exception as error:
        reason = explanation(error)
        if reason is None:
            raise
        err.say(BAD, f" nobody was notified; the next `analytics-etl notify` tries again: {reason}")


def described(first: date, last: date, families: Sequence[str], names: Collection[str] | None = None) -> str:
    """Days with families or tables, as the subject in the audit log."""
    of = ", ".join(families if names is None else sorted(names))
    return f"{first} to {last}" + f" of {of}" * bool(of)


def check_days(settings: Settings, first: date, last: date) -> None:
    """Refuse days that have no partition."""
    check_range(first, last, "FROM", "TO")
    if first < settings.start_date:
        raise click.UsageError(
            f"{first} is before the first partition, {settings.start_date}; set ANALYTICS_START_DATE to an earlier day"
        )
    if last > yesterday():
        raise click.UsageError(f"{last} is not over yet in UTC; the last day that can be run is {yesterday()}")
