"""`report` as it is typed: which periods have a report, and of which families."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from commands import call, variables
from conftest import Server, settings_in
from events import declared, download, load_and_aggregate, write

from analytics_etl.catalog.calendar import Cadence, period_end, period_start
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.reports import build_report_asset, report_key
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 31)
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(scope="module")
def only_usage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The family usage was run, no other one."""
    settings = settings_in(tmp_path_factory.mktemp("only"), server.clone(), DAY - timedelta(days=1))
    load_and_aggregate(Database(settings), DAY, DAY, ["usage"])
    yield settings
    server.drop(settings.database_url or "")


def written(settings: Settings) -> set[str]:
    found = settings.reports_dir.glob("*/*/*.html")
    return {path.relative_to(settings.reports_dir).as_posix() for path in found}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("2099-12-31", "2099-12-31 is not over yet in UTC; the last day that has a report is"),
        (f"{TODAY}", f"{TODAY} is not over yet in UTC"),
        ("2025-03-29", "2025-03-29 is before the first day, 2025-03-30; set ANALYTICS_START_DATE to an earlier day"),
        (f"{period_end('week', period_start('week', TODAY))} --cadence week", "is over yet in UTC"),
        (f"{period_end('month', period_start('month', TODAY))} --cadence month", "is over yet in UTC; the last"),
        ("2025-03-23 --cadence week", "2025-03-17 is before the first week, 2025-03-24"),
        ("2025-02-28 --cadence month", "2025-02-01 is before the first month, 2025-03-01"),
        (
            "2025-03-31 --family registries",
            "there is no family registries; expected --family with one of platform, registry",
        ),
    ],
)
def test_a_report_that_cannot_be_is_refused(only_usage: Settings, arguments: str, expected: str) -> None:
    before = written(only_usage)
    result = call(f"report {arguments}", variables(only_usage))
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr
    assert written(only_usage) == before
    assert not (only_usage.reports_dir / "index.html").exists() or before


def test_families_that_were_never_run_are_left_out(only_usage: Settings) -> None:
    result = call(f"report {DAY}", variables(only_usage))
    assert (result.exit_code, result.stdout) == (0, f"{only_usage.reports_dir}/usage/daily/{DAY}.html\n")
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "! no report of platform", "! no report of registry", "! no report of schedules", "! no report of services",
    ]  # fmt: skip
    assert "usage/daily/2025-03-31.html" in (only_usage.reports_dir / "index.html").read_text()


def test_a_family_that_is_named(only_usage: Settings) -> None:
    shown = call(f"report {DAY} --family usage --cadence week", variables(only_usage))
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "usage/weekly/2025-W14.html" in written(only_usage)
    wanted = call(f"report {DAY} --family registry --family usage", variables(only_usage))
    assert wanted.exit_code == 1
    assert wanted.stderr.startswith("Error: no report of registry: registry.")
    assert wanted.stderr.endswith(f"are made by its first run: analytics-etl run {DAY}\n")
    assert {path.split("/")[0] for path in written(only_usage)} == {"usage"}


def test_the_week_and_month_that_have_begun_have_a_report_once_a_day_is_loaded(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone(), YESTERDAY)
    load_and_aggregate(Database(settings), YESTERDAY, YESTERDAY, ["usage"])
    for cadence in ("week", "month"):
        result = call(f"report {YESTERDAY} --cadence {cadence} --family usage", variables(settings))
        assert result.exit_code == 0, result.output
    server.drop(settings.database_url or "")


