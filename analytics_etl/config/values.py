"""The types of settings. Each parses the text of an environment variable and describes valid texts.

A parser raises ValueError for an invalid text.
"""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from analytics_etl.config import names, urls
from analytics_etl.config.formats import LONGEST_SHOWN, OutOfBoundsError, TextFormat, UrlFormat
from analytics_etl.config.owners import Owners, parse_owners
from analytics_etl.config.report_receivers import ReportReceivers, parse_report_receivers
from analytics_etl.text.visible import cut

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
"""Days that a person may name: far from the ends of the calendar, so that each has a day before and after."""

LONGEST_TIME = 400_000
"""Most days of a setting, a thousand years; larger numbers count as this one."""
LARGEST_NUMBER = 1_000_000
"""Largest number of settings that are not in days."""
LONGEST_NAME, LONGEST_PATH = 255, 4_000
"""Bytes of a file name and of a path: limits of file systems."""
ENGINES = ("duckdb", "spark")
"""What may compute tables from the lake."""

_MOST_HOURS = 500
"""PostgreSQL counts milliseconds in 32 bits."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Roles:
    """Names of the database roles that own, load and read."""

    owner: str = "analytics_owner"
    loader: str = "analytics_loader"
    reader: str = "analytics_reader"


@dataclass(frozen=True)
class PerTable(Generic[Value]):
    """A default value, and values of named tables, with or without their schema."""

    default: Value
    tables: tuple[tuple[str, Value], ...] = ()

    def of(self, table: str) -> Value:
        named = dict(self.tables)
        return named.get(table, named.get(table.rsplit(".", maxsplit=1)[-1], self.default))


def _most(text: str) -> int | None:
    return None if text.strip() in ("0", "never") else _at_least(1)(text)


def _yes_or_no(text: str) -> bool:
    if text.strip() not in ("yes", "no"):
        raise ValueError(text)
    return text.strip() == "yes"


def _keeping(text: str) -> int | None:
    return None if text.strip() in ("0", "never") else _days(1)(text)


def _hot(text: str) -> int | None:
    return None if text.strip() == "never" else _days(0)(text)


def _factor(text: str) -> float | None:
    if text.strip() in ("0", "never"):
        return None
    factor = float(text)
    if not 1 < factor < math.inf:
        raise ValueError(text)
    if factor > LARGEST_NUMBER:  # rows times the factor must not overflow
        raise OutOfBoundsError(f"and at most {LARGEST_NUMBER:,}")
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
            raise OutOfBoundsError(f"and at most {LARGEST_NUMBER:,}")
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
    """Parse a day that a person typed. Raise ValueError: what was expected, what came."""
    try:
        return _day(text)
    except ValueError as error:
        shown = cut(repr(text), LONGEST_SHOWN)
        raise ValueError(f"expected a day like 2025-03-31, {FIRST_DAY} to {LAST_DAY}, got {shown}") from error


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise OutOfBoundsError(f"from {FIRST_DAY} to {LAST_DAY}")
    return day


def _folder(text: str) -> Path:
    if "://" in text:  # as a path it would be a folder named "s3:" in the working folder
        raise ValueError(text)
    try:
        path = Path(text).expanduser().resolve()
    except (RuntimeError, OSError) as error:  # unknown user, a link to itself, a removed working folder
        raise ValueError(text) from error
    if len(os.fsencode(path)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise ValueError(text)
    return path


def _lake(text: str) -> Path | str:
    if not text.startswith("s3:"):
        return _folder(text)
    urls.check_lake_url(text)
    return text.rstrip("/")


def _hours(text: str) -> int:
    hours = int(text)
    if not 1 <= hours <= _MOST_HOURS:
        raise ValueError(text)
    return hours


def _engine(text: str) -> str:
    if text not in ENGINES:
        raise ValueError(text)
    return text


def _roles(text: str) -> Roles | None:
    owner, loader, reader = listed = [name.strip() for name in text.split(",")]
    if len(set(listed)) < len(listed) or not all(re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name) for name in listed):
        raise ValueError(text)
    return Roles(owner, loader, reader)


def _check_key(text: str) -> None:
    if not re.fullmatch(r"[!-~]{16,500}", text):
        raise urls.UrlError("must be 16 characters or more, without blanks")


Folder = Annotated[Path, TextFormat(_folder, "a folder: no URL, no ~ of a user there is not, no name too long")]
LakePlace = Annotated[
    Path,
    TextFormat(_lake, "a folder or s3://bucket/prefix: no other URL, no ~ of a user there is not, no name too long"),
]
File = Annotated[Path | None, TextFormat(_folder, "a file")]
Hours = Annotated[int, TextFormat(_hours, "whole hours from 1 to 500")]
Day = Annotated[date, TextFormat(_day, "a date like 2025-01-01")]
Days = Annotated[int, TextFormat(_days(1), "a whole number of days, 1 or more")]
Minutes = Annotated[int, TextFormat(_at_least(1), "minutes, 1 or more")]
Megabytes = Annotated[int, TextFormat(_at_least(128), "megabytes, 128 or more")]
Percent = Annotated[int, TextFormat(_at_least(0), "whole percent, 0 or more")]
Lateness = Annotated[PerTable[int], TextFormat(_per_table(7, _days(0)), "whole days like 7, or 7,download_events=14")]
VolumeFactor = Annotated[
    PerTable[float | None],
    TextFormat(
        _per_table(2.0, _factor),
        "a number above 1 like 2, or 2,download_events=1.5; 0 or never switches it off",
    ),
]
MostEvents = Annotated[
    PerTable[int | None],
    TextFormat(
        _per_table(None, _most),
        "a number like 5000000, or never,download_events=5000000; 0 or never means any number",
    ),
]
_KEEPING = "days like 90, or 90,download_events=400; 0 or never keeps everything"
HotDays = Annotated[
    PerTable[int | None],
    TextFormat(
        _per_table(90, _hot), "days like 90, or 90,download_events=400; 0 keeps none in PostgreSQL, never all of them"
    ),
]
RETENTION_DAYS = TextFormat(_per_table(90, _keeping), _KEEPING)
"""The format of ANALYTICS_HOT_DAYS under its name of an earlier version, where 0 meant never."""
KeptDays = Annotated[PerTable[int | None], TextFormat(_per_table(None, _keeping), _KEEPING)]
PersonalRetention = Annotated[PerTable[int | None], TextFormat(_per_table(30, _keeping), _KEEPING)]
YesOrNo = Annotated[
    PerTable[bool],
    TextFormat(_per_table(default=True, parse_one=_yes_or_no), "yes, no, or yes,download_events=no"),
]
EngineName = Annotated[str, TextFormat(_engine, " or ".join(ENGINES))]
SparkMaster = Annotated[str, UrlFormat(urls.check_spark_master)]
RoleNames = Annotated[Roles | None, TextFormat(_roles, "three names, the owner's, the loader's and the reader's")]
Owned = Annotated[
    Owners,
    TextFormat(
        parse_owners,
        "owners like team:analytics, or registry=team:registry,a@x.org; usage=team:usage; team:analytics",
    ),
]
Address = Annotated[str, TextFormat(names.address, "an e-mail address")]
Addresses = Annotated[
    tuple[tuple[str, str], ...], TextFormat(names.addresses, "addresses, or owner=address,address; ...")
]
ReportsTo = Annotated[
    ReportReceivers,
    TextFormat(
        parse_report_receivers,
        "families, cadences and receivers like registry.daily=team:registry,a@x.org; *.weekly=webhook",
    ),
]
Families = Annotated[tuple[str, ...], TextFormat(names.families, "names of families like registry,usage")]
Hosts = Annotated[tuple[str, ...], TextFormat(names.hosts, "names of hosts like etl.example.org,10.1.2.3")]
Claim = Annotated[str | None, TextFormat(names.claim, "a name without blanks, like https://login.example.org")]
Key = Annotated[str | None, UrlFormat(_check_key)]
MostRequests = Annotated[int | None, TextFormat(_most, "a number like 600; 0 or never means any number")]
Sockets = Annotated[int, TextFormat(_at_least(0), "a number of clients; 0 switches live updates off")]
Origins = Annotated[
    tuple[str, ...], TextFormat(names.origins, "origins like https://app.example.org,http://localhost:8000")
]
DatabaseUrl = Annotated[str | None, UrlFormat(urls.check_database_url)]
MailUrl = Annotated[str | None, UrlFormat(lambda url: urls.check_service_url(url, ("smtp", "smtps")))]
HttpUrl = Annotated[str | None, UrlFormat(lambda url: urls.check_service_url(url, ("http", "https")))]
PublicUrl = Annotated[str | None, UrlFormat(urls.check_public_url, without="/")]
