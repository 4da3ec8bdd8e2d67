"""Everything that takes part when people are told: a database, an instance of Dagster, a mail server, a web server."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from events import DAY, ask
from notification_servers import Hook, Mailbox

from analytics_etl.config.settings import Settings
from analytics_etl.ops.records import CheckResult
from analytics_etl.orchestration import notifier
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database

NOW = datetime(2025, 3, 11, 0, 30, tzinfo=UTC)
SCHEDULED = {"dagster/schedule_name": "daily_schedule", "dagster/partition": DAY.isoformat()}
OPS = "team:data-platform"


@dataclass
class World:
    """A database with its instance of Dagster, a mail server and a web server."""

    settings: Settings
    instance: DagsterInstance
    mailbox: Mailbox
    hook: Hook

    @property
    def database(self) -> Database:
        return Database(self.settings)

    def run(self, tags: dict[str, str] | None = None, status: DagsterRunStatus = DagsterRunStatus.SUCCESS) -> str:
        run = create_run_for_test(self.instance, job_name="daily", status=status, tags=tags or SCHEDULED)
        return str(run.run_id)

    def check(self, run_id: str, name: str = "rows_are_few", **changes: Any) -> None:
        """Record a check's result as a run does; failed unless told otherwise."""
        given = {
            "table": "registry.download_events", "name": name, "start": DAY, "end": DAY + timedelta(days=1),
            "passed": False, "severity": "warn", "description": "Few rows are rejected.", "unexpected_count": 1,
            "sample": [{"day": "2025-03-10", "rows_rejected": 12}], **changes,
        }  # fmt: skip
        record_checks(self.database, [CheckResult(**given)], run_id)

    def tell(self, now: datetime = NOW) -> notifier.Outcome:
        return notifier.notify(self.database, self.instance, now)

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for _, mail in self.mailbox.mails]


def deliveries(world: World) -> dict[str, list[tuple[str, int]]]:
    """{receiver: [(state, attempts)]}, oldest notification first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for row in ask(world.settings.database_url, "select * from ops.deliveries order by notification_id"):
        found.setdefault(row["receiver"], []).append((row["state"], row["attempts"]))
    return found


def variables(world: World) -> dict[str, str]:
    return {
        "ANALYTICS_HOME": str(world.settings.home),
        "ANALYTICS_DATABASE_URL": world.settings.database_url or "",
        "ANALYTICS_SMTP_URL": world.mailbox.url,
        "ANALYTICS_NOTIFY_EMAIL": f"{OPS}=a@x.org",
        "ANALYTICS_NOTIFY_SENDER": "etl@x.org",
        "ANALYTICS_NOTIFY_WEBHOOK": world.hook.url,
    }
