"""Running jobs in this process, one after the other, with progress: the command line's way.

The UI runs jobs through the daemon; both ways leave the same runs, events and tables behind.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from uuid import uuid4

import dagster as dg
from dagster import DagsterEventType, DagsterInstance

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.models import ModelError
from analytics_etl.config.owners import OPERATIONS
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.broken import BrokenFileError
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.orchestration.assets.reports import INDEX_GROUP
from analytics_etl.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.incidents import AGAIN_TAG
from analytics_etl.orchestration.instance import instance
from analytics_etl.orchestration.interrupts import Interrupts, remembered_interrupts
from analytics_etl.orchestration.outcomes import Outcome, root_cause, table_of_step
from analytics_etl.pipeline.jobs import CADENCE_OF, Job, Parts, jobs_of
from analytics_etl.postgres.failures import is_lost, persistently, wait_until_back
from analytics_etl.text.english import counted

__all__ = [
    "Job",
    "Outcome",
    "Parts",
    "Progress",
    "RunFailedError",
    "execute",
    "jobs_of",
]

LONG_PREPARATION = 1000
"""A run of this many partitions or more announces its preparation: before the first step Dagster records each of them,
which takes about a minute for this many.
"""

PROGRESS_EACH = 250
"""Partitions between two progress lines."""

MOST_ATTEMPTS = 3
"""Runs of one job while the connection to the database is lost each time."""

LOST = {
    *("OperationalError", "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow", "ConnectionTimeout"),
    "UnreachableError",
}
"""Names of error classes that mean a lost connection, of all database drivers in use."""

OF_BROKEN_FILES = {BrokenFileError.__name__, ModelError.__name__}
"""Names of error classes that mean a broken SQL file."""

Progress = Callable[[str, int, int], None]
"""Called with (text of the progress line, steps done, steps in all)."""


class RunFailedError(RuntimeError):
    """A run that failed. The message names the failed steps with their errors, and the tables that have new rows."""

    def __init__(
        self, message: str, job: Job | None = None, *, is_interrupted: bool = False, is_of_broken_files: bool = False
    ) -> None:
        super().__init__(message)
        self.job = job
        self.is_interrupted = is_interrupted
        self.is_of_broken_files = is_of_broken_files
        """Whether only steps of broken SQL files failed, so that the following jobs can run."""


def execute(
    settings: Settings, jobs: Sequence[Job], progress: Progress, tags: dict[str, str] | None = None
) -> Outcome:  # fmt: skip
    """Run jobs one after the other in this process; returns the outcome of all of them.

    Raises RunFailedError at the first job that fails; if only broken SQL files failed, after the last job. A step that
    loses its connection is retried in its run. When Dagster loses one of its own, the run cannot go on: then the whole
    job is run again.
    """
    definitions = build_defs(settings)
    # The daemon must not retry a run of this process: it could not start it, and the failure would never be notified.
    tags = {**(tags or {}), MAX_RETRIES_TAG: "0"}
    done = Outcome()
    with instance(settings) as opened, remembered_interrupts() as interrupts:
        failed: list[str] = []
        for number, job in enumerate(jobs, start=1):
            interrupts.raise_if_any()
            try:
                done.add(_run_until_connected(settings, definitions, opened, job, progress, tags, interrupts))
            except RunFailedError as error:
                if error.is_of_broken_files:
                    failed.append(str(error))
                    continue
                rest = ", ".join(map(str, jobs[number:]))
                lines = [*failed, f"{error}\nNot begun, since it follows: {rest}." if rest else str(error)]
                raise RunFailedError("\n".join(lines), job, is_interrupted=error.is_interrupted) from error
        if failed:
            raise RunFailedError("\n".join(failed), jobs[-1])
    return done


def _run_until_connected(
    settings: Settings, definitions: dg.Definitions, opened: DagsterInstance, job: Job, progress: Progress,
    tags: dict[str, str], interrupts: Interrupts,
) -> Outcome:  # fmt: skip
    """Run a job, and again when the connection to the database was lost."""
    attempt_tags = tags
    for attempt in range(1, MOST_ATTEMPTS + 1):
        run_id = str(uuid4())
        is_last = attempt == MOST_ATTEMPTS
        done = _run_once(definitions, opened, job, run_id, progress, attempt_tags, interrupts, is_last=is_last)
        if done is not None:
            return done
        attempt_tags = {**tags, AGAIN_TAG: run_id}
        wait_until_back(settings)
        persistently(settings, partial(_mark_as_repeated, opened, run_id))
        progress(f"{job}: the connection to the database was lost; running it again", 0, 1)
    raise AssertionError("the last attempt returns or raises")


def _run_once(
    definitions: dg.Definitions, opened: DagsterInstance, job: Job, run_id: str, progress: Progress,
    tags: dict[str, str], interrupts: Interrupts, *, is_last: bool,
) -> Outcome | None:  # fmt: skip
    """Run a job once. Returns None if only a lost connection stopped it; the last attempt raises then."""
    try:
        outcome = _execute(definitions, opened, job, run_id, progress, tags, interrupts)
    except Exception as error:
        if is_last or not is_lost(error):
            raise
        return None
    failures = outcome.failures
    if failures and (is_last or not all(root_cause(error).cls_name in LOST for _, error in failures)):
        raise RunFailedError(
            f"the run {run_id} ({job}) failed:\n{outcome}",
            job,
            is_interrupted=outcome.is_interrupted,
            is_of_broken_files={root_cause(error).cls_name for _, error in failures} <= OF_BROKEN_FILES,
        )
    return None if failures else outcome


def _mark_as_repeated(opened: DagsterInstance, run_id: str) -> None:
    """Mark a run as failed and repeated: its failure is not notified as long as another run takes its place."""
    run = opened.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        opened.report_run_failed(run, "The connection to the database was lost; the job is run again.")
    if run is not None:
        opened.add_run_tags(run_id, {WILL_RETRY_TAG: "true"})


def _execute(
    definitions: dg.Definitions, opened: DagsterInstance, job: Job, run_id: str, progress: Progress,
    tags: dict[str, str], interrupts: Interrupts,
) -> Outcome:  # fmt: skip
    """Run a job. Errors of steps are in the outcome; an error that Dagster could not record is raised."""
    whole = definitions.resolve_job_def(job.name)
    parts = None if job.only is None else _parts_of(whole, job.only)
    selected = _assets_of(whole, job.families)
    if selected == []:  # a family may have no weekly or monthly tables
        return Outcome()
    resolved = parts or (whole.get_subset(asset_selection=set(selected)) if selected else whole)
    steps = len(resolved.graph.node_dict)
    done, begun = 0, set()
    prepare_one = _preparation(job, len(list(resolved.asset_layer.executable_asset_keys)), steps, progress)
    outcome = Outcome()

    def listen(entry: dg.EventLogEntry) -> None:
        nonlocal done
        step = table_of_step(entry.step_key or "")
        if entry.dagster_event is None:
            if entry.step_key is None or entry.step_key in begun:
                progress(f"{job.label}: {entry.user_message}", done, steps)
            else:  # the only log entry of a step that did not begin says that a step before it failed
                outcome.not_run.append(entry.step_key)
            return
        kind = entry.dagster_event.event_type
        if kind == DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            prepare_one()
        elif kind == DagsterEventType.STEP_START:
            interrupts.raise_if_any()
            begun.add(entry.step_key)
            progress(f"{job.label}: {step}", done, steps)
        elif kind in (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_SKIPPED, DagsterEventType.STEP_FAILURE):
            done += 1
            is_good = kind == DagsterEventType.STEP_SUCCESS
            took = entry.dagster_event.step_success_data.duration_ms if is_good else 0
            progress(f"{job.label}: {outcome.step_line(step, took) if is_good else step}", done, steps)
        outcome.take(entry.dagster_event, step)

    opened.add_event_listener(run_id, listen)
    # Tags, not a partition_key: Dagster looks for the partitions of the assets, and a job of checks alone has none.
    result = (parts or whole).execute_in_process(
        instance=opened,
        asset_selection=selected,
        run_id=run_id,
        tags={**tags, **_partition_tags(job)},
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    if not result.success and not outcome.failures:
        raise RunFailedError(f"the run {run_id} ({job}) failed: see the run in the UI")
    return outcome


def _assets_of(job: dg.JobDefinition, families: Collection[str]) -> list[dg.AssetKey] | None:
    """The assets of a job that belong to the families or to no family at all; None = all assets."""
    if not families:
        return None
    graph = job.asset_layer.asset_graph
    wanted = {*families, OPERATIONS, INDEX_GROUP}
    return sorted(key for key in job.asset_layer.executable_asset_keys if graph.get(key).group_name in wanted)


def _parts_of(job: dg.JobDefinition, parts: Parts) -> dg.JobDefinition:
    """The subset of a job that `parts` names: tables with their checks, reports, and single checks."""
    tables = {asset_key(name) for name in parts.tables}
    own = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key in tables}
    return job.get_subset(
        asset_selection=tables | {asset_key(name) for name in parts.reports},
        asset_check_selection=own | {dg.AssetCheckKey(asset_key(table), name) for table, name in parts.checks},
    )


def _preparation(job: Job, assets: int, steps: int, progress: Progress) -> Callable[[], None]:
    """Announce a long preparation before the first step. Returns a function that counts a prepared partition of a table
    or report and prints progress lines.
    """
    partitions = 1 if job.first is None or job.last is None else len(periods(CADENCE_OF[job.name], job.first, job.last))
    total, count = partitions * assets, 0

    def prepare_one() -> None:
        nonlocal count
        count += 1
        if total >= LONG_PREPARATION and count % PROGRESS_EACH == 0:
            progress(f"{job}: prepared {count:,} of {total:,} partitions", count, total)

    if total >= LONG_PREPARATION:
        what = f"{counted(partitions, 'partition')} of {assets} tables and reports"
        progress(f"{job}: preparing {what}; this can take minutes, then the first table begins", 0, steps)
    return prepare_one


def _partition_tags(job: Job) -> dict[str, str]:
    """The tags by which a run covers a partition or a range of partitions."""
    if job.first is None or job.last is None:
        return {}
    if job.first == job.last:
        return {PARTITION_NAME_TAG: job.first.isoformat()}
    return {
        ASSET_PARTITION_RANGE_START_TAG: job.first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: job.last.isoformat(),
    }
