"""The commands `db-url` and `migrate`."""

import click

from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import Text
from analytics_etl.config.settings import Roles
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import database_url
from analytics_etl.postgres.roles import Tables


@click.command(name="db-url")
def db_url() -> None:
    """Print the URL of the database, starting the embedded server if it is the one. May print a password."""
    out.write(database_url(read_settings()) + "\n")


@click.command()
@click.option("--down", type=Text(), metavar="REVISION", help="Go back to a revision, or to 'base'; never drops rows.")
@click.option("--roles", "create", is_flag=True, help="Make the owner, loader and reader role if they are missing.")
def migrate(down: str | None, create: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Bring the database's event and ops tables to the newest revision. Every run does this by itself.

    With ANALYTICS_ROLES or --roles, also set owners and rights of all tables; as a superuser, or as the owner role.
    """
    settings = read_settings()
    if down and create:
        raise click.UsageError("--down and --roles do not go together")
    if down and down not in (known := ["base", *migrations.revisions()]):
        raise click.UsageError(f"there is no revision {down}, expected one of {', '.join(known)}")
    revision = migrations.downgrade(settings, down) if down else migrations.upgrade(settings)
    out.say(f"the database is at revision {revision}")
    names = settings.roles or (Roles() if create else None)
    if names is not None and not down:
        catalog = read_catalog(settings)
        created = migrations.set_grants(settings, names, Tables(catalog.contracts, catalog.derived), create=create)
        out.say(f"grants are set for {names.owner}, {names.loader} and {names.reader}")
        if created:
            out.say(f"made {', '.join(created)}; nobody can log in as them: grant them to roles with a password")
