"""Commands that ask about the schemas of the registry: their health, and who downloads which versions."""

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
@click.argument("module", type=Text())
@ranges.days()
@FORMAT
def consumers(form: str, module: str, first: datetime, last: datetime | None) -> None:
    """Who downloads a module, and how many versions each organisation is behind the newest one.

    So it says who is hurt when an old version goes. Those that are furthest behind come first.

    \b
    analytics-etl query registry consumers hooli.audit.export.v3 --from 2025-03-01 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: queries.consumers(database, module, first.date(), until))
