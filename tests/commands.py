"""Typing commands in this process."""

from click.testing import CliRunner, Result

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """The environment that gives these settings."""
    return {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": settings.database_url or "",
        "ANALYTICS_LANDING_DIR": str(settings.landing_dir),
        "ANALYTICS_REPORTS_DIR": str(settings.reports_dir),
        "ANALYTICS_EXPORTS_DIR": str(settings.exports_dir),
        "ANALYTICS_LAKE": settings.lake_place,
        "ANALYTICS_START_DATE": settings.start_date.isoformat(),
        **({"ANALYTICS_FAMILIES": ",".join(settings.families)} if settings.families else {}),
    }


def call(arguments: str, environment: dict[str, str] | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner(env={"COLUMNS": "200", **(environment or {})}).invoke(main, arguments.split())
