"""The configuration: one frozen `Settings` value, each setting with the way its text is read (see `values`).

What a setting means to an operator stands in docs/configuration.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analytics_etl.config import parameters as declared
from analytics_etl.config import urls, values
from analytics_etl.config.owners import Owners
from analytics_etl.config.values import PerTable, Roles

__all__ = [
    "CHECKOUT",
    "DEFAULT_START_DATE",
    "HOME",
    "IS_INSTALLED",
    "PROJECT",
    "SQL_DIR",
    "TEMPLATES_DIR",
    "PerTable",
    "Roles",
    "Settings",
    "SettingsError",
]

_PACKAGE = Path(__file__).resolve().parent.parent
CHECKOUT = _PACKAGE.parent
IS_INSTALLED = (_PACKAGE / "project").is_dir()
"""Whether this is a wheel, which has what stands beside the package in a checkout inside of it."""
PROJECT = _PACKAGE / "project" if IS_INSTALLED else CHECKOUT
SQL_DIR = PROJECT / "sql"
TEMPLATES_DIR = PROJECT / "reports_templates"
HOME = (Path.cwd() if IS_INSTALLED else CHECKOUT) / ".analytics"
"""Where things are kept unless told otherwise: in the checkout, or in the folder that a command is typed in."""

DEFAULT_START_DATE = date(2025, 1, 1)


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message says what was expected."""


@dataclass(frozen=True)
class Settings:
    """Every value the product can be configured with."""

    home: values.Folder = HOME
    """Everything the product writes on disk: the embedded server's data, Dagster's home, reports, temporary files."""

    database_url: values.DatabaseUrl = field(default=None, repr=False)  # may hold a password
    """libpq URL of the PostgreSQL to use; None = the embedded server under `home`."""

    statement_hours: values.Hours = 6
    """Hours after which a statement is given up."""

    landing_dir: values.Folder = HOME / "landing"
    reports_dir: values.Folder = HOME / "reports"

    reports_url: values.PublicUrl = None
    """Where people read `reports_dir`, without a / at its end: the UI links to it; None = it names files."""

    start_date: values.Day = DEFAULT_START_DATE
    """First daily partition."""

    lateness: values.Lateness = PerTable(7)
    """A day is provisional until so many days have passed after it, then final."""

    volume_factor: values.VolumeFactor = PerTable(2.0)
    """A day is unusual with more than so many times its weekday's median rows, or less than that part; None = never."""

    most_events: values.MostEvents = PerTable(None)
    """The most events a day may have before a check tells of it; None = any number. Nothing is cut off."""

    change_limit_percent: values.Percent = 5
    """A final period that would change by more than this (rows, or any measure) is published only when told to."""

    parameters: Mapping[str, declared.Value] = field(
        default_factory=lambda: declared.values(declared.load_parameters(SQL_DIR), {})
    )
    """What the SELECTs of the families may name, as `sql/<family>/parameters.yaml` declares it."""

    loader_memory_mb: values.Megabytes = 256
    """Memory DuckDB may use while it parses landing files; beyond it, it spills to `home`/tmp."""

    dagster_keep_days: values.Days = 30
    """Runs and their event logs are kept so many days, and for ever while they hold the latest of some partition."""

    roles: values.RoleNames = None
    """Database roles that grants are set for; None = whoever connects does everything."""
    archive_dir: values.Folder = HOME / "archive"

    retention: values.Retention = PerTable(90)
    """Days a raw day stays in its table, counted from the table's newest day; then it is archived and dropped."""

    personal_retention: values.PersonalRetention = PerTable(30)
    """The same for personal columns; then they are set to NULL, in the table and in archives."""

    keep_raw_events: values.YesOrNo = PerTable(default=True)
    """Whether raw days are kept (for their retention, then in the archive) once all was made of them and is final."""

    restored_days: values.Days = 7
    """A restored day is left in its table until the newest day has moved on by so many days."""

    owners: values.Owned = field(default_factory=Owners)
    """Who owns which table: shown on assets, and told of failures."""

    smtp_url: values.MailUrl = field(default=None, repr=False)  # may hold a password
    """Mail server notifications go through, smtp:// or smtps://; None = no e-mail."""

    notify_email: values.Addresses = ()
    """(owner, address) pairs; the owner * stands for every owner."""

    notify_sender: values.Address = "analytics-etl@localhost"

    notify_webhook: values.HttpUrl = field(default=None, repr=False)  # may hold a token
    """URL that notifications are posted to."""

    heartbeat_url: values.HttpUrl = field(default=None, repr=False)  # may hold a token
    """URL that is asked for by the notification sensor as long as all is well."""

    heartbeat_file: values.File = None
    """File that is touched likewise."""

    allowed_hosts: values.Hosts = ()
    """Names, beside those of this machine for itself, by which the web server and the metrics may be asked for."""

    daemon_silence_minutes: values.Minutes = 5
    """Minutes without a sign of life after which Dagster's daemon counts as dead."""

    def lateness_of(self, table: str, *, is_derived: bool) -> int:
        """The window of a table. A derived one waits for the longest of its family, unless it is named itself."""
        named = dict(self.lateness.tables)
        family, _, name = table.partition(".")
        if not is_derived or table in named or name in named:
            return self.lateness.of(table)
        return max(
            [
                self.lateness.default,
                *(d for other, d in named.items() if "." not in other or other.startswith(family + ".")),
            ]
        )

    @property
    def by_table(self) -> dict[str, PerTable[Any]]:
        """The settings that name tables, by variable."""
        return {
            "ANALYTICS_LATENESS_DAYS": self.lateness,
            "ANALYTICS_VOLUME_FACTOR": self.volume_factor,
            "ANALYTICS_RETENTION_DAYS": self.retention,
            "ANALYTICS_PERSONAL_RETENTION_DAYS": self.personal_retention,
        }

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def secrets(self) -> list[str]:
        """What must not be shown of the URLs: passwords, and paths of URLs that may be tokens."""
        found = (self.database_url, self.smtp_url, self.notify_webhook, self.heartbeat_url)
        return [secret for url in found if url for secret in urls.secrets_of(url)]

    @property
    def temporary_dir(self) -> Path:
        return self.home / "tmp"

    @property
    def own_runs_dir(self) -> Path:
        """Landing files that the product writes itself: the landing folder may be one where it can only read."""
        return self.home / "own_runs"

    @property
    def landing_dirs(self) -> tuple[Path, ...]:
        """The folders whose files are read as if they lay in one; of two with the same path the first one's counts."""
        return self.landing_dir, self.own_runs_dir

    @classmethod
    def from_environment(cls, given: Mapping[str, str] = MappingProxyType({})) -> "Settings":
        """As the `ANALYTICS_*` variables say; those that are given go before the environment's.

        Raise SettingsError, which tells of every variable whose value makes no sense.
        """
        # Pydantic takes a tenth of a second to import, which whoever asks for help need not wait for.
        from analytics_etl.config.environment import read  # noqa: PLC0415

        found = read(given)
        home = found.get("home", HOME)
        folders = {f"{name}_dir": home / name for name in ("landing", "reports", "archive")}
        settings = cls(**{**folders, **found})
        _check_mail(settings)
        return settings


def _check_mail(settings: Settings) -> None:
    has_url, has_addresses = bool(settings.smtp_url), bool(settings.notify_email)
    if has_url != has_addresses and not (has_url and settings.owners.addresses):
        raise SettingsError(
            "ANALYTICS_SMTP_URL and ANALYTICS_NOTIFY_EMAIL belong together, but only "
            f"{'the first' if has_url else 'the second'} is set: without both, no e-mail would be sent"
        )
