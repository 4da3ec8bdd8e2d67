"""The option that limits a command to some families."""

from collections.abc import Collection

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.typed import Text

FAMILY = click.option(
    "--family", "families", type=Text(), multiple=True, metavar="FAMILY",
    help="Only tables and reports of this family, like registry; may come more than once. All by default.",
)  # fmt: skip


def check_families(catalog: Catalog, families: Collection[str]) -> None:
    """Raise UsageError for an unknown family."""
    if unknown := sorted(set(families) - set(catalog.families)):
        raise click.UsageError(
            f"there is no family {', '.join(unknown)}; expected --family with one of {', '.join(catalog.families)}"
        )
