"""The command `alerts`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import click

from analytics_etl.cli.answers import FORMAT, answer
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import GOOD, actor, out
from analytics_etl.cli.typed import DAY, REASON, Clock, File, Moment, Text
from analytics_etl.families.queries import Page
from analytics_etl.pipeline import alert_queries
from analytics_etl.pipeline.alerts import judge
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_HOURS = 366 * 24
"""Of a silence by its length."""


@click.group()
def alerts() -> None:
    """What is wrong by the rules of sql/<family>/alerts.yaml, and what people do about it.

    An alert is named by the eight characters that `list` shows. Days are judged when they are published; what a person
    says counts at once, and is judged with the day it was said on. docs/alerts.md has the life of an alert.

    \b
    analytics-etl alerts list
    analytics-etl alerts ack 1f0c9a2e --reason "looking into it"
    analytics-etl alerts silence --label family=usage --hours 8 --reason "move to the new cluster"
    analytics-etl alerts test error_ratio_high --from 2025-03-01 --to 2025-03-31
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@alerts.command(name="list")
@click.option("--all", "with_ended", is_flag=True, help="Those that have ended, too.")
@FORMAT
def list_alerts(form: str, with_ended: bool) -> None:  # noqa: FBT001 - a flag of the command
    """List the alerts that are open or pending, the worst first."""

    def ask(database: Database) -> Page:
        catalog = read_catalog(database.settings)
        judge(database, catalog)
        return Page(alert_queries.current(database, catalog, with_ended=with_ended))

    answer(form, ask)


@alerts.command()
@click.argument("alert", type=Text())
@click.option("--incidents", is_flag=True, help="Its incidents with the times to acknowledge and to resolve instead.")
@FORMAT
def show(form: str, alert: str, incidents: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Show every change of an alert: when, by whom, from and to which state, and the value."""
    with _explained():
        answer(form, lambda database: Page(alert_queries.history(database, alert)[0 if incidents else 1]))


@alerts.command()
@click.argument("alert", type=Text())
@click.option("--reason", type=REASON, help="Why, for the audit log.")
def ack(alert: str, reason: str | None) -> None:
    """Say that you look after an alert: it is told no more until it ends."""
    _command(alert, "acknowledge", reason, "acknowledged")


@alerts.command()
@click.argument("alert", type=Text())
@click.option("--reason", type=REASON, help="Why, for the audit log.")
def resolve(alert: str, reason: str | None) -> None:
    """Say that an alert is over. It is not triggered again before its condition has ended once."""
    _command(alert, "resolve", reason, "resolved")


@alerts.command()
@click.option(
    "--label",
    "labels",
    type=Text(),
    multiple=True,
    required=True,
    metavar="NAME=VALUE",
    help="* is any text in a value.",
)
@click.option("--from", "first", type=Moment(), help="From then on; now by default.")
@click.option("--to", "last", type=Moment(), help="Until then.")
@click.option("--hours", type=click.FloatRange(0, _MOST_HOURS, min_open=True), help="For so long, instead of --to.")
@click.option("--weekday", "weekdays", multiple=True, type=click.Choice(_WEEKDAYS), help="Only on these days.")
@click.option(
    "--between", type=Clock(), nargs=2, default=("00:00", "00:00"), metavar="FROM TO", help="Only in these hours, UTC."
)
@click.option("--reason", type=REASON, required=True, help="Why, for the audit log.")
def silence(
    labels: tuple[str, ...], first: datetime | None, last: datetime | None, hours: float | None,
    weekdays: tuple[str, ...], between: tuple[str, str], reason: str,
) -> None:  # fmt: skip
    """Tell nobody of some alerts for a time. What is still open at its end is told then.

    `alertname` and `severity` are labels, too.
    """
    if wrong := [label for label in labels if "=" not in label]:
        raise click.UsageError(f"expected --label NAME=VALUE, but came {wrong[0]}")
    starts = datetime.now(UTC) if first is None else _utc(first)
    if (last is None) == (hours is None):
        raise click.UsageError("expected one of --to and --hours")
    ends = starts + timedelta(hours=hours) if hours is not None else _utc(last)
    matchers: dict[str, str] = {name: value for name, _, value in (label.partition("=") for label in labels)}
    numbers = [_WEEKDAYS.index(day) for day in weekdays] or ([*range(7)] if between[0] != between[1] else [])
    settings = read_settings()
    migrations.upgrade(settings)
    with _explained():
        alert_queries.silence(Database(settings), matchers, starts, ends, actor(), reason, numbers, between)
    out.say(GOOD, f" silent until {ends:%Y-%m-%d %H:%M} UTC: {', '.join(labels)}")


@alerts.command()
@click.argument("rule", type=Text())
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, included.")
@click.option("--file", "path", type=File(), help="A file with the rule.")
@FORMAT
def test(form: str, rule: str, first: datetime, last: datetime, path: Path | None) -> None:
    """Say what a rule would have done in the days of a range, before it is switched on."""

    def ask(database: Database) -> Page:
        catalog = read_catalog(database.settings)
        found = alert_queries.rule_named(catalog, rule, path)
        return Page(alert_queries.tried(database, catalog, found, first.date(), last.date()))

    with _explained():
        answer(form, ask)


@alerts.command()
@click.option("--rule", "names", type=Text(), multiple=True, help="Only these; all by default.")
def export(names: tuple[str, ...]) -> None:
    """Print the rules as alerting rules of Prometheus, for those who watch the same metrics there."""
    catalog = read_catalog(read_settings())
    with _explained():
        out.write(alert_queries.exported(catalog, names))


def _command(alert: str, kind: Literal["acknowledge", "resolve"], reason: str | None, done: str) -> None:
    settings = read_settings()
    migrations.upgrade(settings)
    database, catalog = Database(settings), read_catalog(settings)
    with _explained():
        judge(database, catalog)
        key = alert_queries.command(database, catalog, alert, kind, actor(), reason, datetime.now(UTC))
    out.say(GOOD, f" {done}: {key}")


def _utc(moment: Any) -> datetime:
    given: datetime = moment
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given


@contextmanager
def _explained() -> Iterator[None]:
    """Say what was typed wrongly."""
    try:
        yield
    except alert_queries.AlertError as error:
        raise click.UsageError(str(error)) from error
