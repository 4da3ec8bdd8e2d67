"""The configuration: environment -> one frozen `Settings` value. Nothing else reads the environment.

What a setting means to an operator stands in docs/configuration.md.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

from analytics_etl.config import parameters as declared
from analytics_etl.config import urls
from analytics_etl.config.owners import Owners, parse_owners
from analytics_etl.text.visible import cut

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
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
"""Days that anything may be asked about: far from the ends of the calendar, so that there is a day before and after."""

LONGEST_TIME = 400_000
"""Days that a setting may span, a thousand years; what is kept for longer is kept for so long."""
LARGEST_NUMBER = 1_000_000
"""Of settings that are no days."""
LONGEST_NAME, LONGEST_PATH = 255, 4_000
"""Bytes of a file's name and of a path, as file systems have them."""
LONGEST_SHOWN = 200
"""Characters of a wrong value that an error repeats."""

_MOST_HOURS = 500
"""PostgreSQL counts milliseconds in 32 bits."""

Value = TypeVar("Value")


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message says what was expected."""


class _OutOfBoundsError(ValueError):
    """A value that would do but for its size; the message says how far it may go."""


@dataclass(frozen=True)
class Roles:
    """Names of the database roles: who owns it, who loads it, who reads it."""

    owner: str = "analytics_owner"
    loader: str = "analytics_loader"
    reader: str = "analytics_reader"


@dataclass(frozen=True)
class PerTable(Generic[Value]):
    """A value for every table, and others for some, which may be named with or without their schema."""

    default: Value
    tables: tuple[tuple[str, Value], ...] = ()

    def of(self, table: str) -> Value:
        named = dict(self.tables)
        return named.get(table, named.get(table.rsplit(".", maxsplit=1)[-1], self.default))


@dataclass(frozen=True)
class Settings:
    """Every value the product can be configured with."""

    home: Path = HOME
    """Everything the product writes on disk: the embedded server's data, Dagster's home, reports, temporary files."""

    database_url: str | None = field(default=None, repr=False)  # may hold a password
    """libpq URL of the PostgreSQL to use; None = the embedded server under `home`."""

    statement_hours: int = 6
    """Hours after which a statement is given up."""

    landing_dir: Path = HOME / "landing"
    reports_dir: Path = HOME / "reports"

    reports_url: str | None = None
    """Where people read `reports_dir`, without a / at its end: the UI links to it; None = it names files."""

    start_date: date = DEFAULT_START_DATE
    """First daily partition."""

    lateness: PerTable[int] = PerTable(7)
    """A day is provisional until so many days have passed after it, then final."""

    volume_factor: PerTable[float | None] = PerTable(2.0)
    """A day is unusual with more than so many times its weekday's median rows, or less than that part; None = never."""

    most_events: PerTable[int | None] = PerTable(None)
    """The most events a day may have before a check tells of it; None = any number. Nothing is cut off."""

    change_limit_percent: int = 5
    """A final period that would change by more than this (rows, or any measure) is published only when told to."""

    parameters: Mapping[str, declared.Value] = field(
        default_factory=lambda: declared.values(declared.load_parameters(SQL_DIR), {})
    )
    """What the SELECTs of the families may name, as `sql/<family>/parameters.yaml` declares it."""

    loader_memory_mb: int = 256
    """Memory DuckDB may use while it parses landing files; beyond it, it spills to `home`/tmp."""

    dagster_keep_days: int = 30
    """Runs and their event logs are kept so many days, and for ever while they hold the latest of some partition."""

    roles: Roles | None = None
    """Database roles that grants are set for; None = whoever connects does everything."""
    archive_dir: Path = HOME / "archive"

    retention: PerTable[int | None] = PerTable(90)
    """Days a raw day stays in its table, counted from the table's newest day; then it is archived and dropped."""

    personal_retention: PerTable[int | None] = PerTable(30)
    """The same for personal columns; then they are set to NULL, in the table and in archives."""

    keep_raw_events: PerTable[bool] = PerTable(default=True)
    """Whether raw days are kept (for their retention, then in the archive) once all was made of them and is final."""

    restored_days: int = 7
    """A restored day is left in its table until the newest day has moved on by so many days."""

    owners: Owners = field(default_factory=Owners)
    """Who owns which table: shown on assets, and told of failures."""

    smtp_url: str | None = field(default=None, repr=False)  # may hold a password
    """Mail server notifications go through, smtp:// or smtps://; None = no e-mail."""

    notify_email: tuple[tuple[str, str], ...] = ()
    """(owner, address) pairs; the owner * stands for every owner."""

    notify_sender: str = "analytics-etl@localhost"

    notify_webhook: str | None = field(default=None, repr=False)  # may hold a token
    """URL that notifications are posted to."""

    heartbeat_url: str | None = field(default=None, repr=False)  # may hold a token
    """URL that is asked for by the notification sensor as long as all is well."""

    heartbeat_file: Path | None = None
    """File that is touched likewise."""

    allowed_hosts: tuple[str, ...] = ()
    """Names, beside those of this machine for itself, by which the web server and the metrics may be asked for."""

    daemon_silence_minutes: int = 5
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
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read every `ANALYTICS_*` variable; raise SettingsError for a value that makes no sense."""

        def read(name: str, default: Value, parse: Callable[[str], Value], expected: str) -> Value:
            text = environment.get(name, "").strip()
            if not text:
                return default
            try:
                text.encode()
                return parse(text)
            except (ValueError, OverflowError) as error:
                shown = cut(repr(text), LONGEST_SHOWN)
                bounds = f" {error}" if isinstance(error, _OutOfBoundsError) else ""
                raise SettingsError(f"{name} must be {expected}{bounds}, but is {shown}") from error

        home = read("ANALYTICS_HOME", HOME, _folder, _A_FOLDER)
        url = _database_url(environment)
        smtp_url = _secret_url(environment, "ANALYTICS_SMTP_URL", ("smtp", "smtps"))
        nobody: tuple[tuple[str, str], ...] = ()
        addresses = read("ANALYTICS_NOTIFY_EMAIL", nobody, _addresses, "addresses, or owner=address,address; ...")
        owners = read("ANALYTICS_OWNERS", Owners(), parse_owners, _OWNERS)
        if bool(smtp_url) != bool(addresses) and not (smtp_url and owners.addresses):
            raise SettingsError(
                "ANALYTICS_SMTP_URL and ANALYTICS_NOTIFY_EMAIL belong together, but only "
                f"{'the first' if smtp_url else 'the second'} is set: without both, no e-mail would be sent"
            )
        return cls(
            home=home,
            database_url=url,
            statement_hours=read("ANALYTICS_STATEMENT_HOURS", 6, _hours, "whole hours from 1 to 500"),
            landing_dir=read("ANALYTICS_LANDING_DIR", home / "landing", _folder, _A_FOLDER),
            reports_dir=read("ANALYTICS_REPORTS_DIR", home / "reports", _folder, _A_FOLDER),
            reports_url=_public_url(environment, "ANALYTICS_REPORTS_URL"),
            start_date=read("ANALYTICS_START_DATE", DEFAULT_START_DATE, _day, "a date like 2025-01-01"),
            lateness=read(
                "ANALYTICS_LATENESS_DAYS",
                PerTable(7),
                _per_table(7, _days(0)),
                "whole days like 7, or 7,download_events=14",
            ),
            volume_factor=read(
                "ANALYTICS_VOLUME_FACTOR",
                PerTable(2.0),
                _per_table(2.0, _factor),
                "a number above 1 like 2, or 2,download_events=1.5; 0 or never switches it off",
            ),
            most_events=read("ANALYTICS_MOST_EVENTS_A_DAY", PerTable(None), _per_table(None, _most), _MOST_EVENTS),
            change_limit_percent=read("ANALYTICS_CHANGE_LIMIT_PERCENT", 5, _at_least(0), "whole percent, 0 or more"),
            parameters=_parameters(environment),
            loader_memory_mb=read("ANALYTICS_LOADER_MEMORY_MB", 256, _at_least(128), "megabytes, 128 or more"),
            dagster_keep_days=read("ANALYTICS_DAGSTER_KEEP_DAYS", 30, _days(1), "a whole number of days, 1 or more"),
            roles=read("ANALYTICS_ROLES", None, _roles, "three names, the owner's, the loader's and the reader's"),
            archive_dir=read("ANALYTICS_ARCHIVE_DIR", home / "archive", _folder, _A_FOLDER),
            retention=read("ANALYTICS_RETENTION_DAYS", PerTable(90), _per_table(90, _keeping), _KEEPING),
            personal_retention=read(
                "ANALYTICS_PERSONAL_RETENTION_DAYS", PerTable(30), _per_table(30, _keeping), _KEEPING
            ),
            keep_raw_events=read(
                "ANALYTICS_KEEP_RAW_EVENTS",
                PerTable(default=True),
                _per_table(default=True, parse_one=_yes_or_no),
                "yes, no, or yes,download_events=no",
            ),
            restored_days=read("ANALYTICS_RESTORED_DAYS", 7, _days(1), "a whole number of days, 1 or more"),
            owners=owners,
            smtp_url=smtp_url,
            notify_email=addresses,
            notify_sender=read("ANALYTICS_NOTIFY_SENDER", "analytics-etl@localhost", _address, "an e-mail address"),
            notify_webhook=_secret_url(environment, "ANALYTICS_NOTIFY_WEBHOOK", ("http", "https")),
            heartbeat_url=_secret_url(environment, "ANALYTICS_HEARTBEAT_URL", ("http", "https")),
            heartbeat_file=read("ANALYTICS_HEARTBEAT_FILE", None, _folder, "a file"),
            allowed_hosts=read("ANALYTICS_ALLOWED_HOSTS", (), _hosts, "names of hosts like etl.example.org,10.1.2.3"),
            daemon_silence_minutes=read("ANALYTICS_DAEMON_SILENCE_MINUTES", 5, _at_least(1), "minutes, 1 or more"),
        )


def _parameters(environment: Mapping[str, str]) -> dict[str, declared.Value]:
    try:
        return declared.values(declared.load_parameters(SQL_DIR), environment)
    except declared.ParameterError as error:
        raise SettingsError(str(error)) from error


_OWNERS = "owners like team:analytics, or registry=team:registry,a@x.org; usage=team:usage; team:analytics"
_A_FOLDER = "a folder: no ~ of a user there is not, no name too long"
_KEEPING = "days like 90, or 90,download_events=400; 0 or never keeps everything"


_MOST_EVENTS = "a number like 5000000, or never,download_events=5000000; 0 or never means any number"


def _most(text: str) -> int | None:
    return None if text.strip() in ("0", "never") else _at_least(1)(text)


def _yes_or_no(text: str) -> bool:
    if text.strip() not in ("yes", "no"):
        raise ValueError(text)
    return text.strip() == "yes"


def _keeping(text: str) -> int | None:
    return None if text.strip() in ("0", "never") else _days(1)(text)


def _factor(text: str) -> float | None:
    if text.strip() in ("0", "never"):
        return None
    factor = float(text)
    if not 1 < factor < math.inf:
        raise ValueError(text)
    if factor > LARGEST_NUMBER:  # rows times this is still a number
        raise _OutOfBoundsError(f"and at most {LARGEST_NUMBER:,}")
    return factor


def _per_table(default: Value, parse_one: Callable[[str], Value]) -> Callable[[str], PerTable[Value]]:
    def parse(text: str) -> PerTable[Value]:
        everywhere = default
        tables = []
        for part in text.split(","):
            table, sign, number = part.rpartition("=")
            if sign and not table.strip():
                raise ValueError(text)
            if sign:
                tables.append((table.strip(), parse_one(number)))
            else:
                everywhere = parse_one(number)
        return PerTable(everywhere, tuple(tables))

    return parse


def _at_least(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise ValueError(text)
        if number > LARGEST_NUMBER:
            raise _OutOfBoundsError(f"and at most {LARGEST_NUMBER:,}")
        return number

    return parse


def _days(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise ValueError(text)
        return min(number, LONGEST_TIME)

    return parse


def typed_day(text: str) -> date:
    """A day as a person writes it. Raise ValueError, which says what was expected and what came."""
    try:
        return _day(text)
    except ValueError as error:
        shown = cut(repr(text), LONGEST_SHOWN)
        raise ValueError(f"expected a day like 2025-03-31, {FIRST_DAY} to {LAST_DAY}, got {shown}") from error


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise _OutOfBoundsError(f"from {FIRST_DAY} to {LAST_DAY}")
    return day


def _folder(text: str) -> Path:
    try:
        path = Path(text).expanduser().resolve()
    except (RuntimeError, OSError) as error:  # no such user, a link to itself, no working folder
        raise ValueError(text) from error
    if len(os.fsencode(path)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise ValueError(text)
    return path


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().strip("[]").lower() for host in text.split(","))
    if not all(re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", host) for host in hosts):
        raise ValueError(text)
    return hosts


def _hours(text: str) -> int:
    hours = int(text)
    if not 1 <= hours <= _MOST_HOURS:
        raise ValueError(text)
    return hours


def _roles(text: str) -> Roles | None:
    owner, loader, reader = names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name) for name in names):
        raise ValueError(text)
    return Roles(owner, loader, reader)


def _database_url(environment: Mapping[str, str]) -> str | None:
    """The database's URL, which is never repeated in an error: it may hold a password."""
    url = environment.get("ANALYTICS_DATABASE_URL", "").strip()
    if url:
        _refuse("ANALYTICS_DATABASE_URL", urls.check_database_url, url)
    return url or None


