"""The settings of a command."""

from analytics_etl.cli.terminal import err
from analytics_etl.config.settings import Settings


def read_settings() -> Settings:
    """The settings of the environment. Say which variables have other names now."""
    settings = Settings.from_environment()
    for line in settings.renamed:
        err.say(line)
    return settings
