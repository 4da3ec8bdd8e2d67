"""Messages about failures for a person at 3 a.m.: what failed, where, and what to type. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.alerting.text import PRIVATE_COLUMNS, error_text, harmless, row_text
from analytics_etl.text.english import counted, spanned

SAMPLE_ROWS = 5
SUBJECT_LENGTH = 150
LONGEST_BODY = 100_000
MANY = 20
"""Failed checks that a body describes; of more it says only how many."""

NO_LABELS = ("summary", "starts_at", "ends_at")
"""What an alert of a message has beside its labels."""

NOTIFY_TAG = "analytics_etl/notify"
BY_TAG = "analytics_etl/by"
_STARTED_BY_ITSELF = ("dagster/schedule_name", "dagster/sensor_name")
_STARTED_BY_A_PERSON = (BY_TAG, "dagster/backfill", "dagster/asset_partition_range_start")


@dataclass(frozen=True)
class Message:
    """One notification, the same for all its receivers."""

    dedup_key: str
    kind: str
    subject: str
    body: str
    owners: tuple[str, ...]
    severity: str = "error"
    alerts: tuple[dict[str, str], ...] = ()
    """One alert for each failure: labels, a sentence as `summary`, and when it began and ended, if that is known."""
    created_at: datetime | None = None
    group_labels: Mapping[str, str] = field(default_factory=dict)
    """What all its alerts have in common, if it is about a group that is told more than once."""
    report: Mapping[str, Any] | None = None
    """What a message that delivers a report has beside its text: `html`, the file to attach, and what it is about."""

    @property
    def details(self) -> dict[str, Any]:
        of_report = {} if self.report is None else {"report": dict(self.report)}
        return {
            "severity": self.severity, "alerts": list(self.alerts), "group_labels": dict(self.group_labels), **of_report
        }  # fmt: skip


@dataclass(frozen=True)
class CheckFailure:
    """A check that failed in one partition."""

    failure_id: int
    table: str
    name: str
    start: date
    end: date
    severity: str
    description: str
    unexpected_count: int
    sample: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RunFailure:
    """A run that failed, with the error of each failed step."""

    run_id: str
    job: str
    days: tuple[date, date] | None
    steps: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    """Why the run ended, if no step ended it."""
    is_due_to_checks: bool = False
    """Whether nothing but blocking checks failed."""


def is_to_be_notified(tags: Mapping[str, str]) -> bool:
    """Whether failures of a run with these tags are notified: of a run that a person started, only if a tag says so."""
    if NOTIFY_TAG in tags:
        return tags[NOTIFY_TAG].strip().lower() == "true"
    if any(tag in tags for tag in _STARTED_BY_ITSELF):
        return True
    return not any(tag in tags for tag in _STARTED_BY_A_PERSON)


def run_failed(failure: RunFailure, checks: Sequence[CheckFailure], owners: Sequence[str]) -> Message:
    """The message about a failed run, with the checks that failed in it."""
    job = harmless(failure.job)
    about = f"{job} run of {spanned(*failure.days)}" if failure.days else f"{job} run"
    steps = [f"{harmless(step)}: {error_text(error)}" for step, error in failure.steps.items()]
    if failure.is_due_to_checks and checks:
        steps = ["Nothing but its blocking checks:"]
    reasons = [error_text(failure.error)] if failure.error else []
    why = [*reasons, *steps] or ["No error message; see the run in the UI."]
    body = [f"The {about} failed.", "", *why, *(["", *_checks_text(checks)] if checks else [])]
    advice = _repeat(*failure.days) if failure.days else "analytics-etl doctor"
    alert = {"alertname": "RunFailed", "job": job, "run_id": failure.run_id, "summary": f"The {about} failed."}
    return Message(
        f"run:{failure.run_id}",
        "run_failed",
        _subject(f"FAILED: {about}"),
        _body(body, ["analytics-etl doctor", advice] if failure.days else [advice], failure.run_id),
        tuple(owners),
        alerts=(alert, *(_alert(check) for check in checks)),
    )


def checks_failed(run_id: str, checks: Sequence[CheckFailure], owners: Sequence[str]) -> Message:
    """The message about all checks that failed in a run that went on."""
    first = checks[0]
    days = spanned(min(c.start for c in checks), max(_last(c) for c in checks))
    more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
    advice = _repeat(min(c.start for c in checks), max(_last(c) for c in checks))
    severity = "error" if any(check.severity == "error" for check in checks) else "warn"
    return Message(
        f"checks:{run_id}",
        "checks_failed",
        _subject(f"CHECK FAILED: {first.table} {days}: {first.name}{more}"),
        _body(_checks_text(checks), ["analytics-etl doctor", advice], run_id),
        tuple(owners),
        severity,
        tuple(_alert(check) for check in checks),
    )


def tick_failed(kind: str, name: str, since: datetime, error: str, key: str, owners: Sequence[str]) -> Message:
    """The message about a schedule or sensor that raises an error."""
    name = harmless(name)
    about = f"The {kind} {name} fails since {_moment(since)}."
    body = [about, "", error_text(error) or "No error message.", "", f"Until it works, the {kind} starts no runs."]
    alert = {"alertname": "TickFailed", "instigator": name, "summary": about}
    subject = _subject(f"FAILED: {kind} {name}")
    return Message(key, "tick_failed", subject, _body(body, ["analytics-etl doctor"]), tuple(owners), alerts=(alert,))


def tick_missed(
    name: str, missed: Sequence[datetime], day: date | None, key: str, owners: Sequence[str]
) -> Message:  # fmt: skip
    """The message about missed ticks of a schedule, in order; `day` is the period that the last one should have run."""
    name = harmless(name)
    times = f"{len(missed)} times since" if len(missed) > 1 else "at"
    about = f"The schedule {name} did not run {times} {_moment(missed[0])}."
    body = [about, "", "Dagster's daemon was not running, or could not load the project."]
    commands = ["analytics-etl doctor", *([f"analytics-etl run {day}"] if day else [])]
    alert = {"alertname": "ScheduleMissed", "instigator": name, "summary": about}
    subject = _subject(f"MISSED: schedule {name} {times} {_moment(missed[0])}")
    return Message(key, "tick_missed", subject, _body(body, commands), tuple(owners), alerts=(alert,))


def daemon_died(part: str | None, last_seen: datetime, owners: Sequence[str]) -> Message:
    """The message about Dagster's daemon, or one part of it, without a heartbeat."""
    what = f"The part {part} of Dagster's daemon" if part else "Dagster's daemon"
    about = f"{what} gave its last sign of life at {_moment(last_seen)}."
    body = [about, "", "Schedules, sensors and backfills from the UI do not run until it is started again."]
    commands = ["systemctl restart analytics-etl-daemon    (or: analytics-etl ui)", "analytics-etl doctor"]
    alert = {"alertname": "DaemonDead", "part": part or "all", "summary": about}
    key = f"daemon:{part or 'all'}:{last_seen.timestamp():.0f}"
    return Message(key, "daemon_died", _subject(f"DEAD: {what}"), _body(body, commands), tuple(owners), alerts=(alert,))


