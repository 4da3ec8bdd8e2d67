"""Commands that ask about the schemas of the registry: health, recommendations, and who downloads which versions."""

from datetime import datetime

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import FORMAT, answer
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import registry_schemas as queries


@click.command()
@ranges.days()
@click.option("--module", type=Text(), help="Name of a module; all modules by default.")
@FORMAT
def health(form: str, first: datetime, last: datetime | None, module: str | None) -> None:
    """The health of schemas on each day: the score of 0 to 100, its five parts, and why a part is not known.

    The lowest scores of a day come first. docs/health-scoring.md explains the formula.

    \b
    analytics-etl query registry health --from yesterday
    analytics-etl query registry health --from 2025-03-01 --to 2025-03-31 --module hooli.audit.export.v3
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    until = (last or first).date()
    answer(form, lambda database: queries.health(database, first.date(), until, module))


@click.command()
@click.option("--module", type=Text(), help="Name of a module; all modules by default.")
@click.option("--state", type=click.Choice(["open", "closed"]), help="Those of one state; all by default.")
@FORMAT
def recommendations(form: str, module: str | None, state: str | None) -> None:
    """What would make schemas healthier, and since when it is so; what was done has the state closed.

    The newest day with scores decides what is open. A recommendation that is closed and comes again has a row for each
    time.

    \b
    analytics-etl query registry recommendations --state open
    analytics-etl query registry recommendations --module hooli.audit.export.v3
    """  # noqa: D301 - the same
    answer(form, lambda database: queries.recommendations(database, module, state))


@click.command()
@click.argument("module", type=Text())
@ranges.days()
@click.option(
    "--by", type=click.Choice(["organization", "client"]), default="organization", show_default=True,
    help="Who downloads it: organisations, or client libraries and their versions.",
)  # fmt: skip
@FORMAT
def consumers(form: str, module: str, first: datetime, last: datetime | None, by: str) -> None:
    """Who downloads a module, and how many versions each organisation or client is behind the newest one.

    So it says who is hurt when an old version goes. Those that are furthest behind come first.

    \b
    analytics-etl query registry consumers hooli.audit.export.v3 --from 2025-03-01 --to 2025-03-31
    analytics-etl query registry consumers hooli.audit.export.v3 --from 2025-03-01 --to 2025-03-31 --by client
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: queries.consumers(database, module, first.date(), until, by_client=by == "client"))
