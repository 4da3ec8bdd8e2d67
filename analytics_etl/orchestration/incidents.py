"""Incidents, read from Dagster's instance: failed runs, failed and missed ticks, a dead daemon.

The functions only read; `notifier` keeps the messages. Each message has a dedup key that identifies its incident: the
key is the same at every look, however far back one looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from analytics_etl.alerting.messages import Message, RunFailure, daemon_died, tick_failed, tick_missed
from analytics_etl.catalog.calendar import NAMES
from analytics_etl.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    JobFailureData,
    RunFailureReason,
    ScheduleInstigatorData,
    SerializableErrorInfo,
    TickStatus,
    cron_string_iterator,
)
from analytics_etl.orchestration.schedules import scheduled_period

TICK_GRACE = timedelta(minutes=15)
"""A tick counts as missed only after this time: a busy daemon is late, a restarted one makes up for missed ticks."""

RETRY_GRACE = timedelta(minutes=15)
"""If the retry of a run has not begun after this time, the run counts as failed. Must be shorter than
`notifier.OVERLAP`, or no pass would look at the run again.
"""

AGAIN_TAG = "analytics_etl/again_of"
"""A tag on a run of the command line: the id of the run it repeats, which lost its connection."""

CHECK_FAILED = "DagsterAssetCheckFailedError"


@dataclass(frozen=True)
class Run:
    """A run; `failure` is None if it did not fail or is retried."""

    tags: Mapping[str, str]
    has_ended: bool
    failure: RunFailure | None


def failed_runs(instance: DagsterInstance, since: datetime, now: datetime) -> dict[str, Run]:
    """Runs that failed after `since` and are not retried automatically, by id, oldest first."""
    filters = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=since)
    found = instance.get_run_records(filters, ascending=True)
    return {r.dagster_run.run_id: _run_of_record(instance, r, now) for r in found if not _is_retried(instance, r, now)}


def run_of(instance: DagsterInstance, run_id: str, now: datetime) -> Run | None:
    """A run by its id; None when Dagster no longer has it."""
    record = instance.get_run_record_by_id(run_id)
    return None if record is None else _run_of_record(instance, record, now)


def daemon_messages(
    instance: DagsterInstance, now: datetime, silence: timedelta, owners: Sequence[str]
) -> list[Message]:
    """One message for the daemon, or for each part of it, without a heartbeat for `silence`. None if it never ran."""
    seen = {
        part: datetime.fromtimestamp(beat.timestamp, UTC) for part, beat in instance.get_daemon_heartbeats().items()
    }
    if not seen:
        return []
    newest = max(seen.values())
    if newest < now - silence:
        return [daemon_died(None, newest, owners)]
    return [daemon_died(part, at, owners) for part, at in sorted(seen.items()) if at < now - silence]


def tick_messages(instance: DagsterInstance, since: datetime, now: datetime, owners: Sequence[str]) -> list[Message]:
    """Messages about failed and missed ticks of schedules and sensors that are not stopped."""
    found: list[Message] = []
    for state in instance.all_instigator_state():
        if state.status != InstigatorStatus.STOPPED:
            found += _failed_ticks(instance, state, since, owners)
            found += _missed_ticks(instance, state, since, now, owners)
    return found


def _failed_ticks(
    instance: DagsterInstance, state: InstigatorState, since: datetime, owners: Sequence[str]
) -> Iterator[Message]:
    """One message for each failed tick of a schedule, newest first.

    A sensor, which ticks every half minute, gets one message for each series of failures without a good tick between.
    """
    before: float | None = None
    kind = state.instigator_type.value.lower().replace("_", " ")
    while failed := _tick(instance, state, before, [TickStatus.FAILURE], since.timestamp()):
        error = _root_message(failed.tick_data.error)
        at = datetime.fromtimestamp(failed.timestamp, UTC)
        before = failed.timestamp
        if state.instigator_type == InstigatorType.SCHEDULE:
            key = f"tick:{state.selector_id}:{before:.0f}"
            yield tick_failed(kind, state.instigator_name, at, error, key, owners)
            continue
        good = _tick(instance, state, failed.timestamp, [TickStatus.SUCCESS, TickStatus.SKIPPED])
        start = good.timestamp if good else 0.0
        series = instance.get_ticks(
            state.instigator_origin_id, state.selector_id, before=failed.timestamp, after=start,
            statuses=[TickStatus.FAILURE],
        )  # fmt: skip
        first = min([failed.timestamp, *(tick.timestamp for tick in series)])
        key = f"tick:{state.selector_id}:{start:.0f}"
        yield tick_failed(kind, state.instigator_name, datetime.fromtimestamp(first, UTC), error, key, owners)
        if good is None:
            return
        before = good.timestamp


def _missed_ticks(
    instance: DagsterInstance, state: InstigatorState, since: datetime, now: datetime, owners: Sequence[str]
) -> Iterator[Message]:
    """One message for each series of missed ticks of a schedule."""
    data = state.instigator_data
    if state.instigator_type != InstigatorType.SCHEDULE or not isinstance(data, ScheduleInstigatorData):
        return
    if not isinstance(data.cron_schedule, str) or data.start_timestamp is None:
        return
    begin = max(since.timestamp(), data.start_timestamp)
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=begin - 1)
    done = {round(tick.timestamp) for tick in ticks}
    series: list[datetime] = []
    for moment in cron_string_iterator(begin, data.cron_schedule, "UTC"):
        is_judged = moment <= now - TICK_GRACE
        if is_judged and round(moment.timestamp()) not in done:
            series.append(moment)
            continue
        if series:
            yield _missed(instance, state, series, owners)
            series = []
        if not is_judged:
            return


def _missed(
    instance: DagsterInstance, state: InstigatorState, series: Sequence[datetime], owners: Sequence[str]
) -> Message:
    last_done = _tick(instance, state, series[0].timestamp(), list(TickStatus))
    key = f"missed:{state.selector_id}:{last_done.timestamp if last_done else 0:.0f}"
    cadences = {f"{name}_schedule": cadence for cadence, name in NAMES.items()}
    cadence = cadences.get(state.instigator_name)
    day = None if cadence is None else scheduled_period(cadence, series[-1])
    return tick_missed(state.instigator_name, series, day, key, owners)


def _tick(
    instance: DagsterInstance, state: InstigatorState, before: float | None, statuses: Sequence[TickStatus],
    after: float | None = None,
) -> InstigatorTick | None:  # fmt: skip
    """The newest tick between two moments with one of the statuses."""
    found = instance.get_ticks(
        state.instigator_origin_id, state.selector_id, before=before, after=after, limit=1, statuses=statuses
    )
    return found[0] if found else None


def _run_of_record(instance: DagsterInstance, record: RunRecord, now: datetime) -> Run:
    run = record.dagster_run
    has_failed = run.status == DagsterRunStatus.FAILURE and not _is_retried(instance, record, now)
    return Run(run.tags, run.is_finished, _failure(instance, run) if has_failed else None)


def _is_retried(instance: DagsterInstance, record: RunRecord, now: datetime) -> bool:
    """Whether a failed run is retried automatically; then only its failed checks are notified.

    The process that should start the retry may have been killed. So after a grace time this asks for the retry's run.
    """
    run = record.dagster_run
    if not _is_marked_for_retry(run):
        return False
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
    if now < ended.replace(tzinfo=UTC) + RETRY_GRACE or AUTO_RETRY_RUN_ID_TAG in run.tags:
        return True
    names = (AGAIN_TAG, PARENT_RUN_ID_TAG)
    return any(instance.get_run_ids(RunsFilter(tags={name: run.run_id}), limit=1) for name in names)


def _is_marked_for_retry(run: DagsterRun) -> bool:
    return run.tags.get(WILL_RETRY_TAG) == "true"


def _failure(instance: DagsterInstance, run: DagsterRun) -> RunFailure:
    errors: dict[str, SerializableErrorInfo | None] = {}
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        if entry.dagster_event is not None and entry.step_key is not None:
            errors[entry.step_key.replace("__", ".")] = entry.dagster_event.step_failure_data.error
    run_error, is_by_steps = "", False
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE):
        event = entry.get_dagster_event()
        data = event.event_specific_data
        is_by_steps = isinstance(data, JobFailureData) and data.failure_reason == RunFailureReason.STEP_FAILURE
        run_error = "" if is_by_steps else entry.user_message or event.message or ""
    if _is_marked_for_retry(run):
        minutes = RETRY_GRACE // timedelta(minutes=1)
        retry_error = f"It was to be run again by itself, and {minutes} minutes later it had not been."
        run_error = f"{run_error} {retry_error}".strip()
    by_checks = [error is not None and error.cls_name == CHECK_FAILED for error in errors.values()]
    return RunFailure(
        run.run_id,
        run.job_name,
        _days(run),
        {step: _root_message(error) for step, error in errors.items()},
        run_error,
        is_due_to_checks=is_by_steps and bool(by_checks) and all(by_checks),
    )


def _days(run: DagsterRun) -> tuple[date, date] | None:
    """Beginnings of the first and last partition of a run, from its tags; None for a run without partitions."""
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, run.tags.get(PARTITION_NAME_TAG))
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, first)
    if first is None or last is None:
        return None
    return date.fromisoformat(first), date.fromisoformat(last)


def _root_message(error: SerializableErrorInfo | None) -> str:
    """The message of the innermost cause."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else error.message.strip()