@pytest.mark.parametrize(
    ("arguments", "period", "remedy"),
    [
        ("2025-04-07", "2025-04-07", "run 2025-04-07"),
        ("2025-04-09 --cadence week", "the week from 2025-04-07 on", "backfill 2025-04-07 2025-04-13"),
        ("2025-05-31 --cadence month", "the month from 2025-05-01 on", "backfill 2025-05-01 2025-05-31"),
    ],
)
def test_of_a_period_without_a_loaded_day_nothing_is_written(
    only_usage: Settings, arguments: str, period: str, remedy: str
) -> None:
    before = written(only_usage)
    for family in (" --family usage", ""):
        result = call(f"report {arguments}{family}", variables(only_usage))
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"no report of usage: nothing of {period} is loaded, the newest day is 2025-03-31" in result.stderr
        assert result.stderr.endswith(f": analytics-etl {remedy}\n")
    assert written(only_usage) == before


def test_days_that_were_accepted_to_have_no_data_are_called_so(only_usage: Settings) -> None:
    accepted = call("accept-gap 2025-04-21 2025-04-27 --reason outage", variables(only_usage))
    assert accepted.exit_code == 0, accepted.output
    result = call("report 2025-04-21 --cadence week --family usage", variables(only_usage))
    assert result.stderr.endswith(
        ": somebody has accepted that there is no data; if there is: analytics-etl backfill 2025-04-21 2025-04-27\n"
    )


def test_families_that_lack_the_same_are_named_once(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone(), DAY)
    load_and_aggregate(Database(settings), DAY, DAY)
    result = call("report 2025-04-02", variables(settings))
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: no report of platform, registry, schedules, services, usage: nothing of 2025-04-02 is loaded, "
        "the newest day is 2025-03-31: analytics-etl run 2025-04-02\n"
    )
    assert not settings.reports_dir.exists() or written(settings) == set()
    server.drop(settings.database_url or "")


def test_a_family_without_a_loaded_day_is_left_out_and_named(server: Server, tmp_path: Path) -> None:
    """Registry has rows of the day, usage was loaded on the day and found nothing, schedules only on the day before."""
    settings = settings_in(tmp_path, server.clone(), DAY - timedelta(days=1))
    write(settings, "download_events/a.ndjson", [download(1)])
    load_and_aggregate(Database(settings), DAY, DAY, ["registry", "usage"])
    load_and_aggregate(Database(settings), DAY - timedelta(days=1), DAY - timedelta(days=1), ["schedules"])
    result = call(f"report {DAY}", variables(settings))
    assert result.exit_code == 0
    assert {path.split("/")[0] for path in written(settings)} == {"registry", "usage"}
    never_run, told, *also_never_run = result.stderr.splitlines()
    assert told == f"! no report of schedules: nothing of {DAY} is loaded, the newest day is 2025-03-30"
    assert [line.split(".")[0] for line in (never_run, *also_never_run)] == [
        "! no report of platform: platform",
        "! no report of services: services",
    ]
    page = (settings.reports_dir / "usage" / "daily" / f"{DAY}.html").read_text()
    assert "It has no events." in page
    assert "schedules/daily" not in page
    server.drop(settings.database_url or "")


def test_the_report_asset_writes_nothing_of_a_period_without_a_loaded_day(only_usage: Settings) -> None:
    before = written(only_usage)
    cadences: tuple[Cadence, ...] = ("day", "week", "month")
    for cadence in cadences:
        start = period_start(cadence, date(2025, 6, 10))
        assert materialized(only_usage, cadence, start, start) == []
    assert written(only_usage) == before
    assert len(materialized(only_usage, "day", DAY, DAY + timedelta(days=2))) > 0
    assert written(only_usage) == before | {f"usage/daily/{DAY}.html"}


def materialized(settings: Settings, cadence: Cadence, first: date, last: date) -> list[str]:
    """The partitions that a run of the report asset calls written."""
    asset = build_report_asset(declared(), "usage", cadence, Partitions.since(settings.start_date))
    key = report_key("usage", cadence)
    sources = [dg.AssetSpec(dep.asset_key) for dep in asset.specs_by_key[key].deps]
    names = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    result = dg.materialize(
        [*sources, asset],
        resources={"database": Database(settings)},
        tags={name: str(day) for name, day in names.items()},
    )
    assert result.success
    return [str(event.partition) for event in result.get_asset_materialization_events()]
