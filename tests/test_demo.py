"""The demonstration: it ends yesterday, is still useful after two nights alone, and goes away without a trace."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from due import settle
from events import all_tables, ask, declared, download, load_and_aggregate, write
from test_cli import call, variables

from analytics_etl import doctor, retention
from analytics_etl.assets.reports import write_index, write_report
from analytics_etl.cli import samples
from analytics_etl.cli.typed import yesterday
from analytics_etl.definitions import build_defs
from analytics_etl.demonstration import Demonstration
from analytics_etl.late import late_days
from analytics_etl.missing import known_days, make_plan
from analytics_etl.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

LAST = date(2025, 3, 31)


def test_samples_end_yesterday_and_are_the_same_on_the_same_day(tmp_path: Path) -> None:
    def made(folder: str, options: str = "") -> dict[str, bytes]:
        result = call(f"sample --to {tmp_path / folder} --days 1 --events-per-day 20 --format ndjson {options}")
        assert result.exit_code == 0, result.output
        files = (tmp_path / folder).rglob("*.ndjson")
        return {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in files}

    first = made("first")
    assert {Path(path).stem for path in first} == {str(yesterday())}
    assert made("second") == first
    assert {Path(path).stem for path in made("named", "--last-day 2025-03-31")} == {"2025-03-31"}


def test_left_alone_for_two_nights_it_is_as_useful_as_before(settings: Settings, warehouse: Warehouse) -> None:
    options = SampleOptions(last_day=LAST, days=2, events_per_day=100, families=tuple(FAMILIES))
    write_sample(settings.landing_dir, options)
    repository = build_defs(settings).get_repository_def()
    schedule = repository.get_schedule_def("daily_schedule")
    days = [LAST - timedelta(days=1), LAST]
    load_and_aggregate(warehouse, days[0], days[1])
    for night in (1, 2):
        midnight = datetime(2025, 3, 31, 0, 5, tzinfo=UTC) + timedelta(days=night + 1)
        asked = schedule.evaluate_tick(
            dg.build_schedule_context(scheduled_execution_time=midnight, repository_def=repository)
        )
        [request] = asked.run_requests or ()
        assert request.partition_key is not None
        days.append(date.fromisoformat(request.partition_key))
        load_and_aggregate(warehouse, days[-1], days[-1])
    assert days == [LAST + timedelta(days=n) for n in (-1, 0, 1, 2)]
    for day in days:
        write_report(warehouse, declared(), "registry", "day", day)
    page, _ = write_index(settings.reports_dir)
    leading = page.read_text(encoding="utf-8").split('class="latest"', 1)[1].split("href=", 1)[1]
    assert leading.startswith(f'"registry/daily/{LAST}.html"')

    today = days[-1] + timedelta(days=1)
    known = known_days(warehouse, days[-1])
    assert known == (days[0], days[-1])
    settle(warehouse, *known)
    assert make_plan(warehouse, declared(), *known).jobs == []
    assert late_days(warehouse, declared(), days[-1]) == set()
    assert list(retention.plan(warehouse, declared())) == []
    found = {finding.subject: finding for finding in doctor.examine(settings, declared(), today)}
    assert {subject for subject, finding in found.items() if not finding.is_well} <= {"volume", "daemon"}
    assert ask(settings.database_url, "select distinct is_final from ops.days") == [{"is_final": False}]


@pytest.fixture
def demo(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A small demo on the database of the test; its days are run without Dagster."""
    monkeypatch.setattr(samples, "DEMO_DAYS", 3)
    make = samples._make_events
    monkeypatch.setattr(samples, "_make_events", lambda *of: make(*of, events_per_day=20))

    def run(settings: Settings, first: date, last: date, _: str) -> None:
        load_and_aggregate(Warehouse(settings), first, last, ["registry"])

    monkeypatch.setattr(samples, "run_days", run)
    monkeypatch.setattr(samples, "_refuse_other_databases", lambda _: None)
    return settings


def files(settings: Settings) -> set[str]:
    found = settings.landing_dir.rglob("*")
    return {str(path.relative_to(settings.landing_dir)) for path in found if path.is_file()}


def test_again_on_the_same_and_on_another_day_and_away_again(demo: Settings) -> None:
    environment = variables(demo)
    write(demo, "download_events/mine.ndjson", [download(1, date(2025, 3, 29))])
    assert call("demo --last-day 2025-03-31", environment).exit_code == 0
    tables = all_tables(demo.database_url)
    times = {path: (demo.landing_dir / path).stat().st_mtime_ns for path in files(demo)}
    assert call("demo --last-day 2025-03-31", environment).exit_code == 0
    assert all_tables(demo.database_url) == tables
    assert {path: (demo.landing_dir / path).stat().st_mtime_ns for path in files(demo)} == times
    again = call("demo --last-day 2025-04-01", environment)
    assert again.exit_code == 0, again.output
    days = ask(
        demo.database_url,
        "select distinct period_start as day from ops.partitions where period_end = period_start + 1 order by 1",
    )
    assert [str(row["day"]) for row in days] == ["2025-03-30", "2025-03-31", "2025-04-01"]
    [changed, *_] = sorted(path for path in files(demo) if path.startswith("download_events/2025"))
    (demo.landing_dir / changed).write_bytes(b"")
    removed = call("demo --remove", environment)
    assert removed.exit_code == 0, removed.output
    assert files(demo) == {"download_events/mine.ndjson", changed}
    assert f"1 file changed since the demo made it, and left alone: {changed}" in removed.stdout
    assert {table: rows for table, rows in all_tables(demo.database_url).items() if rows} == {}
    assert Demonstration(demo).known() is None
    assert call("demo --remove", environment).stdout == "no demo is there\n"


def test_files_of_others_are_not_overwritten(demo: Settings) -> None:
    write(demo, "download_events/2025-03-31.ndjson.zst", [download(1, LAST)])
    refused = call("demo --last-day 2025-03-31", variables(demo))
    assert refused.exit_code == 1
    assert "1 file below" in refused.stderr
    assert "download_events/2025-03-31.ndjson.zst" in refused.stderr
    assert files(demo) == {"download_events/2025-03-31.ndjson.zst"}
