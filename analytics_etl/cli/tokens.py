"""The command `token`: it makes, lists and revokes the tokens of the API."""

from datetime import UTC, datetime, timedelta

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import Column, actor, out
from analytics_etl.cli.typed import MOST_DAYS, Count, Text
from analytics_etl.ops import api_tokens
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database


@click.group()
def token() -> None:
    """Tokens of the API: who may ask, post or administer, until when.

    \b
    analytics-etl token create grafana --role viewer --expires 90
    analytics-etl token list
    analytics-etl token revoke 3
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@token.command()
@click.argument("name", type=Text())
@click.option(
    "--role", type=click.Choice(api_tokens.ROLES), required=True,
    help="viewer: read. editor: also acknowledge and rate. ingest: post events. admin: everything.",
)  # fmt: skip
@click.option("--tenant", type=Text(), help="The only tenant whose rows it gives access to; all of them by default.")
@click.option(
    "--expires", "days", type=Count(MOST_DAYS), default=90, show_default=True, help="Days until it is refused."
)
def create(name: str, role: api_tokens.Role, tenant: str | None, days: int) -> None:
    """Make a token for somebody, and show it: only now, since a hash of it is all that is kept.

    The first token ends the time in which everybody on the machine of the server may ask everything.

    \b
    analytics-etl token create grafana --role viewer --expires 90
    """  # noqa: D301 - the same
    expires_at = datetime.now(UTC) + timedelta(days=days)
    number, made = _database().run(api_tokens.create, actor(), name, role, expires_at, tenant)
    out.write(f"{made}\n")
    out.say(f"token {number} of {name}, {role}, until {expires_at:%F %H:%M} UTC; it is not shown again")


@token.command(name="list")
def listed() -> None:
    """List the tokens, the newest first: whose they are and whether they are valid; not the tokens themselves."""
    found = _database().run(api_tokens.listed)
    if not found:
        out.say("no token was made yet")
        return
    names = ["token_id", "name", "role", "tenant_id", "created_at", "expires_at", "state"]
    shown = [[_shown(row[name]) for name in names] for row in found]
    out.table([Column(name) for name in names], shown)


@token.command()
@click.argument("number", type=Count(2**31 - 1))
def revoke(number: int) -> None:
    """Revoke a token by its number in the list. Servers refuse it within a second.

    \b
    analytics-etl token revoke 3
    """  # noqa: D301 - the same
    if not _database().run(api_tokens.revoke, actor(), number):
        raise click.ClickException(f"there is no token {number} to revoke: analytics-etl token list")
    out.say(f"token {number} is revoked")


def _database() -> Database:
    settings = read_settings()
    migrations.upgrade(settings)
    return Database(settings)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%F %H:%M}"
    return "" if value is None else str(value)
