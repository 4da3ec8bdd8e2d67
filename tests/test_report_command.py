"""`report` as it is typed: which periods have a report, and of which families."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import Server, settings_in
from events import load_and_aggregate
from test_cli import call, variables

from analytics_etl.partitions import period_end, period_start
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

DAY = date(2025, 3, 31)
TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def only_usage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The family usage was run, no other one."""
    settings = settings_in(tmp_path_factory.mktemp("only"), server.clone(), DAY - timedelta(days=1))
    load_and_aggregate(Warehouse(settings), DAY, DAY, ["usage"])
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
        (f"{period_end('week', period_start('week', TODAY))} --cadence week", "has not begun yet in UTC"),
        (f"{period_end('month', period_start('month', TODAY))} --cadence month", "has not begun yet in UTC"),
        ("2025-03-23 --cadence week", "2025-03-17 is before the first week, 2025-03-24"),
        ("2025-02-28 --cadence month", "2025-02-01 is before the first month, 2025-03-01"),
        ("2025-03-31 --family registries", "there is no family registries; expected --family with one of registry"),
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
    assert [line[:23] for line in result.stderr.splitlines()] == ["! no report of registry", "! no report of schedule"]
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


def test_the_week_and_month_that_have_begun_have_a_report(only_usage: Settings) -> None:
    for cadence in ("week", "month"):
        result = call(f"report {TODAY} --cadence {cadence} --family usage", variables(only_usage))
        assert result.exit_code == 0, result.output
