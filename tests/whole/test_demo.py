"""The demonstration: it ends yesterday, is still useful after two nights alone, and goes away without a trace."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import dagster as dg
import pytest
from commands import call, variables
from due import settle
from events import all_tables, ask, download, load_and_aggregate, write

from analytics_etl.catalog.calendar import Cadence, period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli import samples
from analytics_etl.cli.clock import yesterday
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import matrices
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline import gaps, retention
from analytics_etl.pipeline.demonstration import Demonstration
from analytics_etl.pipeline.late import late_days
from analytics_etl.pipeline.planning import known_days, make_plan
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.postgres.database import Database

LAST = date(2025, 3, 31)
FAMILIES_IN_USE = ("registry", "usage")  # those of the views that a reader opens first


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


NIGHTS = 2
VIEWS = ("registry.top_modules_30d", "registry.trending_modules", "usage.top_schemas", "usage.trending_schemas")


def test_left_alone_for_two_nights_it_is_as_useful_as_before(settings: Settings, database: Database) -> None:
    """The schedule asks for the days after the demo's last one, of which there are no files; its runs do them."""
    catalog = Catalog.of(settings)
    first = LAST - timedelta(days=15)  # both weeks that are compared, and a day that is final
    write_sample(
        settings.landing_dir, SampleOptions(last_day=LAST, days=16, events_per_day=100, families=FAMILIES_IN_USE)
    )
    load_and_aggregate(database, first, LAST)
    settle(database, first, LAST)
    cadences: tuple[Cadence, ...] = ("day", "week", "month")
    for family, cadence in product(FAMILIES_IN_USE, cadences):
        write_report(database, catalog, family, cadence, period_start(cadence, LAST))
    write_index(settings.reports_dir)
    before, final, wrong = useful(database), final_days(database), findings(settings, LAST)
    assert len(final) == 9
    nights = [LAST + timedelta(days=n + 1) for n in range(NIGHTS)]
    with dg.DagsterInstance.ephemeral() as instance:
        for day in nights:
            a_night(settings, instance, day)

    assert useful(database) == before
    assert final_days(database) == [*final, *(final[-1] + timedelta(days=n + 1) for n in range(NIGHTS))]
    assert (settings.reports_dir / "registry" / "daily" / f"{nights[-1]}.html").exists()
    known = known_days(database, nights[-1])
    assert known == (first, nights[-1])
    assert make_plan(database, catalog, *known).jobs == []
    assert late_days(database, catalog, nights[-1]) == set()
    assert gaps.find(database) == []
    assert list(retention.plan(database, catalog)) == []
    assert findings(settings, nights[-1]) <= wrong | {"volume"}
    [days, *_] = matrices(database, catalog, LAST, nights[-1])
    assert {cell.label for cells in days.cells.values() for cell in cells} <= {"provisional", "provisional, empty"}


def a_night(settings: Settings, instance: dg.DagsterInstance, day: date) -> None:
    """What the daemon does five past midnight after a day: the run the schedule asks for, then what follows it."""
    repository = build_defs(settings).get_repository_def()
    at = datetime(day.year, day.month, day.day, 0, 5, tzinfo=UTC) + timedelta(days=1)
    asked = repository.get_schedule_def("daily_schedule").evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    )
    [request] = asked.run_requests or ()
    assert request.partition_key == str(day)
    starts: dict[str, str | None] = {
        "daily": request.partition_key,
        "weekly": str(period_start("week", day)),
        "monthly": str(period_start("month", day)),
        "views": None,
    }
    for name, start in starts.items():
        tags = dict(request.tags) if name == "daily" else {}
        done = repository.get_job(name).execute_in_process(instance=instance, tags=tags, partition_key=start)
        assert done.success, name


def findings(settings: Settings, yesterday: date) -> set[str]:
    """What doctor finds wrong on the day after."""
    found = doctor.examine(settings, Catalog.of(settings), yesterday + timedelta(days=1))
    return {finding.subject for finding in found if not finding.is_well}


def useful(database: Database) -> dict[str, object]:
    """What a reader opens first: where the index leads, and the last day and number of rows of the views."""
    page = (database.settings.reports_dir / "index.html").read_text(encoding="utf-8")
    latest = re.findall(r'<div class="label">Newest .*?<a href="([^"]*)"', page, re.DOTALL)
    assert latest
    for path in latest:
        report = (database.settings.reports_dir / path).with_suffix(".json")
        assert json.loads(report.read_text(encoding="utf-8"))["state"]["is_empty"] is False
    leading = [path for path in latest if "/daily/" in path]
    counts = {view: ask(database.settings.database_url, f"select count(*)::int as n from {view}") for view in VIEWS}
    return {"leading": leading, **counts}


def final_days(database: Database) -> list[date]:
    """The days that are final in every table that is kept by day."""
    found = ask(
        database.settings.database_url, "select day from ops.days group by 1 having bool_and(is_final) order by 1"
    )
    return [row["day"] for row in found]


@pytest.fixture
def demo(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A small demo on the database of the test; its days are run without Dagster."""
    monkeypatch.setattr(samples, "DEMO_DAYS", 3)
    make = samples._make_events
    monkeypatch.setattr(samples, "_make_events", lambda *of: make(*of, events_per_day=20))

    def run(settings: Settings, first: date, last: date, _: str) -> None:
        load_and_aggregate(Database(settings), first, last, ["registry"])

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
    tables = all_tables(demo)
    times = {path: (demo.landing_dir / path).stat().st_mtime_ns for path in files(demo)}
    assert call("demo --last-day 2025-03-31", environment).exit_code == 0
    assert all_tables(demo) == tables
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
    assert {table: rows for table, rows in all_tables(demo).items() if rows} == {}
    assert Demonstration(demo).known() is None
    assert call("demo --remove", environment).stdout == "no demo is there\n"


def test_files_of_others_are_not_overwritten(demo: Settings) -> None:
    write(demo, "download_events/2025-03-31.ndjson.zst", [download(1, LAST)])
    refused = call("demo --last-day 2025-03-31", variables(demo))
    assert refused.exit_code == 1
    assert "1 file below" in refused.stderr
    assert "download_events/2025-03-31.ndjson.zst" in refused.stderr
    assert files(demo) == {"download_events/2025-03-31.ndjson.zst"}
