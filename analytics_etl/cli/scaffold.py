"""The command `new-family`."""

import click

from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import Text
from analytics_etl.config.settings import CHECKOUT, IS_INSTALLED
from analytics_etl.pipeline.scaffolding import Checkout, ScaffoldingError, write_family, write_template


@click.command(name="new-family")
@click.argument("name", type=Text(), metavar="NAME")
@click.option(
    "--table", type=Text(), metavar="TABLE", help="Write a DDL to fill in, sql/NAME/events/TABLE.sql, and nothing else."
)
def new_family(name: str, table: str | None) -> None:
    """Write the files of a new family of events from the DDL of its tables.

    First its DDL, one file for each event table, which is the contract that landing files are held to; then what
    follows from it: migration, an aggregate per day, its check, their cases. docs/adding-a-family.md goes through it.

    \b
    analytics-etl new-family hosts --table ping_events   # writes sql/hosts/events/ping_events.sql: fill it in
    analytics-etl new-family hosts                       # writes the rest
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    if IS_INSTALLED:
        raise click.UsageError("a family is added to a checkout of the project, and this is an installed package")
    checkout = Checkout(CHECKOUT)
    try:
        if table is not None:
            path = write_template(checkout, name, table)
            out.say(f"wrote {path.relative_to(CHECKOUT)}: fill it in, then: analytics-etl new-family {name}")
            return
        written = write_family(checkout, name)
    except ScaffoldingError as error:
        raise click.UsageError(str(error)) from error
    for path in written:
        out.say(f"wrote {path.relative_to(CHECKOUT)}")
    out.say(
        f"Next: sample events in analytics_etl/families/sample/{name}.py, report in "
        f"analytics_etl/reporting/families/{name}.py; "
        "docs/adding-a-family.md shows both, and `make test` names what is missing"
    )
