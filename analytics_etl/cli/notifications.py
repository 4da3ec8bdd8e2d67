"""The command `notify`: it collects failures and sends notifications."""

import sys
import time
from datetime import UTC, datetime

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import BAD, GOOD, err, out
from analytics_etl.cli.typed import SECONDS_OF_A_DAY, Count
from analytics_etl.config.settings import Settings
from analytics_etl.ops import outbox
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database


@click.command()
@click.option("--watch", is_flag=True, help="Do it again and again, until Ctrl-C.")
@click.option(
    "--every", type=Count(SECONDS_OF_A_DAY), default=60, show_default=True, help="Seconds between, with --watch."
)
@click.option("--test", "is_test", is_flag=True, help="Send a test message to every receiver instead.")
@click.option("--list", "is_list", is_flag=True, help="Show the newest messages and what became of them instead.")
def notify(watch: bool, every: int, is_test: bool, is_list: bool) -> None:  # noqa: FBT001 - flags of the command
    """Tell the owners of tables what went wrong: look once for new failures, send what is due.

    The daemon does the same each minute. Started by cron or systemd, this notices a daemon that has died, too. Exit
    code 1 if a receiver did not accept a message; it is tried again later.
    """
    settings = read_settings()
    if is_test:
        _test_receivers(settings)
    elif is_list:
        _list_notifications(settings)
    else:
        has_errors = notify_owners(settings)
        while watch:
            time.sleep(every)
            has_errors = notify_owners(settings)
        if has_errors:
            sys.exit(1)


def notify_owners(settings: Settings) -> bool:
    """Collect failures and send what is due, once; return whether a receiver refused a message."""
    from analytics_etl.orchestration import notifier  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.orchestration.instance import instance as dagster_instance  # noqa: PLC0415 - Dagster takes seconds to import

    with dagster_instance(settings) as instance:
        outcome = notifier.notify(Database(settings), instance, datetime.now(UTC))
    err.say(f"notifications: {outcome}")
    for receiver, said in outcome.errors.items():
        err.say(BAD, f" {receiver}: {said}")
    return bool(outcome.errors)


def _test_receivers(settings: Settings) -> None:
    from analytics_etl.alerting import DeliveryError, messages, receivers_of  # noqa: PLC0415 - only for this

    message = messages.trial_message(datetime.now(UTC), ["*"])
    failed = False
    for receiver in receivers_of(settings):
        try:
            with receiver.handing_over(message):
                out.say(GOOD, f" {receiver.name}")
        except DeliveryError as error:
            failed = True
            out.say(BAD, f" {receiver.name}: {error}")
    if failed:
        sys.exit(1)


def _list_notifications(settings: Settings) -> None:
    migrations.upgrade(settings)
    with Database(settings).transaction() as connection:
        found = outbox.listed(connection, 50)
    for row in found:
        state = f"{row['state']} (attempts: {row['attempts']})"
        error = f": {row['last_error']}" if row["last_error"] else ""
        out.say(f"{row['created_at']:%Y-%m-%d %H:%M}  {row['subject']}  →  {row['receiver']}: {state}{error}")
    if not found:
        out.say("there is no notification yet")