def trial_message(now: datetime, owners: Sequence[str]) -> Message:
    """A message to test receivers."""
    body = "This is a test by `analytics-etl notify --test`. Nothing is wrong, and nothing is to be done.\n"
    alert = {"alertname": "Test", "summary": "A test; nothing is wrong."}
    key = f"test:{now.isoformat()}"
    return Message(key, "test", _subject("TEST: does this arrive?"), body, tuple(owners), "warn", (alert,), now)


def _checks_text(checks: Sequence[CheckFailure]) -> list[str]:
    lines = []
    for check in checks[:MANY]:
        weight = "" if check.severity == "error" else " (a warning)"
        rows = counted(check.unexpected_count, "unexpected row")
        lines += [
            f"{check.table}, {spanned(check.start, _last(check))}: the check {check.name} failed{weight}, {rows}.",
            f"  Expected: {harmless(check.description)}",
        ]
        # The sample of a check of a private column holds values of that column.
        is_private = any(name in check.name for name in PRIVATE_COLUMNS)
        lines += [f"    {row_text(row)}" for row in ([] if is_private else check.sample[:SAMPLE_ROWS])]
        lines.append("")
    if len(checks) > MANY:
        lines.append(f"... and {len(checks) - MANY} more failed checks.")
    return lines


def _alert(check: CheckFailure) -> dict[str, str]:
    return {
        "alertname": "CheckFailed",
        "table": check.table,
        "check": check.name,
        "period": check.start.isoformat(),
        "check_severity": check.severity,
        "summary": f"{harmless(check.description)} ({check.unexpected_count} unexpected rows)",
    }


def _body(lines: Sequence[str], commands: Sequence[str], run_id: str | None = None) -> str:
    end = ["", f"Run {run_id} in the UI has the details."] if run_id else []
    text = harmless("\n".join(lines).strip(), LONGEST_BODY, keep_lines=True)
    return "\n".join([text, "", "What to type next:", *(f"  {command}" for command in commands), *end, ""])


def _subject(text: str) -> str:
    return harmless(f"[analytics_etl] {text}", SUBJECT_LENGTH)


def _repeat(first: date, last: date) -> str:
    """The command that runs the days again."""
    command = f"analytics-etl run {first}" if first == last else f"analytics-etl backfill {first} {last}"
    return f"{command}    (once the cause is mended)"


def _last(check: CheckFailure) -> date:
    """Last day of the partition. For a view, start and end of the result are the same day."""
    return max(check.start, check.end - timedelta(days=1))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
