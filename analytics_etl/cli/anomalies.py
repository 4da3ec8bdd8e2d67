"""The command `anomalies`."""

from datetime import UTC, datetime

import click

from analytics_etl.cli.answers import FORMAT, answer
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import GOOD, actor, out
from analytics_etl.cli.typed import REASON, Moment, Text
from analytics_etl.families.queries import Page
from analytics_etl.pipeline import anomalies as of_families
from analytics_etl.pipeline.anomalies import MOST_DAYS, SEVERITIES, AnomalyError, Verdict
from analytics_etl.pipeline.rule_anomalies import METHODS, by_rule
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database


@click.group()
def anomalies() -> None:
    """What was unusual in the series of all families, and what people say of it.

    An anomaly is named by the twelve characters that `list` shows. What is said counts from its day on: what is like a
    dismissed anomaly is told less, and a confirmed one is no part of what is expected (docs/anomalies.md).

    \b
    analytics-etl anomalies list --severity high
    analytics-etl anomalies dismiss 1f0c9a2e77b1 --reason "the nightly load test"
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@anomalies.command(name="list")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=7, show_default=True, help="Newest days.")
@click.option(
    "--severity", "least", type=click.Choice(SEVERITIES), default=SEVERITIES[0], help="This severity and worse."
)
@FORMAT
def list_anomalies(form: str, days: int, least: str) -> None:
    """List the anomalies of the newest days, the worst of a day first."""
    answer(form, lambda database: Page(of_families.begun(database, read_catalog(database.settings), days, least=least)))


@anomalies.command(name="by-rule")
@click.argument("rule", type=click.Choice(sorted(METHODS)))
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=7, show_default=True, help="Newest days.")
@FORMAT
def list_by_rule(form: str, rule: str, days: int) -> None:
    """List what a plain rule would tell of the newest days, and whether the detector tells it, too.

    limit: error ratios above 10 %. median: latencies above twice the median of seven days, and above 100 ms. z-score:
    all values two standard deviations from the mean of seven days. Of days the past is the last 30.
    """
    answer(form, lambda database: Page(by_rule(database, read_catalog(database.settings), rule, days)))


@anomalies.command()
@click.argument("anomaly", type=Text())
@click.option("--until", type=Moment(), help="Its points until then are not learned; by default, those of its bucket.")
@click.option("--reason", type=REASON, help="Why, for the audit log.")
def confirm(anomaly: str, until: datetime | None, reason: str | None) -> None:
    """Say that something was wrong: it is no part of what is expected, so that the next one like it is told, too."""
    _say(anomaly, "confirmed", reason, until)


@anomalies.command()
@click.argument("anomaly", type=Text())
@click.option("--reason", type=REASON, help="Why, for the audit log.")
def dismiss(anomaly: str, reason: str | None) -> None:
    """Say that nothing was wrong: what is unusual in the same way in this series counts half from now on."""
    _say(anomaly, "dismissed", reason, None)


def _say(name: str, verdict: Verdict, reason: str | None, until: datetime | None) -> None:
    settings = read_settings()
    migrations.upgrade(settings)
    ends_at = None if until is None else until.replace(tzinfo=UTC)
    try:
        row = of_families.say(
            Database(settings), read_catalog(settings), name, verdict, actor(), reason, datetime.now(UTC), ends_at
        )
    except AnomalyError as error:
        raise click.UsageError(str(error)) from error
    out.say(GOOD, f" {verdict}: {row['sentence']}")
