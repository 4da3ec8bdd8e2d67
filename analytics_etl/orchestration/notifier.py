"""Notifications: collect failures into the outbox, deliver the outbox, and the sensor that does both.

Guarantee: every receiver gets every failure at least once, as long as the database keeps the outbox. It gets it exactly
once, unless the process or the database dies between a receiver's acceptance and the commit that follows at once. Then
the message comes a second time, with the same Message-ID or Idempotency-Key.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from analytics_etl.alerting import (
    CheckFailure,
    DeliveryError,
    Message,
    Receiver,
    is_to_be_notified,
    receivers_of,
    request_parts,
    send_http,
)
from analytics_etl.alerting.alerts import alerts_message
from analytics_etl.alerting.messages import checks_failed, run_failed
from analytics_etl.alerting.text import harmless, redacted
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.owners import OPERATIONS, Owners
from analytics_etl.config.settings import Settings
from analytics_etl.ops import outbox
from analytics_etl.orchestration import incidents
from analytics_etl.pipeline import alerts
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted

SOURCE = "dagster"
OVERLAP = timedelta(hours=1)
"""Each pass looks this far behind the last one: Dagster may write late, or by another machine's clock."""
FIRST_LOOK_BACK = timedelta(days=1)
"""How far back the first pass looks."""
UNFINISHED_AFTER = timedelta(hours=6)
"""Failed checks wait until their run has ended, but no longer than this: the process of the run may be gone."""

FIRST_WAIT = timedelta(minutes=1)
"""Between the first two attempts; it doubles with each attempt."""
LONGEST_WAIT = timedelta(hours=1)
MOST_ATTEMPTS = 30
"""They take about a day. Then a delivery is given up, which `notify --list` and `doctor` show."""
MOST_A_PASS = 100
"""Deliveries to each receiver in one pass; a sensor's tick has 60 seconds."""

logger = logging.getLogger("analytics_etl.alerting")


@dataclass
class Outcome:
    """What one pass did: numbers of new and of sent messages, and errors."""

    new: int = 0
    sent: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """Receiver -> the last error."""

    def __str__(self) -> str:
        return f"{self.new} new, {self.sent} sent, {counted(len(self.errors), 'receiver')} with errors"


def notify(database: Database, instance: dg.DagsterInstance, now: datetime) -> Outcome:
    """Make one pass: collect failures, then deliver messages."""
    receivers = receivers_of(database.settings)
    outcome = Outcome(new=collect(database, instance, receivers, now))
    deliver(database, receivers, now, outcome)
    return outcome


def collect(
    database: Database, instance: dg.DagsterInstance, receivers: Sequence[Receiver], now: datetime
) -> int:  # fmt: skip
    """Write each failure into the outbox, once; returns the number of new notifications."""
    catalog = Catalog.of(database.settings)
    alerts.judge(database, catalog)
    with database.transaction() as connection:
        outbox.begin_collecting(connection)
        reached = outbox.watermark(connection, SOURCE)
        since = reached - OVERLAP if reached else now - FIRST_LOOK_BACK
        runs = incidents.failed_runs(instance, since, now)
        new = 0

        def add(message: Message) -> None:
            nonlocal new
            new += outbox.add(connection, _outgoing(database.settings, message, receivers), now)

        unknown = set(runs) - {key.removeprefix("run:") for key in outbox.known(connection, [f"run:{r}" for r in runs])}
        waiting = outbox.unhandled_runs(connection)
        for run_id in [*waiting, *(r for r in runs if r in unknown and r not in waiting)]:
            run = runs.get(run_id) or incidents.run_of(instance, run_id, now)
            if run and not run.has_ended and waiting[run_id] > now - UNFINISHED_AFTER:
                continue
            _add_run_message(connection, run_id, run, now, add, database.settings.owners)
        silence = timedelta(minutes=database.settings.daemon_silence_minutes)
        operators = database.settings.owners.of(OPERATIONS)
        for message in [
            *incidents.daemon_messages(instance, now, silence, operators),
            *incidents.tick_messages(instance, since, now, operators),
        ]:
            add(message)
        notices, rules = alerts.notices_to_tell(connection, catalog, now)
        for notice in notices:
            families = {alert.labels.get("family", OPERATIONS) for alert in notice.alerts}
            owners = database.settings.owners.of_all([f"{family}.series" for family in sorted(families)])
            add(alerts_message(notice, rules, owners, alerts.all_measures(catalog)))
        outbox.set_watermark(connection, SOURCE, now)
    return new


def deliver(database: Database, receivers: Sequence[Receiver], now: datetime, outcome: Outcome) -> None:
    """Send the messages that are due, and count them in `outcome`. A channel that is down rests until the next pass."""
    down: set[str] = set()
    with database.transaction() as connection:
        for receiver in receivers:
            for _ in range(MOST_A_PASS):
                if receiver.channel in down:
                    break
                with outbox.claim(connection, receiver.name, now) as claim:
                    if claim is None:
                        break
                    error = _attempt(claim, receiver, now)
                if error is None:
                    outcome.sent += 1
                    continue
                outcome.errors[receiver.name] = str(error)
                if not error.is_about_the_address:
                    down.add(receiver.channel)


