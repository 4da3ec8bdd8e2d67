"""The configuration: one frozen `Settings` value. The type of each setting parses its text (see `values`).

docs/configuration.md describes the settings for operators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analytics_etl.config import parameters as declared
from analytics_etl.config import urls, values
from analytics_etl.config.agreement import disagreement
from analytics_etl.config.owners import Owners
from analytics_etl.config.report_receivers import ReportReceivers
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
"""Whether this is an installed wheel: it contains the files that lie beside the package in a checkout."""
PROJECT = _PACKAGE / "project" if IS_INSTALLED else CHECKOUT
SQL_DIR = PROJECT / "sql"
TEMPLATES_DIR = PROJECT / "reports_templates"
HOME = (Path.cwd() if IS_INSTALLED else CHECKOUT) / ".analytics"
"""The default home: in the checkout, or, for a wheel, in the working folder."""

DEFAULT_START_DATE = date(2025, 1, 1)


class SettingsError(ValueError):
    """An environment variable has an invalid value; the message says what was expected."""


@dataclass(frozen=True)
class Settings:
    """All settings of the product."""

    home: values.Folder = HOME
    """Everything the product writes on disk: the embedded server's data, Dagster's home, reports, temporary files."""

    database_url: values.DatabaseUrl = field(default=None, repr=False)  # may hold a password
    """libpq URL of the PostgreSQL to use; None = the embedded server under `home`."""

    statement_hours: values.Hours = 6
    """Hours after which PostgreSQL cancels a statement."""

    landing_dir: values.Folder = HOME / "landing"
    reports_dir: values.Folder = HOME / "reports"

    reports_url: values.PublicUrl = None
    """URL under which people read `reports_dir`, without a / at its end. The UI links to it; None = file paths."""

    exports_dir: values.Folder = HOME / "exports"
    """Where `export` writes the files of aggregates for a static host."""

    families: values.Families = ()
    """The families of events that are there; the tables of others are not made, checked or shown. None named = all."""

    start_date: values.Day = DEFAULT_START_DATE
    """First daily partition."""

    lateness: values.Lateness = PerTable(7)
    """Allowed lateness in days: a day is provisional until this many days have passed, then final."""

    volume_factor: values.VolumeFactor = PerTable(2.0)
    """A day is unusual with more rows than this factor times its weekday's median, or fewer than the median divided by
    it; None = never.
    """

    most_events: values.MostEvents = PerTable(None)
    """A check warns about a day with more events; None = any number. All events are loaded."""

    change_limit_percent: values.Percent = 5
    """A final period whose rows or measures would change by more is published only after approval."""

    parameters: Mapping[str, declared.Value] = field(
        default_factory=lambda: declared.values(declared.load_parameters(SQL_DIR), {})
    )
    """{parameter: value}: what SELECTs may name, as `sql/<family>/parameters.yaml` declares it."""

    loader_memory_mb: values.Megabytes = 256
    """Memory DuckDB may use to parse landing files; beyond it, DuckDB spills to `home`/tmp."""

    dagster_keep_days: values.Days = 30
    """Days that runs and their event logs are kept. The latest run of each partition is kept for ever."""

    alert_keep_days: values.Days = 400
    """Days that alerts that are over are kept, counted from the newest day; older days are judged no more."""

    run_launcher: values.File = None
    """A dagster.yaml whose run launcher starts the daemon's runs; None = each is a process on the daemon's machine."""

    roles: values.RoleNames = None
    """Database roles that grants are set for; None = the connecting user owns and reads everything."""

    lake_dir: values.LakePlace = HOME / "lake"
    """The lake: the valid rows of every raw day as Parquet, which derived tables are computed from."""

    lake_url: str | None = None
    """s3://bucket/prefix of a lake on S3, if ANALYTICS_LAKE names one; then `lake_dir` is not used."""

    lake_copies_mb: values.Megabytes = 20_000
    """What the copies of files of a lake on S3 may take below `home`, unless a run needs more at once."""

    engine: values.EngineName = "duckdb"
    """What computes derived tables from the lake: duckdb in this process, or spark."""

    spark: values.SparkMaster = field(default="local[*]", repr=False)  # may hold a token
    """Where Spark runs: local[*] in this process, spark:// a cluster, sc:// a Spark Connect server."""

    engine_memory_mb: values.Megabytes = 512
    """Memory the engine may use in this process to compute a derived table from the lake; beyond it, it spills to
    `home`/tmp. Spark in this process takes at least 1024.
    """

    archive_dir: values.Folder = HOME / "archive"
    """Where an earlier version put archived days, until they are taken over into the lake."""

    hot_days: values.HotDays = PerTable(90)
    """Days a raw day is in PostgreSQL, too, counted from the table's newest day, and at least as long as it may change.

    0 = none is, None = all are.
    """

    lake_days: values.KeptDays = PerTable(None)
    """Days a raw day stays in the lake, counted likewise; then its rows are gone. None = for ever."""

    personal_retention: values.PersonalRetention = PerTable(30)
    """Days that personal columns keep their values, counted likewise; then they are set to NULL, also in the lake."""

    pseudonym_key: values.Key = field(default=None, repr=False)
    """Key of the pseudonyms that stand for users; None = a random one, kept in `home`."""

    keep_raw_events: values.YesOrNo = PerTable(default=True)
    """Whether raw days are kept, in the table and then in the lake, after all derived tables of them are final."""

    restored_days: values.Days = 7
    """Days that a restored day stays in its table, counted by the table's newest day."""

    renamed: tuple[str, ...] = ()
    """A line for each variable that was set under its name of an earlier version."""

    owners: values.Owned = field(default_factory=Owners)
    """The owners of tables: assets show them, and they are notified of failures."""

    smtp_url: values.MailUrl = field(default=None, repr=False)  # may hold a password
    """Mail server for notifications, smtp:// or smtps://; None = no e-mail."""

    notify_email: values.Addresses = ()
    """(owner, address) pairs; the owner * stands for every owner."""

    notify_sender: values.Address = "analytics-etl@localhost"

    notify_webhook: values.HttpUrl = field(default=None, repr=False)  # may hold a token
    """URL that receives notifications as POST requests."""

    reports_to: values.ReportsTo = field(default_factory=ReportReceivers)
    """Who is sent which reports, by family and cadence."""

    reports_webhook: values.HttpUrl = field(default=None, repr=False)  # may hold a token
    """URL that receives reports as POST requests."""

    heartbeat_url: values.HttpUrl = field(default=None, repr=False)  # may hold a token
    """Heartbeat: URL that the notification sensor requests while all is well."""

    heartbeat_file: values.File = None
    """Heartbeat: file that the notification sensor touches while all is well."""

    allowed_hosts: values.Hosts = ()
    """Host names that the web server and the metrics accept, beside localhost and its addresses."""

    api_jwt_keys: values.File = None
    """A JWKS file: public keys of the issuer whose JWTs the API accepts; None = it accepts tokens of its own only."""

    api_jwt_issuer: values.Claim = None
    """What the claim `iss` of a JWT must say."""

    api_jwt_audience: values.Claim = "analytics-etl"
    """What the claim `aud` of a JWT must name."""

    api_requests_per_minute: values.MostRequests = 600
    """Requests of a token that the API answers in a minute; None = any number."""

    api_live_sockets: values.Sockets = 200
    """Clients that one process of the API sends live updates to, at most; 0 = to none."""

    api_cors_origins: values.Origins = ()
    """Origins whose web pages may read the API; none by default."""

    daemon_silence_minutes: values.Minutes = 5
    """Minutes without a heartbeat after which Dagster's daemon counts as dead."""

    def lateness_of(self, table: str, *, is_derived: bool) -> int:
        """The allowed lateness of a table in days. A derived table, unless named, has the longest of its family."""
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
            "ANALYTICS_HOT_DAYS": self.hot_days,
            "ANALYTICS_LAKE_DAYS": self.lake_days,
            "ANALYTICS_PERSONAL_RETENTION_DAYS": self.personal_retention,
        }

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def secrets(self) -> list[str]:
        """The secrets: the key of pseudonyms, and in URLs passwords, and paths that may be tokens."""
        found = (
            self.database_url,
            self.smtp_url,
            self.notify_webhook,
            self.reports_webhook,
            self.heartbeat_url,
            self.spark,
        )
        keys = [self.pseudonym_key] if self.pseudonym_key else []
        return keys + [secret for url in found if url for secret in urls.secrets_of(url)]

    @property
    def temporary_dir(self) -> Path:
        return self.home / "tmp"

    @property
    def lake_copies_dir(self) -> Path:
        """Folder of the copies of files of a lake on S3."""
        return self.home / "lake_copies"

    @property
    def lake_place(self) -> str:
        """Where the lake lies, as ANALYTICS_LAKE names it."""
        return self.lake_url or str(self.lake_dir)

    @property
    def own_runs_dir(self) -> Path:
        """Folder of landing files that the product writes itself: the landing folder may be read-only."""
        return self.home / "own_runs"

    @property
    def landing_dirs(self) -> tuple[Path, ...]:
        """The landing folders, read as one; of files with the same path the first folder's counts."""
        return self.landing_dir, self.own_runs_dir

    @classmethod
    def from_environment(cls, given: Mapping[str, str] = MappingProxyType({})) -> "Settings":
        """The settings of the `ANALYTICS_*` variables; `given` overrides the environment.

        Raise SettingsError, which names every variable with an invalid value.
        """
        # Importing pydantic takes a tenth of a second, which --help does not need.
        from analytics_etl.config.environment import read  # noqa: PLC0415

        found = read(given)
        if isinstance(found.get("lake_dir"), str):
            found["lake_url"] = found.pop("lake_dir")
        home = found.get("home", HOME)
        folders = {f"{name}_dir": home / name for name in ("landing", "reports", "exports", "lake", "archive")}
        settings = cls(**{**folders, **found})
        wrong = disagreement(settings)
        if wrong:
            raise SettingsError(wrong)
        return settings