def _secret_url(environment: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    """A URL whose value is never repeated in an error: it may hold a password or token."""
    url = environment.get(name, "").strip()
    if url:
        _refuse(name, lambda text: urls.check_service_url(text, schemes), url)
    return url or None


def _public_url(environment: Mapping[str, str], name: str) -> str | None:
    """A URL that is shown to everybody."""
    url = environment.get(name, "").strip()
    if url:
        _refuse(name, urls.check_public_url, url)
    return url.rstrip("/") or None


def _refuse(name: str, check: Callable[[str], None], url: str) -> None:
    try:
        check(url)
    except urls.UrlError as error:
        raise SettingsError(f"{name} {error}") from None


def _addresses(text: str) -> tuple[tuple[str, str], ...]:
    """`team:a=x@y.org,z@y.org; team:b=...` or just addresses, which are for every owner."""
    found = []
    for group in filter(None, (part.strip() for part in text.split(";"))):
        owner, _, addresses = group.rpartition("=")
        found += [(owner.strip() or "*", _address(address)) for address in addresses.split(",") if address.strip()]
    return tuple(found)


def _address(text: str) -> str:
    if not re.fullmatch(r"[!-~]+@[!-~]+", text.strip()) or set(text) & set('<>,;"()'):
        raise ValueError(text)
    return text.strip()