def send_heartbeat(settings: Settings) -> None:
    """Send the heartbeat for an outside monitor. A failure is only logged: the monitor notices a missing heartbeat."""
    if settings.heartbeat_file is not None:
        try:
            settings.heartbeat_file.parent.mkdir(parents=True, exist_ok=True)
            settings.heartbeat_file.touch()
        except OSError as error:
            logger.warning("the heartbeat file cannot be touched: %s", error)
    if settings.heartbeat_url is not None:
        where, url, headers, secrets = request_parts(settings.heartbeat_url)
        error_text = send_http("GET", url, headers)
        if error_text is not None:
            logger.warning("the heartbeat to %s failed: %s", where, harmless(redacted(error_text, secrets), 300))


def build_notification_sensor() -> dg.SensorDefinition:
    """The sensor that makes a pass about once a minute, and sends the heartbeat when no message is stuck."""

    @dg.sensor(
        name="notifications",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notifies the owners of assets of failed checks, runs and ticks.",
    )
    def notifications(context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]) -> dg.SkipReason:
        outcome = notify(database, context.instance, datetime.now(UTC))
        with database.transaction() as connection:
            stuck = outbox.undelivered(connection)
        if not outcome.errors and not stuck["waiting"]:
            send_heartbeat(database.settings)
        return dg.SkipReason(str(outcome))

    return notifications


def _add_run_message(
    connection: Any, run_id: str, run: incidents.Run | None, now: datetime, add: Callable[[Message], None],
    owners: Owners,
) -> None:  # fmt: skip
    """Add one message for a failed run or failed checks of a run, if anything is new; mark the checks as handled."""
    rows = outbox.failures(connection, run_id)
    fresh = [row for row in rows if row["handled_at"] is None and not row["is_known"]]
    failure = run.failure if run else None
    is_same_as_before = failure is not None and failure.is_due_to_checks and bool(rows) and not fresh
    message = None
    if run is None or is_to_be_notified(run.tags):
        if failure is not None and not is_same_as_before:
            tables = [*map(_table_of_step, failure.steps), *(row["table_name"] for row in fresh)]
            message = run_failed(failure, [_check(row) for row in fresh], owners.of_all(tables))
        elif failure is None and fresh:
            tables = [row["table_name"] for row in fresh]
            message = checks_failed(run_id, [_check(row) for row in fresh], owners.of_all(tables))
    if message is not None:
        add(message)
        outbox.mark_handled(connection, [row["failure_id"] for row in fresh], now, message.dedup_key)
    outbox.mark_handled(connection, [row["failure_id"] for row in rows], now, None)


def _table_of_step(step: str) -> str:
    """The table of a step: `registry.download_events`, or `registry.download_events.checks` for its checks."""
    return step.removesuffix(".checks")


def _attempt(claim: outbox.Claim, receiver: Receiver, now: datetime) -> DeliveryError | None:
    """Try to deliver once. The time of the next attempt is in the database: attempts outlive the process."""
    try:
        with receiver.handing_over(_message(claim.row)):
            claim.sent(now)
    except DeliveryError as error:
        attempt = claim.row["attempts"] + 1
        is_last = attempt >= MOST_ATTEMPTS
        wait = min(FIRST_WAIT * 2 ** min(attempt - 1, 10), LONGEST_WAIT)
        claim.put_off(None if is_last else now + wait, str(error))
        if is_last:
            logger.exception("gave up telling %s of %r", receiver.name, claim.row["subject"])
        return error
    return None


def _outgoing(settings: Settings, message: Message, receivers: Sequence[Receiver]) -> outbox.Outgoing:
    """A message for the outbox. Secrets of the settings, which an error may have named, are taken out."""
    secrets = settings.secrets
    return outbox.Outgoing(
        message.dedup_key,
        message.kind,
        redacted(message.subject, secrets),
        redacted(message.body, secrets),
        {
            **message.details,
            "alerts": [{name: redacted(text, secrets) for name, text in alert.items()} for alert in message.alerts],
            "group_labels": {name: redacted(text, secrets) for name, text in message.group_labels.items()},
        },
        message.owners,
        [receiver.name for receiver in receivers if receiver.is_for(message.owners)],
    )


def _message(row: Mapping[str, Any]) -> Message:
    return Message(
        row["dedup_key"], row["kind"], row["subject"], row["body"], tuple(row["owners"]), row["details"]["severity"],
        tuple(row["details"]["alerts"]), row["created_at"],
        row["details"].get("group_labels", {}),  # not in a message of the version before
        row["details"].get("report"),
    )  # fmt: skip


def _check(row: Mapping[str, Any]) -> CheckFailure:
    return CheckFailure(
        row["failure_id"], row["table_name"], row["check_name"], row["period_start"], row["period_end"],
        row["severity"], row["description"], row["unexpected_count"], row["sample"],
    )  # fmt: skip
