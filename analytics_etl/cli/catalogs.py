"""The catalogue as commands read it: broken files are reported once, and the command goes on without them."""

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.terminal import BAD, err
from analytics_etl.config.settings import Settings
from analytics_etl.text.english import shortened

_REPORTED = "analytics_etl.broken_files_reported"


def read_catalog(settings: Settings) -> Catalog:
    """The catalogue of these settings."""
    catalog = Catalog.of(settings)
    context = click.get_current_context(silent=True)
    if context is None or context.meta.get(_REPORTED):
        return catalog
    context.meta[_REPORTED] = True
    for file in catalog.broken_files:
        err.say(BAD, f" {file.reason}")
    if catalog.broken:
        err.say(f"  not made until that is mended: {shortened(sorted(catalog.broken))}")
    return catalog
