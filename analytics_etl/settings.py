"""The configuration: environment -> one frozen `Settings` value. Nothing else reads the environment.

What a setting means to an operator stands in the README's configuration table.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

CHECKOUT = Path(__file__).resolve().parent.parent
SQL_DIR = CHECKOUT / "sql"
TEMPLATES_DIR = CHECKOUT / "reports_templates"

DEFAULT_START_DATE = date(2025, 1, 1)

Value = TypeVar("Value")


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message says what was expected."""


@dataclass(frozen=True)
class Settings:
    """Every value the product can be configured with."""

    home: Path = CHECKOUT / ".analytics"
    """Everything the product writes on disk: the embedded server's data, Dagster's home, reports, temporary files."""

    database_url: str | None = field(default=None, repr=False)  # may hold a password
    """libpq URL of the PostgreSQL to use; None = the embedded server under `home`."""

    landing_dir: Path = CHECKOUT / ".analytics" / "landing"
    reports_dir: Path = CHECKOUT / ".analytics" / "reports"

    start_date: date = DEFAULT_START_DATE
    """First daily partition."""

    lateness_days: int = 7
    """A day is provisional until so many days have passed after it, then final."""

    change_limit_percent: int = 5
    """A final period that would change by more than this (rows, or any measure) is published only when told to."""

    trending_min_downloads: int = 10
    """Downloads a module needs in the previous 7 days for its growth to be ranked."""

    loader_memory_mb: int = 256
    """Memory DuckDB may use while it parses landing files; beyond it, it spills to `home`/tmp."""

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def temporary_dir(self) -> Path:
        return self.home / "tmp"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read every `ANALYTICS_*` variable; raise SettingsError for a value that makes no sense."""

        def read(name: str, default: Value, parse: Callable[[str], Value], expected: str) -> Value:
            text = environment.get(name, "").strip()
            if not text:
                return default
            try:
                return parse(text)
            except ValueError as error:
                raise SettingsError(f"{name} must be {expected}, but is {text!r}") from error

        def folder(text: str) -> Path:
            return Path(text).expanduser().resolve()

        home = read("ANALYTICS_HOME", CHECKOUT / ".analytics", folder, "a folder")
        url = environment.get("ANALYTICS_DATABASE_URL", "").strip() or None
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            # The value itself is not repeated: it may hold a password.
            raise SettingsError(
                "ANALYTICS_DATABASE_URL must begin with postgresql://, e.g. postgresql://user@host:5432/db"
            )
        return cls(
            home=home,
            database_url=url,
            landing_dir=read("ANALYTICS_LANDING_DIR", home / "landing", folder, "a folder"),
            reports_dir=read("ANALYTICS_REPORTS_DIR", home / "reports", folder, "a folder"),
            start_date=read("ANALYTICS_START_DATE", DEFAULT_START_DATE, date.fromisoformat, "a date like 2025-01-01"),
            lateness_days=read("ANALYTICS_LATENESS_DAYS", 7, _at_least(0), "a whole number of days, 0 or more"),
            change_limit_percent=read("ANALYTICS_CHANGE_LIMIT_PERCENT", 5, _at_least(0), "whole percent, 0 or more"),
            trending_min_downloads=read(
                "ANALYTICS_TRENDING_MIN_DOWNLOADS", 10, _at_least(1), "a whole number of downloads, 1 or more"
            ),
            loader_memory_mb=read("ANALYTICS_LOADER_MEMORY_MB", 256, _at_least(128), "megabytes, 128 or more"),
        )


def _at_least(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise ValueError(text)
        return number

    return parse
