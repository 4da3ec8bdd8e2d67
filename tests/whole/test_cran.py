"""Real download logs through the whole path: every number equals one counted from the file by other means."""

import csv
import gzip
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from conftest import REAL_DATA, Server, needs_real_data, settings_in
from events import aggregate, ask, booked, ledger, load, rejected

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

pytestmark = needs_real_data

DAYS = [date(2012, 12, 26), date(2012, 12, 27)]


@dataclass
class Counted:
    """What a log holds, by package, counted line by line."""

    rows: int = 0
    downloads: Counter[str] = field(default_factory=Counter)
    size: Counter[str] = field(default_factory=Counter)
    users: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    countries: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    without_package: list[tuple[int, str]] = field(default_factory=list)


def count(log: Path) -> Counted:
    """Read a log with the standard library only."""
    counted = Counted()
    with gzip.open(log, "rt", encoding="utf-8", newline="") as lines:
        header = next(csv.reader([next(lines)]))
        for number, line in enumerate(lines, 2):
            row = dict(zip(header, next(csv.reader([line])), strict=True))
            counted.rows += 1
            package = row["package"]
            if package in ("", "NA"):
                counted.without_package.append((number, line.rstrip("\r\n")))
                continue
            counted.downloads[package] += 1
            counted.size[package] += int(row["size"])
            counted.users[package].add(row["ip_id"])
            if row["country"] not in ("", "NA"):
                counted.countries[package].add(row["country"])
    return counted


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with both logs loaded and aggregated."""
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("cran"), url, date(2012, 12, 1))
    shutil.copytree(REAL_DATA / "cran_events", settings.landing_dir / "download_events" / "cran_log")
    database = Database(settings)
    for table in ("compilation_events", "download_events", "module_view_events"):
        load(database, f"registry.{table}", *DAYS)
    aggregate(database, DAYS[0], DAYS[-1], families=["registry"])
    yield settings
    server.drop(url)


@pytest.fixture(scope="module")
def counts() -> dict[date, Counted]:
    return {day: count(REAL_DATA / "cran_events" / f"{day}.csv.gz") for day in DAYS}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_module_stats_equal_counts_from_the_file(loaded: Settings, counts: dict[date, Counted], day: date) -> None:
    expected = counts[day]
    found = ask(loaded.database_url, "select * from registry.module_stats_daily where day = %s", [day])
    assert len(found) == len(expected.downloads) > 1000
    assert {row["module_name"]: row["download_count"] for row in found} == expected.downloads
    assert {row["module_name"]: row["total_download_bytes"] for row in found} == expected.size
    assert {row["module_name"]: row["unique_users"] for row in found} == {p: len(u) for p, u in expected.users.items()}
    assert {row["module_name"]: row["unique_orgs"] for row in found} == {
        package: len(expected.countries[package]) for package in expected.downloads
    }
    unknown = {(r["failed_download_count"], r["compilation_count"], r["avg_compilation_duration_ms"]) for r in found}
    assert unknown == {(0, 0, None)}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_rows_without_a_package_are_rejected_by_their_line(
    loaded: Settings, counts: dict[date, Counted], day: date
) -> None:
    path = f"download_events/cran_log/{day}.csv.gz"
    reason = "module_name: is missing"
    expected = [(path, line, reason, content) for line, content in counts[day].without_package]
    assert expected
    assert rejected(loaded.database_url, path) == expected


def test_every_row_is_accounted_for(loaded: Settings, counts: dict[date, Counted]) -> None:
    for day in DAYS:
        path = f"download_events/cran_log/{day}.csv.gz"
        file, by_day = ledger(loaded.database_url)[path], booked(loaded.database_url)[path]
        bad = len(counts[day].without_package)
        assert (file["state"], file["rows_read"], file["rows_rejected"]) == ("read", counts[day].rows, bad)
        assert by_day == {day.isoformat(): (counts[day].rows, bad, counts[day].rows - bad, 0, 0)}


def test_weeks_and_months_hold_both_days(loaded: Settings, counts: dict[date, Counted]) -> None:
    both = counts[DAYS[0]].downloads + counts[DAYS[1]].downloads
    users = {
        package: len(counts[DAYS[0]].users.get(package, ())) + len(counts[DAYS[1]].users.get(package, ()))
        for package in both
    }  # a client number is valid within one day, so those of two days are different users
    for table in ("module_stats_weekly", "module_stats_monthly"):
        found = ask(loaded.database_url, f"select * from registry.{table}")
        assert {row["module_name"]: row["download_count"] for row in found} == both
        assert {row["module_name"]: row["unique_users"] for row in found} == users
