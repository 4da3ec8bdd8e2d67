"""The options `--select` and `--dry-run`, and the printed plan."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.terminal import Column, Parts, out
from analytics_etl.cli.typed import Text
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened

if TYPE_CHECKING:  # imported where it is used
    from analytics_etl.pipeline.jobs import Job
    from analytics_etl.pipeline.plan import Plan

ONE_SECOND = 1000
"""Milliseconds."""
MOST_UNREAD = 3
"""Unread files that are named; the others are counted."""

SELECT = click.option(
    "--select", "selected", type=Text(), multiple=True, metavar="TABLE[+]",
    help="Only this table, view or report, like registry.module_stats_daily; with + behind it what is made of it, too. "
    "May come more than once.",
)  # fmt: skip
DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Run nothing; say which partitions it would run, why, and what they took last time."
)


def names_of(catalog: Catalog, selected: Sequence[str], families: Collection[str]) -> set[str] | None:
    """The tables, views and reports that --select names; None without it. Raise UsageError for an unknown name."""
    if not selected:
        return None
    if families:
        raise click.UsageError("--select names tables and --family families: use one of them")
    from analytics_etl.pipeline.lineage import Lineage, SelectionError  # noqa: PLC0415 - only for this

    try:
        return Lineage.of(catalog).selected(selected)
    except SelectionError as error:
        raise click.UsageError(f"--select: {error}") from error


def show(settings: Settings, catalog: Catalog, jobs: "Sequence[Job]", plan: "Plan", otherwise: str) -> None:
    """Print a table for each job: its steps, why they are due, and how long they took last time."""
    from analytics_etl.orchestration import job_steps  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.orchestration.instance import instance as dagster_instance  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.pipeline.lineage import Lineage  # noqa: PLC0415 - only for this

    database, lineage = Database(settings), Lineage.of(catalog)
    total, is_guess = 0, False
    with dagster_instance(settings) as instance:
        for job in jobs:
            found = job_steps.steps(database, lineage, job, plan, otherwise)
            total += sum(step.milliseconds or 0 for step in found)
            is_guess = is_guess or any(step.is_guess for step in found)
            ran = job_steps.last_run(instance, job)
            last = f"   (last run of {job.name}: {ran[1]:.0f} s, on {ran[0]:%F})" if ran else ""
            out.say(job.when + last)
            lines: list[list[Parts]] = [
                [
                    f"  {step.name}",
                    "" if step.partitions is None else f"{step.partitions:,}",
                    step.why,
                    _time(step.milliseconds),
                ]
                for step in found
            ]
            head = [Column("  table, view or report"), Column("partitions", "right"), Column("why")]
            out.table([*head, Column("last time", "right")], lines)
            out.say("")
    about = "about " if is_guess else ""
    took = f"; the tables took {about}{_time(total)} last time, checks and reports come on top" if total else ""
    out.say(f"nothing was run: {counted(len(jobs), 'run')} planned{took}")


def print_unread(unread: Mapping[str, Sequence[str]]) -> None:
    """Print the files that are not read yet, so that their days are not in the plan."""
    paths = [path for of in unread.values() for path in of]
    if paths:
        are, them = ("is", "it") if len(paths) == 1 else ("are", "them")
        out.say(
            f"! the plan is not complete: {counted(len(paths), 'file')} {are} not read yet "
            f"({shortened(paths, MOST_UNREAD)}); to read {them} and run all: analytics-etl backfill --missing"
        )


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds:,} ms" if milliseconds < ONE_SECOND else f"{milliseconds / ONE_SECOND:,.1f} s"
